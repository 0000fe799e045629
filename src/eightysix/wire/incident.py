"""Incidents on the wire: what is asked for, how one is shown, and how it is resolved."""

import base64
import binascii
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, TypeVar

import msgspec

from eightysix.core.change import Incident
from eightysix.core.command import Actor, ResolveIncident
from eightysix.core.hold import Hold
from eightysix.core.instant import to_iso
from eightysix.core.key import StoreKey
from eightysix.core.outcome import IncidentResolved
from eightysix.core.quantity import as_number
from eightysix.core.resolving import HOWS, RECOUNT, uncovered
from eightysix.core.stock import Stock

from .fields import MAX_ID_LENGTH, Body, Identifier, Quantity, Reason, documented, integer, quantity, text, whole
from .problem import Problem, Rejection
from .stock import Number, StockRowAnswer, stock_answer

MAX_INCIDENTS = 500
MAX_AFFECTED = 1_000
"""Order lines that are shown with an incident."""

MAX_INCIDENT_ID = 1_000
"""Characters: both ids may be of any script."""

How = Annotated[str, documented(enum=list(HOWS))]
T = TypeVar("T")


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ended: after the incident of this store and seq, opened at that moment."""

    opened_at: int
    poi_id: str
    seq: int


class _Named(msgspec.Struct, frozen=True, array_like=True):
    brand_id: str
    poi_id: str
    seq: int


class IncidentQuery(Body):
    """A brand's incidents, or a store's, a page of them; with `open` those that nobody has resolved."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier | None = msgspec.field(name="poiId", default=None)
    open: bool = False
    cursor: str | None = None
    limit: Annotated[int, whole(1, MAX_INCIDENTS)] = 100

    def most(self) -> int:
        return integer(self.limit, "limit", 1, MAX_INCIDENTS)

    def place(self) -> Place | None:
        """Where the page before ended."""
        if self.cursor is None:
            return None
        place = _opened(self.cursor, Place)
        if place is None or not 0 < place.seq < 2**63 or not 0 <= place.opened_at < 2**53:
            raise Rejection(Problem.VALUE_INVALID, "cursor", why="not a cursor of ours")
        return place


class ResolveBody(Body):
    """How an incident is resolved: `cancel` the newest unpaid orders until what is promised fits, `accept` what was
    sold beyond as having been there, or `recount`: `counted_quantity` is there now."""

    how: How
    reason: Reason
    counted_quantity: Quantity | None = None

    def command(self, store: StoreKey, seq: int, actor: Actor) -> ResolveIncident:
        if self.how not in HOWS:
            raise Rejection(Problem.UNKNOWN_VALUE, "how")
        return ResolveIncident(store, seq, self.how, actor, text(self.reason, "reason"), self._counted())

    def _counted(self) -> int | None:
        if self.how != RECOUNT:
            if self.counted_quantity is not None:
                raise Rejection(Problem.VALUE_INVALID, "counted_quantity", why="only a recount says what was counted")
            return None
        if self.counted_quantity is None:
            raise Rejection(Problem.MISSING_FIELD, "counted_quantity")
        return quantity(Decimal(self.counted_quantity), "counted_quantity")


class IncidentAnswer(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A broken promise. `quantity` is by how much, `hub_id` the hub that told of it, or whose grant was written off.
    While `resolved_at` is null it is open."""

    incident_id: str
    brand_id: str = msgspec.field(name="brandId")
    poi_id: str = msgspec.field(name="poiId")
    kind: str
    object_type: int
    object_id: int
    quantity: Number
    order_id: str | None
    actor: str
    reason: str | None
    opened_at: str
    hub_id: str | None
    resolved_at: str | None
    resolved_by: str | None
    how: str | None
    resolution: str | None


class IncidentTold(msgspec.Struct, frozen=True, gc=False):
    """What a message says of an incident, as it is now: no more than who follows the store may know. It is about the
    message's stock; while `resolved_at` is null it is open. Told whatever version the stock has."""

    incident_id: str
    kind: str
    quantity: Number
    opened_at: str
    resolved_at: str | None
    how: str | None


class IncidentsAnswer(msgspec.Struct, frozen=True, gc=False):
    """Newest first; `cursor` leads to the next page and is null on the last."""

    items: list[IncidentAnswer]
    cursor: str | None


class AffectedLine(msgspec.Struct, frozen=True, gc=False):
    """An order line that nobody has paid yet and that holds some of the stock: `held_quantity` of it. With a `hub_id`
    the order is that hub's, and can't be cancelled from here."""

    order_id: str
    sku_id: int
    line_no: int
    channel_code: str
    quantity: Number
    held_quantity: Number
    locked_at: str
    expires_at: str
    hub_id: str | None


class IncidentShown(IncidentAnswer, frozen=True, gc=False, kw_only=True):
    """An incident with its stock as it is now, how much of what is promised of that isn't there, and who waits for it:
    the newest first, which `cancel` takes first; a thousand lines at most."""

    stock: StockRowAnswer
    uncovered_quantity: Number
    affected: list[AffectedLine]


class CancelledLine(msgspec.Struct, frozen=True, gc=False):
    """An order line that was unlocked to resolve the incident."""

    order_id: str
    sku_id: int
    line_no: int
    channel_code: str
    quantity: Number


class ResolvedAnswer(IncidentAnswer, frozen=True, gc=False, kw_only=True):
    """An incident after it was resolved. What it left is the quantity of another one, `opened`; null: nothing.
    With `replayed` it had been resolved like this before."""

    replayed: bool
    cancelled: list[CancelledLine]
    opened: IncidentAnswer | None
    stock: StockRowAnswer
    uncovered_quantity: Number


def incident_id(store: StoreKey, seq: int) -> str:
    """The id of an incident: opaque, one part of a path."""
    return _closed(_Named(store.brand_id, store.poi_id, seq))


def read_incident_id(value: str) -> tuple[str, str, int] | None:
    """(brandId, poiId, seq); None for what isn't an id of ours."""
    named = _opened(value, _Named) if len(value) <= MAX_INCIDENT_ID else None
    if named is None or not 0 < named.seq < 2**63:
        return None
    for each in (named.brand_id, named.poi_id):
        if not 0 < len(each) <= MAX_ID_LENGTH:
            return None
    return named.brand_id, named.poi_id, named.seq


def incidents_answer(found: Sequence[tuple[StoreKey, Incident]], most: int) -> IncidentsAnswer:
    """A page of at most `most`, one more than that was read to see whether there is another."""
    shown = found[:most]
    cursor = None
    if len(found) > most:
        store, last = shown[-1]
        cursor = _closed(Place(last.opened_at, store.poi_id, last.seq))
    return IncidentsAnswer([incident_answer(*each) for each in shown], cursor)


def incident_answer(store: StoreKey, incident: Incident) -> IncidentAnswer:
    """An incident as the wire shows it."""
    return IncidentAnswer(**_fields(store, incident))


def incident_told(store: StoreKey, incident: Incident) -> IncidentTold:
    """An incident as a message tells of it."""
    return IncidentTold(
        incident_id(store, incident.seq),
        incident.kind,
        as_number(incident.quantity),
        to_iso(incident.opened_at),
        None if incident.resolved_at is None else to_iso(incident.resolved_at),
        incident.how,
    )


def incident_shown(store: StoreKey, incident: Incident, stock: Stock, holds: Sequence[Hold]) -> IncidentShown:
    """The same with what is to be known of its stock."""
    return IncidentShown(
        **_fields(store, incident),
        stock=stock_answer(stock),
        uncovered_quantity=as_number(uncovered(stock)),
        affected=[_affected(hold) for hold in holds[:MAX_AFFECTED]],
    )


def resolved_answer(store: StoreKey, done: IncidentResolved) -> ResolvedAnswer:
    """What resolving it came to."""
    return ResolvedAnswer(
        **_fields(store, done.incident),
        replayed=done.replayed,
        cancelled=[
            CancelledLine(each.order_id, each.sku_id, each.line_no, each.channel_code, as_number(each.quantity))
            for each in done.cancelled
        ],
        opened=None if done.opened is None else incident_answer(store, done.opened),
        stock=stock_answer(done.stock, done.channels),
        uncovered_quantity=as_number(uncovered(done.stock)),
    )


def _fields(store: StoreKey, incident: Incident) -> dict[str, Any]:
    return {
        "incident_id": incident_id(store, incident.seq),
        "brand_id": store.brand_id,
        "poi_id": store.poi_id,
        "kind": incident.kind,
        "object_type": incident.key.object_type,
        "object_id": incident.key.object_id,
        "quantity": as_number(incident.quantity),
        "order_id": incident.order_id,
        "actor": incident.actor,
        "reason": incident.reason,
        "opened_at": to_iso(incident.opened_at),
        "hub_id": incident.hub_id,
        "resolved_at": None if incident.resolved_at is None else to_iso(incident.resolved_at),
        "resolved_by": incident.resolved_by,
        "how": incident.how,
        "resolution": incident.resolution,
    }


def _affected(hold: Hold) -> AffectedLine:
    line = hold.line
    return AffectedLine(
        line.order_id,
        line.sku_id,
        line.line_no,
        line.channel_code,
        as_number(line.quantity),
        as_number(hold.quantity),
        to_iso(line.locked_at),
        to_iso(line.expires_at),
        line.hub_id,
    )


def _closed(value: msgspec.Struct) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).decode().rstrip("=")


def _opened(text_: str, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text_ + "=" * (-len(text_) % 4)), type=kind)
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        return None
