"""What an order line holds (DESIGN section 4)."""

from collections import defaultdict
from collections.abc import Iterable
from enum import IntEnum

import msgspec

from .key import StockKey
from .quantity import UNIT


class State(IntEnum):
    """State of one reservation. A LOCKED one past its time is as dead as an EXPIRED one."""

    LOCKED = 1
    DEDUCTED = 2
    UNLOCKED = 3
    RETURNED = 4
    EXPIRED = 5


class Take(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A stock that a line took from, frozen at the lock.

    `ratio` is how many thousandths of the stock one portion takes. `counted` says that the take was added to the
    stock's `locked`; a later verb takes back exactly that, whatever the stock's type is by then.
    """

    object_type: int
    object_id: int
    ratio: int = UNIT
    counted: bool = True

    @property
    def key(self) -> StockKey:
        """The stock it took from."""
        return StockKey(self.object_type, self.object_id)

    def amount(self, quantity: int) -> int:
        """Thousandths of the stock for `quantity` thousandths of the line; exact by admission."""
        return quantity if self.ratio == UNIT else quantity * self.ratio // UNIT


LineKey = tuple[int, int]
"""(sku_id, line_no): a line within an order; a further round of the same dish has another `line_no`."""


class Reservation(msgspec.Struct, frozen=True, gc=False):
    """One line of one order. Quantities in thousandths.

    `requested` is the quantity first asked for and never changes: it tells a replay from a mismatch.
    `quantity` is what is locked while LOCKED, what was deducted afterwards, what was held when it ended otherwise.
    `revision` counts the row's writes and guards each of them; 0 means not written yet.
    `log_seq` is the order's last log row when this line was last written, 0 where there was none; None if an earlier
    program wrote the line. `hub_id`: the order's home is that hub; None: the cloud, or at a hub that hub itself.
    """

    order_id: str
    sku_id: int
    line_no: int
    channel_code: str
    state: State
    requested: int
    quantity: int
    locked_at: int
    expires_at: int
    takes: tuple[Take, ...]
    returned: int = 0
    restocked: int = 0
    revision: int = 0
    log_seq: int | None = 0
    hub_id: str | None = None

    @property
    def kept(self) -> int:
        """What counts in its channel's `used`: locked + deducted − restocked."""
        if self.state is State.LOCKED:
            return self.quantity
        return self.quantity - self.restocked if self.state in (State.DEDUCTED, State.RETURNED) else 0

    @property
    def line(self) -> LineKey:
        return (self.sku_id, self.line_no)

    def is_live(self, now: int) -> bool:
        """Whether the lock still holds at `now`; it is dead the moment its time passes."""
        return self.state is State.LOCKED and self.expires_at > now

    def is_dead(self, now: int) -> bool:
        """LOCKED past its time or EXPIRED: one state, whether the sweep has been there or not."""
        return self.state is State.EXPIRED or (self.state is State.LOCKED and self.expires_at <= now)


def locked_by(reservations: Iterable[Reservation]) -> defaultdict[StockKey, int]:
    """What the LOCKED ones have added to each stock's `locked`; what a hub has locked is part of its grant."""
    held: defaultdict[StockKey, int] = defaultdict(int)
    for reservation in reservations:
        if reservation.state is State.LOCKED and reservation.hub_id is None:
            for take in reservation.takes:
                if take.counted:
                    held[take.key] += take.amount(reservation.quantity)
    return held


def last_log_seq(lines: Iterable[Reservation]) -> int | None:
    """The seq of the order's last log row, 0 where it has none, None where that isn't known."""
    newest, unknown = 0, False
    for line in lines:
        if line.log_seq is None:
            unknown = True
        elif line.log_seq > newest:
            newest = line.log_seq
    return newest or (None if unknown else 0)
