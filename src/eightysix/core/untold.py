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


def let_go(stock: Stock, books: HubBooks) -> tuple[int, int]:
    """What a hub gives back of a stock that is restored, and what it has promised already of what it should."""
    if not stock.is_limited:
        return 0, 0
    untold = min(untold_of(stock.key, books), held(stock))
    free = min(untold, max(0, stock.left))
    return free, untold - free


def untold_of(key: StockKey, books: HubBooks) -> int:
    """By how much the hub may hold more of a stock than the cloud counts as its, in thousandths."""
    known = books.mirrors.get(key)
    return 0 if known is None else _untold(known, books.acked_seq)


def _untold(known: Mirror, acked_seq: int) -> int:
    """After the last event that has added any, all that the cloud doesn't know are sales."""
    return known.untold if known.untold_seq > acked_seq else 0
