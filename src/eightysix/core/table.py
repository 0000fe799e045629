"""The state table of an order line (DESIGN section 4), as data. A test compares it with the contract cell by cell."""

from enum import IntEnum

from .outcome import Code
from .reservation import Reservation, State


class Situation(IntEnum):
    """Where a line stands when a verb meets it. DEAD is LOCKED past its time or EXPIRED."""

    NONE = 0
    LIVE = 1
    DEAD = 2
    DEDUCTED = 3
    UNLOCKED = 4
    RETURNED = 5


class Verb(IntEnum):
    """The table's columns. A lock is the same request if channel and the quantity first asked for are the same."""

    LOCK_SAME = 0
    LOCK_OTHER = 1
    DEDUCT = 2
    UNLOCK = 3
    RETURN = 4
    AMEND = 5


class Step(IntEnum):
    """What a verb may do with a line, where it doesn't refuse."""

    ACT = 0
    REPLAY = 1


_ACT, _REPLAY = Step.ACT, Step.REPLAY

TABLE: tuple[tuple[Step | Code, ...], ...] = (
    # lock same, lock other, deduct, unlock, return, amend
    (_ACT, _ACT, Code.ORDER_NOT_FOUND, _ACT, Code.ORDER_NOT_FOUND, Code.ORDER_NOT_FOUND),  # none
    (_REPLAY, Code.IDEMPOTENCY_MISMATCH, _ACT, _ACT, Code.NOT_DEDUCTED, _ACT),  # live
    (_ACT, _ACT, Code.LOCK_EXPIRED, _ACT, Code.NOT_DEDUCTED, Code.LOCK_EXPIRED),  # dead
    (Code.ALREADY_DEDUCTED, Code.ALREADY_DEDUCTED, _REPLAY, Code.ALREADY_DEDUCTED, _ACT, Code.ALREADY_DEDUCTED),
    (
        Code.ALREADY_UNLOCKED,
        Code.ALREADY_UNLOCKED,
        Code.ALREADY_UNLOCKED,
        _REPLAY,
        Code.NOT_DEDUCTED,
        Code.ALREADY_UNLOCKED,
    ),
    (
        Code.ALREADY_RETURNED,
        Code.ALREADY_RETURNED,
        Code.ALREADY_RETURNED,
        Code.ALREADY_RETURNED,
        _REPLAY,
        Code.ALREADY_RETURNED,
    ),
)
"""TABLE[situation][verb]"""

_SITUATION = {
    State.DEDUCTED: Situation.DEDUCTED,
    State.UNLOCKED: Situation.UNLOCKED,
    State.RETURNED: Situation.RETURNED,
    State.EXPIRED: Situation.DEAD,
}


def situation(reservation: Reservation | None, now: int) -> Situation:
    """Where a line stands at `now`."""
    if reservation is None:
        return Situation.NONE
    if reservation.state is State.LOCKED:
        return Situation.LIVE if reservation.expires_at > now else Situation.DEAD
    return _SITUATION[reservation.state]
