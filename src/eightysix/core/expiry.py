"""Expiry: locks whose time has passed are released, as ordinary changes (DESIGN section 4)."""

from msgspec.structs import replace

from .change import Kind
from .command import Actor
from .draft import Draft
from .outcome import LocksExpired
from .reservation import State
from .shelf import Decision, Shelf
from .take import give_back

TIMER = Actor("eightysix", "timer")


def expire(shelf: Shelf) -> list[Decision]:
    """A decision for each order on the shelf that has due locks; empty where nothing is due."""
    return [_expire_order(shelf, due.order_id) for due in shelf.due if due.due_at <= shelf.now]


def _expire_order(shelf: Shelf, order_id: str) -> Decision:
    draft = Draft(shelf, TIMER, order_id)
    for reservation in draft.lines().values():
        if reservation.state is State.LOCKED and reservation.expires_at <= draft.now:
            give_back(draft, reservation, reservation.quantity, Kind.EXPIRE)
            draft.keep(replace(reservation, state=State.EXPIRED))
    return draft.decision(LocksExpired(1))
