"""Settling an incident: cancel what was promised too much, accept it, or count anew (DESIGN section 7).

Of what of a stock is promised and isn't there, an incident answers for its own quantity at most, and other open ones
for the rest. *cancel* takes back the newest promises that nobody has paid; *accept* takes what was sold or promised
beyond as having been there; *recount* says what is there. Each takes the incident's part out of `oversold`. What is not
settled by it is the quantity of another incident: none is ever closed over food that somebody still waits for.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from .availability import left_for
from .catalogue import Channel
from .change import BEYOND_CHANNEL, Incident, Kind
from .command import ResolveIncident
from .draft import Draft
from .hold import Hold, holds
from .invariant import invariant
from .key import StockKey
from .outcome import CancelledLine, Code, IncidentResolved, Refused
from .quantity import is_whole
from .request import digest_of, own_id, remember_as
from .reservation import Reservation, State
from .setting import BELOW_PROMISED
from .sharing import channel_changes, share_out
from .shelf import Decision, Shelf
from .stock import Stock
from .take import give_back

CANCEL, ACCEPT, RECOUNT = "cancel", "accept", "recount"
HOWS = (CANCEL, ACCEPT, RECOUNT)

CANCELS_MOST = 1_000
"""Lines that one command cancels; what is uncovered then is another incident's. A transaction that works for seconds
would be ended by the database, and orders wait for it."""


class _Kept(msgspec.Struct, frozen=True, gc=False):
    """How an incident was resolved, for whoever asks the same again."""

    how: str
    counted: int | None
    cancelled: tuple[CancelledLine, ...]
    opened: Incident | None


class _Shortage(NamedTuple):
    """What of a stock is promised and isn't there, and what of `oversold` is the incident's. `own` of it is what the
    incident answers for, `others` what other open ones do."""

    own: int
    others: int
    oversold: int


class _Cancelled(NamedTuple):
    """The lines that were cancelled, and what of the incident is left nevertheless."""

    lines: tuple[CancelledLine, ...] = ()
    rest: int = 0


_NOTHING = _Cancelled()


def resolution_id(seq: int) -> str:
    """Under what is remembered how the incident was resolved."""
    return own_id("incident", seq)


def resolve(command: ResolveIncident, shelf: Shelf) -> Decision:
    """Settle it once, in the cloud. The orders that hold its stock must be on the shelf, where some are to be
    cancelled."""
    # the cloud has a hub's too, told by its journal, where it would stay open
    invariant(shelf.books is None, "a hub leaves its incidents to the cloud")
    incident = shelf.incidents.get(command.seq)
    if incident is None:
        return Decision(Refused(Code.INCIDENT_NOT_FOUND))
    draft = Draft(shelf, command.actor)
    if not incident.is_open:
        return Decision(_again(command, incident, shelf, draft))
    refusal = _wrong(command, incident, draft)
    if refusal is not None:
        return Decision(refusal)
    shortage = shortage_of(draft.stock(incident.key), incident)
    cancelled = _NOTHING
    if command.how == CANCEL:
        cancelled = _cancel(draft, shelf, incident, shortage, command.reason)
        if cancelled.rest and not cancelled.lines:
            return Decision(Refused(Code.NOTHING_TO_CANCEL, stock=draft.stock(incident.key)))
    opened = _settle(draft, command, incident, shortage, cancelled)
    resolved = replace(
        incident,
        resolved_at=draft.now,
        resolved_by=command.actor.name,
        how=command.how,
        resolution=command.reason,
    )
    kept = _Kept(command.how, command.counted, cancelled.lines, opened)
    remember_as(resolution_id(incident.seq), digest_of(command.how, command.counted), draft, kept)
    decision = draft.decision(IncidentResolved(resolved, cancelled.lines, *_row(draft, incident.key), opened))
    decision.resolved = resolved
    return decision


def _again(command: ResolveIncident, incident: Incident, shelf: Shelf, draft: Draft) -> IncidentResolved | Refused:
    """The outcome of before, if it was resolved like this."""
    record = shelf.requests.get(resolution_id(incident.seq))
    if record is None or record.digest != digest_of(command.how, command.counted):
        return Refused(Code.ALREADY_RESOLVED)
    kept = msgspec.json.decode(record.outcome, type=_Kept)
    return IncidentResolved(incident, kept.cancelled, *_row(draft, incident.key), kept.opened, replayed=True)


def _row(draft: Draft, key: StockKey) -> tuple[Stock, tuple[Any, ...]]:
    return draft.stock(key), tuple(draft.channel_rows(key).values())


def _wrong(command: ResolveIncident, incident: Incident, draft: Draft) -> Refused | None:
    """What doesn't go with the stock as it is."""
    stock = draft.stock(incident.key)
    if command.counted is not None:
        item = draft.catalogue.item(draft.store.brand_id, *incident.key)
        if item is not None and not is_whole(command.counted, item.decimals):
            return Refused(Code.QUANTITY_TOO_FINE, field="counted_quantity")
    if not stock.is_limited and (command.how == RECOUNT or (command.how == CANCEL and incident.oversold)):
        # what is unlimited can't be counted, and no promise of it is too much: only accepting says something
        return Refused(Code.SETTING_INVALID, field="how", stock=stock)
    return None


def uncovered(stock: Stock) -> int:
    """What is promised and isn't there; of a stock that is unlimited by now, what was sold that wasn't there."""
    return max(0, -stock.left if stock.is_limited else -stock.real)


def shortage_of(stock: Stock, incident: Incident) -> _Shortage:
    """How much of what is uncovered the incident answers for."""
    short = uncovered(stock)
    oversold = min(incident.oversold, stock.oversold)
    own = min(oversold, short)
    return _Shortage(own, short - own, oversold)


def _settle(
    draft: Draft, command: ResolveIncident, incident: Incident, shortage: _Shortage, cancelled: _Cancelled
) -> Incident | None:
    """Write the stock without the incident's part of `oversold`, and the incident that goes on, where one has to."""
    before = draft.stock(incident.key)
    real = before.real
    if command.how == ACCEPT:
        real += shortage.own
    elif command.counted is not None:
        real = command.counted
    wanted = replace(before, real=real)
    short = max(0, uncovered(wanted) - shortage.others)
    wanted = replace(wanted, oversold=before.oversold - shortage.oversold + short)
    if real != before.real:
        wanted = replace(
            wanted,
            settings_version=before.settings_version + 1,
            updated_at=max(draft.now, before.updated_at + 1),
            settings_real=real,
        )
    rows = share_out(draft, wanted)
    opened = _opened(draft, command, incident, short or cancelled.rest)
    told: dict[str, Any] = {"resolved": _told(command, incident, opened, len(cancelled.lines))}
    for name in ("real", "oversold"):
        if getattr(before, name) != getattr(wanted, name):
            told[name] = [getattr(before, name), getattr(wanted, name)]
    if rows:
        told["channels"] = channel_changes(draft, rows)
    draft.settle(wanted, msgspec.json.encode(told).decode(), command.reason, opened)
    for row in rows:
        draft.put_channel(row)
    draft.watch(incident.key)
    return opened


def _opened(draft: Draft, command: ResolveIncident, incident: Incident, quantity: int) -> Incident | None:
    """The incident of what is not settled. Its log row is the next after that of the resolution, which names it."""
    if not quantity:
        return None
    counted = command.how == RECOUNT
    return Incident(
        draft.seq + 2,
        BELOW_PROMISED if counted else incident.kind,
        incident.key,
        quantity,
        None if counted else incident.order_id,
        command.actor.name,
        command.reason,
        draft.now,
        None if counted else incident.hub_id,
    )


def _told(
    command: ResolveIncident, incident: Incident, opened: Incident | None, cancelled: int
) -> Mapping[str, object]:
    """What the log row says of the resolution."""
    told: dict[str, object] = {
        "seq": incident.seq,
        "kind": incident.kind,
        "how": command.how,
        "quantity": incident.quantity,
    }
    if cancelled:
        told["cancelled"] = cancelled
    if opened is not None:
        told |= {"opened": opened.seq, "uncovered": opened.quantity}
    return told


def _beyond(draft: Draft, shelf: Shelf, incident: Incident) -> int:
    """How much of the incident's quantity is still more than its channel has."""
    channel = _channel_of(shelf, incident)
    if channel is None:
        return 0
    left = left_for(draft, draft.stock(incident.key), draft.channel_rows(incident.key), channel)
    return 0 if left is None else min(incident.quantity, max(0, -left))


def _channel_of(shelf: Shelf, incident: Incident) -> Channel | None:
    """The channel whose sale it was about; None where its order is no longer known, or the channel isn't."""
    for line in shelf.orders.get(incident.order_id or "", {}).values():
        if any(take.key == incident.key for take in line.takes):
            return shelf.catalogue.channel(shelf.store.brand_id, line.channel_code)
    return None


def _cancel(draft: Draft, shelf: Shelf, incident: Incident, shortage: _Shortage, reason: str) -> _Cancelled:
    """Unlock the newest lines that hold the stock, whole ones, until what the incident answers for is free; other
    lines of their orders stay. What a hub has locked isn't the cloud's to cancel."""
    needed = _rest(draft, shelf, incident, shortage)
    chosen: dict[str, list[Reservation]] = {}
    for hold in _cancellable(shelf, incident):
        if needed <= 0:
            break
        chosen.setdefault(hold.line.order_id, []).append(hold.line)
        needed -= hold.quantity
    for order_id, lines in chosen.items():
        draft.turn_to(order_id)
        for line in lines:
            give_back(draft, line, line.quantity, Kind.UNLOCK, reason=reason)
            draft.keep(replace(line, state=State.UNLOCKED))
    draft.turn_to(None)
    if chosen:
        draft.watch(incident.key)  # an unlock arms no threshold, what is settled may
    lines_cancelled = tuple(
        CancelledLine(line.order_id, line.sku_id, line.line_no, line.channel_code, line.quantity)
        for lines in chosen.values()
        for line in lines
    )
    return _Cancelled(lines_cancelled, _rest(draft, shelf, incident, shortage))


def _rest(draft: Draft, shelf: Shelf, incident: Incident, shortage: _Shortage) -> int:
    """How much of what the incident answers for is to be settled still."""
    if incident.kind == BEYOND_CHANNEL:
        return _beyond(draft, shelf, incident)
    return max(0, uncovered(draft.stock(incident.key)) - shortage.others) if shortage.own else 0


def _cancellable(shelf: Shelf, incident: Incident) -> list[Hold]:
    """Where one channel has sold too much, its own orders."""
    channel = _channel_of(shelf, incident) if incident.kind == BEYOND_CHANNEL else None
    lines = (line for lines in shelf.orders.values() for line in lines.values())
    return [
        hold
        for hold in holds(lines, incident.key, shelf.now)
        if hold.line.hub_id is None and (channel is None or hold.line.channel_code == channel.channel_code)
    ][:CANCELS_MOST]
