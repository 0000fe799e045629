"""The parts of a batch's writes: which columns each sends, from which attributes, and what guards it."""

from operator import attrgetter

from .packing import STOCK, STORE, Field, Kind
from .rows import at_risk_text, counts_sku, takes_text
from .write import Read, Write


def _fields(kind: Kind, *names: str) -> tuple[Field, ...]:
    return tuple(Field(name, kind) for name in names)


_STORE_KEYS = tuple(field.name for field in STORE)
_STOCK_KEYS = tuple(field.name for field in STOCK)
_ORDER = (*STORE, Field("order_id", Kind.IDENT))
_LINE = (*_ORDER, Field("sku_id", Kind.BIG), Field("line_no", Kind.SMALL))
_LINE_KEYS = tuple(field.name for field in _LINE)
_DUE = (*_ORDER, Field("due_at", Kind.BIG))

_PROGRESS = (
    Field("state", Kind.SMALL),
    *_fields(Kind.QUANTITY, "quantity", "returned_quantity", "restocked_quantity"),
    *_fields(Kind.BIG, "expires_at", "revision", "log_seq"),
)
_LINE_REST = (
    Field("channel_code", Kind.IDENT),
    *_fields(Kind.QUANTITY, "requested_quantity"),
    Field("locked_at", Kind.BIG),
    Field("counted", Kind.FLAG),
    *_fields(Kind.IDENT, "takes", "hub_id"),
    *_PROGRESS,
)
_COUNTERS = (
    Field("stock_status", Kind.SMALL),
    *_fields(Kind.QUANTITY, "real_quantity", "locked_quantity", "oversold_quantity"),
    Field("version", Kind.BIG),
)
_SETTINGS = (
    Field("stock_type", Kind.SMALL),
    Field("manual", Kind.FLAG),
    *_fields(Kind.QUANTITY, "plan_quantity", "grant_quantity"),
    *_fields(Kind.BIG, "settings_version", "updated_at"),
    Field("auto_restore_type", Kind.SMALL),
    *_fields(Kind.BIG, "auto_restore_at", "epoch_at"),
    Field("restore_to", Kind.SMALL),
    *_fields(Kind.BIG, "auto_restore_from", "restored_slot", "filled_slot", "refilled_at"),
    Field("allocation", Kind.SMALL),
    *_fields(Kind.QUANTITY, "settings_real", "low_quantity"),
    Field("is_low", Kind.FLAG),
)
_CHANNEL = (*STOCK, Field("channel_code", Kind.IDENT))
_CHANNEL_REST = (
    *_fields(Kind.SMALL, "stock_status", "stock_type"),
    *_fields(Kind.QUANTITY, "limit_quantity", "guarantee_quantity"),
    *_fields(Kind.BIG, "weight", "period_at"),
    *_fields(Kind.QUANTITY, "used_quantity"),
    Field("released_at", Kind.BIG),
    *_fields(Kind.QUANTITY, "low_quantity"),
    Field("is_low", Kind.FLAG),
)
_TIMER_NAMES = ("due_at", "planned_version", "timed_at", "revision", "told", "told_seq")
_TIMER = _fields(Kind.BIG, *_TIMER_NAMES)
_SUBJECT = (*STORE, Field("seq", Kind.BIG))

_LINE_READS: dict[str, Read] = {
    **{name: attrgetter(name) for name in ("order_id", "sku_id", "line_no", "channel_code", "state", "quantity")},
    **{name: attrgetter(name) for name in ("locked_at", "expires_at", "revision", "log_seq", "hub_id")},
    "requested_quantity": attrgetter("requested"),
    "returned_quantity": attrgetter("returned"),
    "restocked_quantity": attrgetter("restocked"),
    "counted": counts_sku,
    "takes": takes_text,
}
_SUBJECT_READS: dict[str, Read] = {
    "object_type": attrgetter("key.object_type"),
    "object_id": attrgetter("key.object_id"),
}
_STOCK_READS: dict[str, Read] = {
    **_SUBJECT_READS,
    **{name: attrgetter(name) for name in ("manual", "version", "settings_version", "updated_at")},
    **{name: attrgetter(name) for name in ("auto_restore_type", "auto_restore_at", "epoch_at", "restore_to")},
    **{name: attrgetter(name) for name in ("auto_restore_from", "restored_slot", "filled_slot", "allocation")},
    **{name: attrgetter(name) for name in ("refilled_at", "settings_real", "is_low")},
    "stock_status": attrgetter("status"),
    "stock_type": attrgetter("type"),
    "plan_quantity": attrgetter("plan"),
    "real_quantity": attrgetter("real"),
    "locked_quantity": attrgetter("locked"),
    "grant_quantity": attrgetter("grant"),
    "oversold_quantity": attrgetter("oversold"),
    "low_quantity": attrgetter("low"),
}
_CHANNEL_READS: dict[str, Read] = {
    **_SUBJECT_READS,
    **{name: attrgetter(name) for name in ("channel_code", "weight", "period_at", "released_at", "is_low")},
    "stock_status": attrgetter("status"),
    "stock_type": attrgetter("type"),
    "limit_quantity": attrgetter("limit"),
    "guarantee_quantity": attrgetter("guarantee"),
    "used_quantity": attrgetter("used"),
    "low_quantity": attrgetter("low"),
}
_LOG_READS: dict[str, Read] = {
    **_SUBJECT_READS,
    **{name: attrgetter(name) for name in ("seq", "kind", "quantity", "real_before", "real_after", "locked_before")},
    **{name: attrgetter(name) for name in ("locked_after", "order_id", "channel_code", "actor", "source", "event_id")},
    **{name: attrgetter(name) for name in ("happened_at", "reason", "content", "stock_prev", "order_prev")},
    "recorded_at": attrgetter("at"),
}


def _own(*names: str) -> dict[str, Read]:
    """Columns whose attributes have their names."""
    return {name: attrgetter(name) for name in names}


HEADS = Write(
    "poi_stock_head",
    (*STORE, *_fields(Kind.BIG, "seq_before", "seq", "outbox_seq", "last_at")),
    _own("seq", "outbox_seq", "last_at"),
    _STORE_KEYS,
    (("seq", "seq_before"),),
)
STOCKS_COUNTED = Write(
    "poi_item_stock",
    (*STOCK, Field("version_before", Kind.BIG), *_COUNTERS),
    _STOCK_READS,
    _STOCK_KEYS,
    (("version", "version_before"),),
)
LOGS = Write(
    "poi_item_stock_log",
    (
        *_SUBJECT,
        Field("object_type", Kind.SMALL),
        Field("object_id", Kind.BIG),
        Field("kind", Kind.SMALL),
        *_fields(Kind.QUANTITY, "quantity", "real_before", "real_after", "locked_before", "locked_after"),
        *_fields(Kind.IDENT, "order_id", "channel_code"),
        *_fields(Kind.FREE, "actor"),
        *_fields(Kind.IDENT, "source", "event_id"),
        *_fields(Kind.BIG, "happened_at", "recorded_at"),
        *_fields(Kind.FREE, "reason", "content"),
        *_fields(Kind.BIG, "stock_prev", "order_prev"),
    ),
    _LOG_READS,
)
OUTBOX = Write(
    "poi_stock_outbox",
    (
        *_SUBJECT,
        Field("prev_seq", Kind.BIG),
        Field("object_type", Kind.SMALL),
        *_fields(Kind.BIG, "object_id", "committed_at"),
    ),
    {**_SUBJECT_READS, **_own("seq", "prev_seq", "committed_at")},
)
LINES_NEW = Write("poi_stock_reservation", (*_LINE, *_LINE_REST), _LINE_READS)
DUE_NEW = Write("poi_stock_due", _DUE, _own("order_id", "due_at"))
LINES_MOVED = Write(
    "poi_stock_reservation",
    (*_LINE, Field("revision_before", Kind.BIG), *_PROGRESS),
    _LINE_READS,
    _LINE_KEYS,
    (("revision", "revision_before"),),
)
DUE_GONE = Write("poi_stock_due", _DUE, _own("order_id", "due_at"), tuple(field.name for field in _DUE))
FACTS = Write("poi_stock_order", (*_ORDER, Field("closed_at", Kind.BIG)), _own("order_id", "closed_at"))

STOCKS_SET = Write(
    "poi_item_stock",
    (*STOCK, Field("version_before", Kind.BIG), *_COUNTERS, *_SETTINGS),
    _STOCK_READS,
    _STOCK_KEYS,
    (("version", "version_before"),),
)
STOCKS_NEW = Write("poi_item_stock", (*STOCK, *_COUNTERS, *_SETTINGS), _STOCK_READS)
CHANNELS_SET = Write(
    "poi_item_channel_stock",
    (*_CHANNEL, Field("period_before", Kind.BIG), Field("used_before", Kind.QUANTITY), *_CHANNEL_REST),
    _CHANNEL_READS,
    (*_STOCK_KEYS, "channel_code"),
    (("period_at", "period_before"), ("used_quantity", "used_before")),
)
CHANNELS_NEW = Write("poi_item_channel_stock", (*_CHANNEL, *_CHANNEL_REST), _CHANNEL_READS)
LINES_REWRITTEN = Write(
    "poi_stock_reservation",
    (*_LINE, Field("revision_before", Kind.BIG), *_LINE_REST),
    _LINE_READS,
    _LINE_KEYS,
    (("revision", "revision_before"),),
)
REQUESTS = Write(
    "poi_stock_request",
    (
        *STORE,
        *_fields(Kind.IDENT, "request_id"),
        Field("digest", Kind.BYTES),
        Field("outcome", Kind.FREE),
        Field("recorded_at", Kind.BIG),
    ),
    {**_own("request_id", "digest", "recorded_at"), "outcome": lambda record: record.outcome.decode()},
)
_RESOLVED = (
    Field("resolved_at", Kind.BIG),
    Field("resolved_by", Kind.FREE),
    Field("how", Kind.IDENT),
    Field("resolution", Kind.FREE),
)
_RESOLVED_READS = _own("resolved_at", "resolved_by", "how", "resolution")
INCIDENTS = Write(
    "poi_stock_incident",
    (
        *_SUBJECT,
        Field("kind", Kind.IDENT),
        Field("object_type", Kind.SMALL),
        Field("object_id", Kind.BIG),
        Field("quantity", Kind.QUANTITY),
        Field("order_id", Kind.IDENT),
        *_fields(Kind.FREE, "actor", "reason"),
        Field("opened_at", Kind.BIG),
        Field("hub_id", Kind.IDENT),
        *_RESOLVED,
    ),
    {
        **_SUBJECT_READS,
        **_own("seq", "kind", "quantity", "order_id", "actor", "reason", "opened_at", "hub_id"),
        **_RESOLVED_READS,
    },
)
INCIDENTS_RESOLVED = Write(
    "poi_stock_incident",
    (*_SUBJECT, *_RESOLVED),
    {**_own("seq"), **_RESOLVED_READS},
    (*_STORE_KEYS, "seq"),
    open_until="resolved_at",
)
TIMERS_NEW = Write("poi_stock_timer", (*STORE, *_TIMER), _own(*_TIMER_NAMES))
TIMERS_SET = Write(
    "poi_stock_timer",
    (*STORE, Field("revision_before", Kind.BIG), *_TIMER),
    _own(*_TIMER_NAMES),
    _STORE_KEYS,
    (("revision", "revision_before"),),
)
_JOURNAL = (*STORE, *_fields(Kind.IDENT, "device_id", "journal_id"))
_JOURNAL_REST = (*_fields(Kind.BIG, "last_seq", "last_at"), Field("marks", Kind.FREE), Field("chain", Kind.IDENT))
_JOURNAL_READS = _own("device_id", "journal_id", "last_seq", "last_at", "marks", "chain")
JOURNALS_NEW = Write("poi_stock_journal", (*_JOURNAL, *_JOURNAL_REST), _JOURNAL_READS)
JOURNALS_SET = Write(
    "poi_stock_journal",
    (*_JOURNAL, Field("last_seq_before", Kind.BIG), *_JOURNAL_REST),
    _JOURNAL_READS,
    tuple(field.name for field in _JOURNAL),
    (("last_seq", "last_seq_before"),),
)
_HUB = (*STORE, Field("hub_id", Kind.IDENT))
_HUB_REST = (Field("fenced_at", Kind.BIG), Field("at_risk", Kind.FREE), Field("revision", Kind.BIG))
_HUB_READS = {**_own("hub_id", "fenced_at", "revision"), "at_risk": at_risk_text}
HUBS_NEW = Write("poi_stock_hub", (*_HUB, *_HUB_REST), _HUB_READS)
HUBS_SET = Write(
    "poi_stock_hub",
    (*_HUB, Field("revision_before", Kind.BIG), *_HUB_REST),
    _HUB_READS,
    tuple(field.name for field in _HUB),
    (("revision", "revision_before"),),
)
ALERTS = Write(
    "poi_stock_alert",
    (
        *_SUBJECT,
        *_fields(Kind.IDENT, "channel_code", "kind"),
        Field("object_type", Kind.SMALL),
        Field("object_id", Kind.BIG),
        *_fields(Kind.QUANTITY, "quantity", "threshold"),
        Field("raised_at", Kind.BIG),
    ),
    {**_SUBJECT_READS, **_own("seq", "channel_code", "kind", "quantity", "threshold", "raised_at")},
)

GROUPS: tuple[tuple[Write, ...], ...] = (
    (HEADS, STOCKS_COUNTED, LOGS, OUTBOX),
    (LINES_NEW, DUE_NEW),
    (LINES_MOVED, DUE_GONE),
    (FACTS,),
    (STOCKS_SET, STOCKS_NEW, CHANNELS_SET, CHANNELS_NEW, LINES_REWRITTEN, REQUESTS, INCIDENTS),
    (TIMERS_NEW, TIMERS_SET, ALERTS, JOURNALS_NEW, JOURNALS_SET),
    (HUBS_NEW, HUBS_SET, INCIDENTS_RESOLVED),
)
"""Parts that mostly come together. A statement holds whole groups, so that there are 127 statements to plan and the
common ones don't carry what they don't need; a part without rows costs microseconds."""
