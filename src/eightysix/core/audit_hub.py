"""Whether what a store's hubs hold agrees with what is known of them."""

from collections.abc import Iterator

from .finding import Books, Finding, Rule
from .hub import risks
from .reservation import State


def hub_findings(books: Books) -> Iterator[Finding]:
    """What a hub that was replaced holds, or nobody: that was written off with it, once.

    A hub's own books know no hubs: there the grant is the cloud's part.
    """
    fenced = {hub.hub_id for hub in books.hubs if hub.is_fenced}
    for hub in books.hubs:
        for key, quantity in risks(hub):
            if quantity < 0:
                yield Finding(Rule.NEGATIVE, books.store, key, found=quantity, detail="at_risk")
    for each in books.reservations:
        if each.hub_id in fenced and each.state is State.LOCKED:
            yield Finding(
                Rule.HUB_GRANT,
                books.store,
                order_id=each.order_id,
                expected=0,
                found=each.quantity,
                detail=each.hub_id or "",
            )
    if len(fenced) < len(books.hubs) or not books.hubs:
        return
    for stock in books.stocks:
        if stock.grant:
            yield Finding(Rule.HUB_GRANT, books.store, stock.key, expected=0, found=stock.grant)
