"""How each value of the core lies in its table: columns, literals, and rows read back."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Generic, TypeVar

import msgspec

from eightysix.core.change import (
    Alert,
    DueLock,
    Head,
    Incident,
    Journal,
    Kind,
    LogRow,
    OrderFact,
    OutboxRow,
    RequestRecord,
    Timer,
)
from eightysix.core.hub import Hub
from eightysix.core.key import StockKey
from eightysix.core.reservation import Reservation, State, Take
from eightysix.core.stock import ChannelStock, Stock

from . import literal

T = TypeVar("T")

STORE = ("product_shard_id", "brand_id", "poi_id")


class Field(msgspec.Struct, frozen=True):
    """A column: how its value is had from the object, and how it is written."""

    column: str
    get: Callable[[Any], Any]
    write: Callable[[Any], str]

    def literal(self, row: Any) -> str:
        """The literal of this column for `row`."""
        return self.write(self.get(row))


class Shape(msgspec.Struct, Generic[T], frozen=True):
    """One table. Its key is the store's and then `key`; `values` are the other columns; `read` turns what was selected
    (after the store's key: `key`, then `values`) back into the object."""

    table: str
    key: tuple[Field, ...]
    values: tuple[Field, ...]
    read: Callable[[Sequence[Any]], T]

    @property
    def fields(self) -> tuple[Field, ...]:
        """All columns behind the store's key."""
        return (*self.key, *self.values)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, in the order of `rows`."""
        return (*STORE, *(field.column for field in self.fields))

    @property
    def selected(self) -> str:
        """The select list. Bytes travel as hexadecimal text, for the proxy declares every column to be text."""
        named = ("HEX(digest)" if column == "digest" else column for column in self.columns)
        return ",".join(named)

    def row(self, store: str, value: T) -> str:
        """One row of an INSERT; `store` is the literal of the store's key."""
        return f"({store},{','.join([field.literal(value) for field in self.fields])})"

    def key_literals(self, store: str, value: T) -> str:
        """The literals of the whole key."""
        return ",".join((store, *(field.literal(value) for field in self.key)))


def _integer(column: str, name: str) -> Field:
    return Field(column, attrgetter(name), literal.integer)


def _quantity(column: str, name: str) -> Field:
    return Field(column, attrgetter(name), literal.quantity)


def _optional_integer(column: str, name: str) -> Field:
    return Field(column, attrgetter(name), literal.optional_integer)


def _optional_quantity(column: str, name: str) -> Field:
    return Field(column, attrgetter(name), literal.optional_quantity)


def _text(column: str, name: str) -> Field:
    return Field(column, attrgetter(name), literal.text)


def _optional_text(column: str, name: str) -> Field:
    return Field(column, attrgetter(name), literal.optional_text)


def _as_bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


_STOCK_KEY = (_integer("object_type", "key.object_type"), _integer("object_id", "key.object_id"))


def _flagged(fields: Sequence[Any]) -> Sequence[Any]:
    """The last of them, `is_low`, as a truth value."""
    return (*fields[:-1], bool(fields[-1]))


HEAD = Shape[Head](
    "poi_stock_head",
    (),
    (_integer("seq", "seq"), _integer("outbox_seq", "outbox_seq"), _integer("last_at", "last_at")),
    lambda row: Head(*row),
)

STOCK = Shape[Stock](
    "poi_item_stock",
    _STOCK_KEY,
    (
        _integer("stock_status", "status"), _integer("stock_type", "type"),
        _integer("`manual`", "manual"),  # quoted: MySQL 8.4 has reserved the word
        _quantity("plan_quantity", "plan"), _quantity("real_quantity", "real"), _quantity("locked_quantity", "locked"),
        _quantity("grant_quantity", "grant"), _quantity("oversold_quantity", "oversold"),
        _integer("version", "version"), _integer("settings_version", "settings_version"),
        _integer("updated_at", "updated_at"), _integer("auto_restore_type", "auto_restore_type"),
        _optional_integer("auto_restore_at", "auto_restore_at"), _integer("epoch_at", "epoch_at"),
        _integer("restore_to", "restore_to"), _integer("auto_restore_from", "auto_restore_from"),
        _integer("restored_slot", "restored_slot"), _integer("filled_slot", "filled_slot"),
        _integer("refilled_at", "refilled_at"),
        _integer("allocation", "allocation"),
        _optional_quantity("settings_real", "settings_real"), _optional_quantity("low_quantity", "low"),
        _integer("is_low", "is_low"),
    ),
    lambda row: Stock(StockKey(row[0], row[1]), row[2], row[3], bool(row[4]), *_flagged(row[5:])),
)  # fmt: skip

CHANNEL = Shape[ChannelStock](
    "poi_item_channel_stock",
    (*_STOCK_KEY, _text("channel_code", "channel_code")),
    (
        _integer("stock_status", "status"), _integer("stock_type", "type"),
        _optional_quantity("limit_quantity", "limit"),
        _quantity("guarantee_quantity", "guarantee"), _integer("weight", "weight"),
        _integer("period_at", "period_at"), _quantity("used_quantity", "used"),
        _integer("released_at", "released_at"), _optional_quantity("low_quantity", "low"), _integer("is_low", "is_low"),
    ),
    lambda row: ChannelStock(StockKey(row[0], row[1]), *_flagged(row[2:])),
)  # fmt: skip


def _own_take(reservation: Reservation) -> Take | None:
    return next((take for take in reservation.takes if take.key == (2, reservation.sku_id)), None)


def _counted(reservation: Reservation) -> bool:
    own = _own_take(reservation)
    return own is not None and own.counted


def _takes(reservation: Reservation) -> str | None:
    """None for the usual case, one to one from the SKU's own stock."""
    if reservation.takes == (Take(2, reservation.sku_id, counted=_counted(reservation)),):
        return None
    return msgspec.json.encode(reservation.takes).decode()


_read_takes = msgspec.json.Decoder(tuple[Take, ...]).decode


def _reservation(row: Sequence[Any]) -> Reservation:
    (order_id, sku_id, line_no, channel_code, state, requested, quantity, returned, restocked, locked_at, expires_at,
     counted, takes, revision, log_seq, hub_id) = row  # fmt: skip
    return Reservation(
        order_id, sku_id, line_no, channel_code, State(state), requested, quantity, locked_at, expires_at,
        (Take(2, sku_id, counted=bool(counted)),) if takes is None else _read_takes(takes),
        returned, restocked, revision, log_seq, hub_id,
    )  # fmt: skip


RESERVATION = Shape[Reservation](
    "poi_stock_reservation",
    (_text("order_id", "order_id"), _integer("sku_id", "sku_id"), _integer("line_no", "line_no")),
    (
        _text("channel_code", "channel_code"), _integer("state", "state"),
        _quantity("requested_quantity", "requested"), _quantity("quantity", "quantity"),
        _quantity("returned_quantity", "returned"), _quantity("restocked_quantity", "restocked"),
        _integer("locked_at", "locked_at"), _integer("expires_at", "expires_at"),
        Field("counted", _counted, literal.integer), Field("takes", _takes, literal.optional_text),
        _integer("revision", "revision"), _optional_integer("log_seq", "log_seq"), _optional_text("hub_id", "hub_id"),
    ),
    _reservation,
)  # fmt: skip

ORDER = Shape[OrderFact](
    "poi_stock_order",
    (_text("order_id", "order_id"),),
    (_integer("closed_at", "closed_at"),),
    lambda row: OrderFact(*row),
)

REQUEST = Shape[RequestRecord](
    "poi_stock_request",
    (_text("request_id", "request_id"),),
    (
        Field("digest", attrgetter("digest"), literal.binary),
        Field("outcome", attrgetter("outcome"), literal.utf8),
        _integer("recorded_at", "recorded_at"),
    ),
    lambda row: RequestRecord(row[0], bytes.fromhex(row[1]), _as_bytes(row[2]), row[3]),
)

LOG = Shape[LogRow](
    "poi_item_stock_log",
    (_integer("seq", "seq"),),
    (
        *_STOCK_KEY, _integer("kind", "kind"), _quantity("quantity", "quantity"),
        _optional_quantity("real_before", "real_before"), _quantity("real_after", "real_after"),
        _optional_quantity("locked_before", "locked_before"), _quantity("locked_after", "locked_after"),
        _optional_text("order_id", "order_id"), _optional_text("channel_code", "channel_code"),
        _text("actor", "actor"), _text("source", "source"), _optional_text("event_id", "event_id"),
        _optional_integer("happened_at", "happened_at"), _integer("recorded_at", "at"),
        _optional_text("reason", "reason"), _optional_text("content", "content"),
        _optional_integer("stock_prev", "stock_prev"), _optional_integer("order_prev", "order_prev"),
    ),
    lambda row: LogRow(row[0], StockKey(row[1], row[2]), Kind(row[3]), *row[4:]),
)  # fmt: skip

OUTBOX = Shape[OutboxRow](
    "poi_stock_outbox",
    (_integer("seq", "seq"),),
    (_integer("prev_seq", "prev_seq"), *_STOCK_KEY, _integer("committed_at", "committed_at")),
    lambda row: OutboxRow(row[0], row[1], StockKey(row[2], row[3]), row[4]),
)

RESOLVED = (
    _optional_integer("resolved_at", "resolved_at"), _optional_text("resolved_by", "resolved_by"),
    _optional_text("how", "how"), _optional_text("resolution", "resolution"),
)  # fmt: skip
"""What an incident's end writes."""

INCIDENT = Shape[Incident](
    "poi_stock_incident",
    (_integer("seq", "seq"),),
    (
        _text("kind", "kind"), *_STOCK_KEY, _quantity("quantity", "quantity"),
        _optional_text("order_id", "order_id"), _text("actor", "actor"), _optional_text("reason", "reason"),
        _integer("opened_at", "opened_at"), _optional_text("hub_id", "hub_id"), *RESOLVED,
    ),
    lambda row: Incident(row[0], row[1], StockKey(row[2], row[3]), *row[4:]),
)  # fmt: skip

ALERT = Shape[Alert](
    "poi_stock_alert",
    (_integer("seq", "seq"), _text("channel_code", "channel_code")),
    (
        _text("kind", "kind"), *_STOCK_KEY, _quantity("quantity", "quantity"), _quantity("threshold", "threshold"),
        _integer("raised_at", "raised_at"),
    ),
    lambda row: Alert(row[0], row[1], row[2], StockKey(row[3], row[4]), *row[5:]),
)  # fmt: skip

TIMER = Shape[Timer](
    "poi_stock_timer",
    (),
    (
        _optional_integer("due_at", "due_at"), _integer("planned_version", "planned_version"),
        _integer("timed_at", "timed_at"), _integer("revision", "revision"), _integer("told", "told"),
        _integer("told_seq", "told_seq"),
    ),
    lambda row: Timer(*row),
)  # fmt: skip

JOURNAL = Shape[Journal](
    "poi_stock_journal",
    (_text("device_id", "device_id"), _text("journal_id", "journal_id")),
    (
        _integer("last_seq", "last_seq"), _integer("last_at", "last_at"), _optional_text("marks", "marks"),
        _optional_text("chain", "chain"),
    ),
    lambda row: Journal(*row),
)  # fmt: skip


def _at_risk(hub: Hub) -> str | None:
    """None where nothing is."""
    return msgspec.json.encode(hub.at_risk).decode() if hub.at_risk else None


_read_at_risk = msgspec.json.Decoder(dict[str, int]).decode

HUB = Shape[Hub](
    "poi_stock_hub",
    (_text("hub_id", "hub_id"),),
    (
        _optional_integer("fenced_at", "fenced_at"), Field("at_risk", _at_risk, literal.optional_text),
        _integer("revision", "revision"),
    ),
    lambda row: Hub(row[0], row[1], {} if row[2] is None else _read_at_risk(row[2]), row[3]),
)  # fmt: skip

DUE = Shape[DueLock](
    "poi_stock_due",
    (_integer("due_at", "due_at"), _text("order_id", "order_id")),
    (),
    lambda row: DueLock(*row),
)
"""Its key in the table is bucket, due_at, brand, store, order; an INSERT names its columns, so the order is free."""
