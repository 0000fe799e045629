"""What a channel has used of a stock, counted anew from its reservations (docs/decisions/0004)."""

from .invariant import invariant
from .key import StockKey
from .reservation import Reservation
from .shelf import Shelf


def reservations_now(shelf: Shelf) -> list[Reservation]:
    """Those that were loaded for counting anew, and the batch's own, as the batch left them."""
    loaded = {(each.order_id, each.line): each for each in shelf.taken or ()}
    current = {(order_id, line): each for order_id, lines in shelf.orders.items() for line, each in lines.items()}
    return list((loaded | current).values())


def taken_since(shelf: Shelf, key: StockKey, channel_code: str, since: int) -> int:
    """What the channel has taken of the stock since then, from its reservations as this batch left them.

    Nothing can have been taken since now; for anything earlier the period's reservations must have been loaded.
    """
    invariant(shelf.taken is not None or since >= shelf.now, f"what was taken of {key} was not loaded")
    return sum(
        take.amount(each.kept)
        for each in reservations_now(shelf)
        if each.channel_code == channel_code and each.locked_at >= since
        for take in each.takes
        if take.key == key
    )
