"""What a hub holds by events that the cloud may not know (DESIGN section 7).

Portions that were added, counted or brought back at a hub are its own at once, and the cloud's when it is told. A
restore between the two sets what there is without them: the hub must go on with no more than the cloud counts as its.
It doesn't know how many of its events have come there, so what counts is the most that any number of the last ones can
have added: an addition raises it, a sale after that lowers it, and never below nothing.
"""

from msgspec.structs import replace

from .hub import HubBooks, Mirror, held
from .key import StockKey
from .stock import Stock


def told_by(known: Mirror, seq: int, more: int, acked_seq: int) -> Mirror:
    """The mirror after the event `seq`, with which the hub holds so much more; up to `acked_seq` the cloud has them."""
    before = _untold(known, acked_seq)
    untold = max(0, before + more)
    if untold == before:
        return known
    return replace(known, untold=untold, untold_seq=seq if more > 0 else known.untold_seq)


def settled(known: Mirror) -> Mirror:
    """The mirror after the hub has given back what it could: for what it had promised of it there is an incident."""
    return replace(known, untold=0, untold_seq=0)


def let_go(stock: Stock, books: HubBooks, done: set[StockKey]) -> tuple[int, int]:
    """What a hub gives back of a stock that is restored, and what it has promised already of what it should: once,
    however often the stock is restored at a time. `done` are those of which it has."""
    known = books.mirrors.get(stock.key)
    if known is None or stock.key in done:
        return 0, 0
    done.add(stock.key)
    untold = min(_untold(known, books.acked_seq), held(stock))
    free = min(untold, max(0, stock.left)) if stock.is_limited else untold
    return free, untold - free


def _untold(known: Mirror, acked_seq: int) -> int:
    """After the last event that has added any, all that the cloud doesn't know are sales."""
    return known.untold if known.untold_seq > acked_seq else 0
