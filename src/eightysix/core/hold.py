"""Who holds a stock: the order lines that have locked some of it and are not paid."""

from collections.abc import Iterable
from typing import NamedTuple

from .key import StockKey
from .reservation import Reservation


class Hold(NamedTuple):
    """A line and how many thousandths of the stock it has locked."""

    line: Reservation
    quantity: int


def holds(lines: Iterable[Reservation], key: StockKey, now: int) -> list[Hold]:
    """What is live of `lines` and holds the stock, the newest lock first."""
    found = [
        Hold(line, quantity)
        for line in lines
        if line.is_live(now)
        and (quantity := sum(take.amount(line.quantity) for take in line.takes if take.counted and take.key == key))
    ]
    found.sort(key=lambda hold: (hold.line.locked_at, hold.line.order_id, hold.line.line), reverse=True)
    return found
