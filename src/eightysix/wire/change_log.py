"""The change log on the wire: what is asked for, rows as people read them, and the cursor between two pages."""

import base64
import binascii
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Annotated, Any

import msgspec

from eightysix.core.change import Kind, LogRow
from eightysix.core.instant import from_datetime, to_iso
from eightysix.core.key import StockKey, StoreKey
from eightysix.core.log_query import SEQ_END, LogQuery, LogSpan
from eightysix.core.quantity import as_number
from eightysix.core.stock import Allocation, RestoreTo

from .change import FieldChange, changes_answer
from .fields import (
    AwareInstant,
    Body,
    Digits,
    Identifier,
    InstantText,
    Integer,
    ObjectId,
    OneOrTwo,
    documented,
    identifier,
    instant,
    integer,
    object_id,
    text,
    whole,
    words,
)
from .problem import Problem, Rejection
from .stock import Number, object_type

KINDS = {kind.name.lower(): kind for kind in Kind}
PAGE_MOST = 1_000
EXPORT_MOST = 10_000

KindName = Annotated[str, documented(enum=list(KINDS))]
ActorName = Annotated[str, words(128)]
SourceName = Annotated[str, words(16)]


class _Asked(Body, kw_only=True):
    """What both calls take, besides the kinds and the times of recording: `from` counts in, `to` doesn't."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier = msgspec.field(name="poiId")
    object_type: OneOrTwo = 2
    object_id: ObjectId | None = None
    order_id: Identifier | None = None
    actor: ActorName | None = None
    source: SourceName | None = None
    channel_code: Identifier | None = None
    cursor: str | None = None

    def _query(self, kinds: Sequence[str], since: int | None, until: int | None) -> LogQuery:
        return LogQuery(
            _stock(self.object_type, self.object_id),
            None if self.order_id is None else identifier(self.order_id, "order_id"),
            None if self.actor is None else text(self.actor, "actor", 128),
            None if self.source is None else text(self.source, "source", 16),
            _kinds(kinds),
            None if self.channel_code is None else identifier(self.channel_code, "channel_code"),
            since,
            until,
        )


class LogBody(_Asked, kw_only=True):
    """Which changes of a store's stocks to show, newest first."""

    kind: KindName | list[KindName] | None = None
    since: AwareInstant | None = msgspec.field(name="from", default=None)
    until: AwareInstant | None = msgspec.field(name="to", default=None)
    limit: Annotated[int, whole(1, PAGE_MOST)] | Digits = 100

    def query(self) -> LogQuery:
        kinds = self.kind or []
        named = [kinds] if isinstance(kinds, str) else kinds
        since, until = (None if moment is None else from_datetime(moment) for moment in (self.since, self.until))
        return self._query(named, since, until)

    def most(self) -> int:
        return integer(self.limit, "limit", 1, PAGE_MOST)


class LogExportQuery(_Asked, kw_only=True):
    """Which changes to write as CSV, newest first; `kind` may come several times. `excel` puts a byte order mark first,
    without which Excel takes the file for another encoding."""

    kind: list[KindName] = msgspec.field(default_factory=list)
    since: InstantText | None = msgspec.field(name="from", default=None)
    until: InstantText | None = msgspec.field(name="to", default=None)
    excel: bool = False
    limit: Annotated[int, whole(1, EXPORT_MOST)] = EXPORT_MOST

    def query(self) -> LogQuery:
        since = None if self.since is None else instant(self.since, "from")
        until = None if self.until is None else instant(self.until, "to")
        return self._query(self.kind, since, until)

    def most(self) -> int:
        return integer(self.limit, "limit", 1, EXPORT_MOST)


class LogCounts(msgspec.Struct, frozen=True, gc=False):
    """A stock's counters at one moment, as they were: below zero after a sale of what wasn't there."""

    real_quantity: Number
    locked_quantity: Number


class LogChange(msgspec.Struct, frozen=True, gc=False):
    """One field that was set; `channel_code` where it is a channel's."""

    field: str
    channel_code: str | None
    before: Any
    after: Any


class LogRowAnswer(msgspec.Struct, frozen=True, gc=False):
    """One change of one stock.

    `quantity` is what the verb moved: locked, deducted, freed or returned; for what somebody set, by how much the count
    changed. `before` is null in rows that an early version wrote. `details` is what else is known, by kind.
    """

    seq: int
    object_type: int
    object_id: int
    kind: KindName
    quantity: Number
    before: LogCounts | None
    after: LogCounts
    changes: list[LogChange]
    details: dict[str, Any] | None
    reason: str | None
    actor: str
    source: str
    channel_code: str | None
    order_id: str | None
    event_id: str | None
    happened_at: str
    recorded_at: str


class LogAnswer(msgspec.Struct, frozen=True, gc=False):
    """A page. `cursor` leads to the next one, null where nothing is left; a page may hold fewer rows than were asked
    for, or none, and still have a next one."""

    rows: list[LogRowAnswer]
    cursor: str | None


def log_row_answer(row: LogRow) -> LogRowAnswer:
    """A row as the wire shows it."""
    changes, details = _content(row.content)
    known = row.real_before is not None and row.locked_before is not None
    return LogRowAnswer(
        row.seq,
        row.key.object_type,
        row.key.object_id,
        row.kind.name.lower(),
        as_number(row.quantity),
        LogCounts(as_number(row.real_before or 0), as_number(row.locked_before or 0)) if known else None,
        LogCounts(as_number(row.real_after), as_number(row.locked_after)),
        changes,
        details,
        row.reason,
        row.actor,
        row.source,
        row.channel_code,
        row.order_id,
        row.event_id,
        to_iso(row.at if row.happened_at is None else row.happened_at),
        to_iso(row.at),
    )


def _quantity(value: int | None) -> Number | None:
    return None if value is None else as_number(value)


def _iso(value: int | None) -> str | None:
    """0 stands for never."""
    return to_iso(value) if value else None


def _restore_to(value: int) -> str:
    return RestoreTo(value).name.lower()


def _allocation(value: int) -> str:
    return Allocation(value).name.lower()


def _same(value: Any) -> Any:
    return value


_FIELDS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "status": ("stock_status", _same),
    "type": ("stock_type", _same),
    "manual": ("manual", _same),
    "plan": ("plan_quantity", _quantity),
    "real": ("real_quantity", _quantity),
    "oversold": ("oversold_quantity", _quantity),
    "auto_restore_type": ("auto_restore_type", _same),
    "auto_restore_at": ("auto_restore_at", _iso),
    "restore_to": ("restore_to", _restore_to),
    "allocation": ("allocation", _allocation),
    "low": ("low_quantity", _quantity),
    "limit": ("limit_quantity", _quantity),
    "guarantee": ("guarantee_quantity", _quantity),
    "weight": ("weight", _same),
    "open": ("open_quantity", _quantity),
    "released_at": ("released_at", _iso),
}
"""What the log calls a field, what the wire calls it, and how its values are shown. Fields of a stock and of a channel
with the same name mean the same."""

_NEW_CHANNEL = {"status": 1, "type": 1, "limit": None, "guarantee": 0, "weight": 0}
"""A channel of which nothing was set before."""


def _content(content: str | None) -> tuple[list[LogChange], dict[str, Any] | None]:
    """What was set, field by field, and whatever else the row tells."""
    if content is None:
        return [], None
    changes: list[LogChange] = []
    details: dict[str, Any] = {}
    for name, value in msgspec.json.decode(content).items():
        if name == "channels":
            for code, (before, after) in value.items():
                changes += _channel_changes(code, before or _NEW_CHANNEL, after)
        elif isinstance(value, list) and len(value) == 2 and name in _FIELDS:
            changes.append(_change(name, None, *value))
        else:
            details |= _detail(name, value)
    return changes, details or None


def _detail(name: str, value: Any) -> dict[str, Any]:
    """What a row tells besides: the runs that were missed; why a restore came about, when it was due and to what; what
    a hub that was replaced told late."""
    if name == "missed":
        return {"missed": [to_iso(at) for at in value]}
    if name == "superseded":
        return {"superseded": [_conflict(each) for each in changes_answer(value)]}
    if name in ("counted", "expected"):
        return {name: as_number(value)}
    if name == "epoch_at":
        return {"epoch_at": _iso(value[1])}
    if name in _SHOWN:
        return {name: _SHOWN[name](value)}
    if name == "restore":
        return {"due_at": _iso(value["due_at"]), "rule": value["rule"], "restore_to": _restore_to(value["to"])}
    return {name: value}


def _incident(value: dict[str, Any]) -> dict[str, Any]:
    """Which incident was resolved and how; what it left is the incident `opened`, which has a row of its own."""
    return {name: as_number(each) if name in ("quantity", "uncovered") else each for name, each in value.items()}


def _late(value: dict[str, Any]) -> dict[str, Any]:
    at_risk = [as_number(each) for each in value["at_risk"]]
    return {**value, "quantity": as_number(value["quantity"]), "at_risk": at_risk}


_SHOWN: dict[str, Callable[[Any], Any]] = {"resolved": _incident, "opened": _incident, "late": _late}


def _conflict(change: FieldChange) -> dict[str, Any]:
    """Both sides of what was asked for and not done."""
    return {"field": change.field, "channel_code": change.channel_code, "kept": change.before, "asked": change.after}


def _channel_changes(code: str, before: dict[str, Any], after: dict[str, Any]) -> list[LogChange]:
    return [_change(name, code, before.get(name), after[name]) for name in after if before.get(name) != after[name]]


def _change(name: str, code: str | None, before: Any, after: Any) -> LogChange:
    shown, value = _FIELDS.get(name, (name, _same))
    return LogChange(shown, code, value(before), value(after))


class LogCursor(msgspec.Struct, frozen=True, array_like=True):
    """Where the next page goes on: a `LogSpan` of the same store and question."""

    asked: str
    least: int
    below: int
    at: int | None


def write_cursor(store: StoreKey, query: LogQuery, rest: LogSpan) -> str:
    """An opaque text."""
    cursor = LogCursor(_mark(store, query), *rest)
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def read_cursor(cursor: str, store: StoreKey, query: LogQuery) -> LogSpan:
    """What is left to be read. Refused unless it was given for this store and these filters."""
    try:
        found = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=LogCursor)
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        raise Rejection(Problem.VALUE_INVALID, "cursor", why="not a cursor of ours") from None
    if (
        found.asked != _mark(store, query)
        or not 0 <= found.least < found.below <= SEQ_END
        or not 0 < (found.at or 1) <= SEQ_END
    ):
        raise Rejection(Problem.VALUE_INVALID, "cursor", why="not a cursor of ours")
    return LogSpan(found.least, found.below, found.at)


def _mark(store: StoreKey, query: LogQuery) -> str:
    return blake2b(msgspec.json.encode((store, query)), digest_size=6).hexdigest()


def _stock(type_: Integer, id_: Integer | None) -> StockKey | None:
    checked = object_type(type_)
    return None if id_ is None else StockKey(checked, object_id(id_, "object_id"))


def _kinds(names: Sequence[str]) -> tuple[int, ...]:
    if len(names) > len(KINDS):
        raise Rejection(Problem.TOO_MANY, "kind", most=len(KINDS))
    for name in names:
        if name not in KINDS:
            raise Rejection(Problem.UNKNOWN_VALUE, "kind")
    return tuple(sorted({int(KINDS[name]) for name in names}))
