"""What the cloud grants a hub of its store's stocks, and takes back (DESIGN section 7).

Whatever is granted is nobody else's until the hub has said that it has given it back. So a request whose answer got
lost leaves a grant that is too high for a while and never one that two sides sell from; asked again, with the same id,
it is told the same.
"""

import msgspec
from msgspec.structs import replace

from .availability import grantable
from .change import Kind
from .command import MoveGrants
from .draft import Draft
from .hub import GrantChange, Hub
from .key import StockKey
from .outcome import Code, GrantsMoved, GrantTotal, Refused
from .quantity import floor_to
from .request import digest_of, remember_as
from .shelf import Decision, Shelf


def move_grants(command: MoveGrants, shelf: Shelf) -> Decision:
    """Give what is there, up to what is asked, in whole units of the item; take back what the hub gives."""
    hub = shelf.hubs.get(command.hub_id)
    if hub is not None and hub.is_fenced:
        return Decision(Refused(Code.HUB_FENCED, field="device_id"))
    if shelf.catalogue.hub(shelf.store.brand_id, shelf.store.poi_id) != command.hub_id:
        return Decision(Refused(Code.HUB_NOT_FOUND, field="device_id"))
    if not command.changes:
        totals = (GrantTotal(key, 0, stock.grant) for key, stock in sorted(shelf.stocks.items()) if stock.grant)
        return Decision(GrantsMoved(tuple(totals)))
    record = shelf.requests.get(command.request_id)
    if record is not None:
        if record.digest != _digest(command):
            return Decision(Refused(Code.IDEMPOTENCY_MISMATCH, field="request_id"))
        return Decision(replace(msgspec.json.decode(record.outcome, type=GrantsMoved), replayed=True))
    draft = Draft(shelf, command.actor)
    totals_by_key: dict[StockKey, GrantTotal] = {}
    for at, change in enumerate(command.changes):
        if draft.stock(change.key).grant + change.delta < 0:
            return Decision(Refused(Code.GRANT_EXCEEDED, field=f"changes[{at}].delta", stock=draft.stock(change.key)))
        given = _move(draft, change)
        before = totals_by_key.get(change.key)
        given += 0 if before is None else before.given
        totals_by_key[change.key] = GrantTotal(change.key, given, draft.stock(change.key).grant)
    outcome = GrantsMoved(tuple(totals_by_key.values()))
    remember_as(command.request_id, _digest(command), draft, outcome)
    decision = draft.decision(outcome)
    if hub is None and decision.stocks:
        decision.hub = Hub(command.hub_id)
    return decision


def _move(draft: Draft, change: GrantChange) -> int:
    """Give or take back; how much it was, negative where it was taken back."""
    given = change.delta if change.delta < 0 else _given(draft, change)
    if given:
        draft.hand_over(change.key, Kind.GRANT, given, grant=given)
    return given


def _given(draft: Draft, change: GrantChange) -> int:
    """What is gone from the menu is sold by nobody."""
    item = draft.catalogue.item(draft.store.brand_id, *change.key)
    there = 0 if item is None else grantable(draft, draft.stock(change.key))
    return 0 if item is None else floor_to(min(change.delta, there), item.decimals)


def _digest(command: MoveGrants) -> bytes:
    return digest_of("MoveGrants", command.hub_id, command.changes)
