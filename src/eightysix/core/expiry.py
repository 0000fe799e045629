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


def expire_order(shelf: Shelf, order_id: str) -> Decision:
    """Release every lock of the order whose time has passed; what a hub has locked is the hub's to release."""
    draft = Draft(shelf, TIMER, order_id)
    for reservation in draft.lines().values():
        is_here = reservation.hub_id is None
        if is_here and reservation.state is State.LOCKED and reservation.expires_at <= draft.now:
            give_back(draft, reservation, reservation.quantity, Kind.EXPIRE)
            draft.keep(replace(reservation, state=State.EXPIRED))
    return draft.decision(LocksExpired(1))
