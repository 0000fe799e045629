"""A hub that is gone: its grants are written off, and it is fenced (DESIGN section 7).

What it held may be sold, or may still be on the counter; nobody can ask it. So that nobody sells it twice it is taken
out of what there is, and somebody has to look: an incident each. What the hub sold before it was gone, should it ever
be told, settles what was written off.
"""

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from .change import HUB_LOST, Kind
from .command import WriteOffHub
from .draft import Draft
from .hub import Hub, named, risks
from .key import StockKey
from .outcome import Code, GrantTotal, HubWrittenOff, Refused
from .reservation import Reservation, State
from .shelf import Decision, Shelf
from .used import reservations_now


def write_off(command: WriteOffHub, shelf: Shelf) -> Decision:
    """Lower real and grant of every stock by what the hub holds, with an incident each; what it has locked is no
    longer kept. The whole store and its LOCKED reservations must be on the shelf. Done before: told what is still at
    risk."""
    hub = shelf.hubs.get(command.hub_id) or Hub(command.hub_id)
    if hub.is_fenced:
        at_risk = tuple(GrantTotal(key, -quantity, 0) for key, quantity in risks(hub))
        return Decision(HubWrittenOff(at_risk, replayed=True))
    if shelf.catalogue.hub(shelf.store.brand_id, shelf.store.poi_id) not in (None, command.hub_id):
        return Decision(Refused(Code.HUB_NOT_FOUND, field="hub_id"))  # what is granted is another hub's
    draft = Draft(shelf, command.actor, hub_id=command.hub_id)
    dead = list(_expired(shelf, command.hub_id))
    freed = {key: None for line in dead for key in _free(draft, line)}
    written_off: list[GrantTotal] = []
    for key in sorted(draft.known()):
        stock = draft.stock(key)
        quantity = stock.grant
        if quantity:
            lost = quantity if stock.is_limited else 0
            draft.hand_over(key, Kind.WRITE_OFF, -lost, grant=-quantity, real=-quantity, reason=command.reason)
            draft.open_incident(key, HUB_LOST, quantity, command.reason)
            written_off.append(GrantTotal(key, -quantity, 0))
        elif key in freed:  # what a channel may sell has changed, so the store's sequence must move
            draft.note(key, Kind.WRITE_OFF, _EXPIRED, command.reason)
    decision = draft.decision(HubWrittenOff(tuple(written_off)))
    decision.reservations = [replace(line, state=State.EXPIRED, revision=line.revision + 1) for line in dead]
    decision.hub = replace(hub, fenced_at=shelf.now, at_risk=named((each.key, -each.given) for each in written_off))
    return decision


_EXPIRED = msgspec.json.encode({"expired": True}).decode()


def _expired(shelf: Shelf, hub_id: str) -> Iterator[Reservation]:
    """What the hub has locked, as far as it has told."""
    for line in reservations_now(shelf):
        if line.hub_id == hub_id and line.state is State.LOCKED:
            yield line


def _free(draft: Draft, line: Reservation) -> Iterator[StockKey]:
    """Take back what the line counted in its channel's `used`; of which stocks that changed it."""
    for take in line.takes:
        if draft.free_used(take.key, line.channel_code, take.amount(line.kept), line.locked_at):
            yield take.key
