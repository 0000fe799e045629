"""The tables, once, for three databases. Migrations are compared with this in a test.

Names are the platform's (DESIGN section 10). Instants are BIGINT milliseconds since 1970 in UTC: exact, the same on
every database and through every driver. Quantities are DECIMAL(13,3), except on SQLite, whose DECIMAL is a float: there
the same columns hold INTEGER thousandths. Every sharded table starts its key with `product_shard_id`; no foreign keys
between them. No index holds a column that an order changes.
"""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    String,
    Table,
    Text,
)
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeDecorator, TypeEngine

metadata = MetaData()

QUANTITY: TypeEngine[Any] = Numeric(13, 3).with_variant(Integer(), "sqlite")
INSTANT: TypeEngine[Any] = BigInteger().with_variant(Integer(), "sqlite")
COUNTER: TypeEngine[Any] = BigInteger().with_variant(Integer(), "sqlite")


class Ident(TypeDecorator[str]):
    """An identifier: compared byte by byte, so that "A" and "a" are two, "a" and "a " too, and key order is the same
    everywhere. MySQL and MariaDB have different names for the one binary collation that doesn't pad with spaces."""

    impl = String
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        length = self.length
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.VARCHAR(length, collation="C"))
        if dialect.name in {"mysql", "mariadb"}:
            collation = "utf8mb4_nopad_bin" if getattr(dialect, "is_mariadb", False) else "utf8mb4_0900_bin"
            return dialect.type_descriptor(mysql.VARCHAR(length, charset="utf8mb4", collation=collation))
        return dialect.type_descriptor(String(length))


def _ident(length: int = 64) -> TypeEngine[Any]:
    return Ident(length)


def _key(name: str, type_: TypeEngine[Any]) -> Column[Any]:
    return Column(name, type_, primary_key=True, autoincrement=False, nullable=False)


def _store_key() -> list[Column[Any]]:
    return [_key("product_shard_id", SmallInteger()), _key("brand_id", _ident()), _key("poi_id", _ident())]


def _stock_key() -> list[Column[Any]]:
    return [*_store_key(), _key("object_type", SmallInteger()), _key("object_id", COUNTER)]


def _quantity(name: str, default: str | None = "0") -> Column[Any]:
    return Column(name, QUANTITY, nullable=default is None, server_default=default)


def _counter(name: str) -> Column[Any]:
    return Column(name, COUNTER, nullable=False, server_default="0")


def _instant(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, INSTANT, nullable=nullable)


SHARDED = "sharded"
BROADCAST = "broadcast"

_MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_default_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def _sharded(name: str, *parts: SchemaItem, rewritten: bool = False) -> Table:
    """A sharded table. `rewritten`: orders update its rows in place, so PostgreSQL keeps room in each page (updates
    stay in the page and touch no index) and vacuums early. On SQLite the key is the table: one tree, not two."""
    hot: dict[str, Any] = {"fillfactor": 70, "autovacuum_vacuum_scale_factor": 0.05, "autovacuum_vacuum_cost_delay": 0}
    return Table(
        name,
        metadata,
        *parts,
        info={"kind": SHARDED},
        sqlite_with_rowid=False,
        postgresql_with=hot if rewritten else None,
        **_MYSQL,
    )


poi_stock_head = _sharded(
    "poi_stock_head",
    *_store_key(),
    _counter("seq"),
    _counter("outbox_seq"),
    Column("last_at", INSTANT, nullable=False, server_default="0"),
    rewritten=True,
)

poi_item_stock = _sharded(
    "poi_item_stock",
    *_stock_key(),
    Column("stock_status", SmallInteger(), nullable=False),
    Column("stock_type", SmallInteger(), nullable=False),
    Column("manual", Boolean(), nullable=False),
    _quantity("plan_quantity"),
    _quantity("real_quantity"),
    _quantity("locked_quantity"),
    _quantity("grant_quantity"),
    _quantity("oversold_quantity"),
    _counter("version"),
    _counter("settings_version"),
    _instant("updated_at"),
    Column("auto_restore_type", SmallInteger(), nullable=False, server_default="0"),
    _instant("auto_restore_at", nullable=True),
    Column("epoch_at", INSTANT, nullable=False, server_default="0"),
    Column("restore_to", SmallInteger(), nullable=False, server_default="1"),
    Column("auto_restore_from", INSTANT, nullable=False, server_default="0"),
    _counter("restored_slot"),
    Column("allocation", SmallInteger(), nullable=False, server_default="0"),
    _quantity("low_quantity", default=None),
    Column("is_low", Boolean(), nullable=False, server_default="0"),
    _quantity("settings_real", default=None),  # what was there right after the last setting; NULL in older rows
    CheckConstraint("locked_quantity >= 0", name="ck_stock_locked"),
    CheckConstraint("grant_quantity >= 0", name="ck_stock_grant"),
    CheckConstraint("oversold_quantity >= 0", name="ck_stock_oversold"),
    CheckConstraint(
        "stock_type <> 2 OR real_quantity + oversold_quantity >= locked_quantity + grant_quantity",
        name="ck_stock_promised",
    ),
    rewritten=True,
)

poi_item_channel_stock = _sharded(
    "poi_item_channel_stock",
    *_stock_key(),
    _key("channel_code", _ident()),
    Column("stock_status", SmallInteger(), nullable=False),
    Column("stock_type", SmallInteger(), nullable=False),
    _quantity("limit_quantity", default=None),
    _quantity("guarantee_quantity"),
    Column("weight", Integer(), nullable=False, server_default="0"),
    Column("period_at", INSTANT, nullable=False, server_default="0"),
    _quantity("used_quantity"),
    Column("released_at", INSTANT, nullable=False, server_default="0"),
    _quantity("low_quantity", default=None),
    Column("is_low", Boolean(), nullable=False, server_default="0"),
    CheckConstraint("used_quantity >= 0", name="ck_channel_used"),
    CheckConstraint("guarantee_quantity >= 0", name="ck_channel_guarantee"),
    rewritten=True,
)

poi_stock_reservation = _sharded(
    "poi_stock_reservation",
    *_store_key(),
    _key("order_id", _ident()),
    _key("sku_id", COUNTER),
    _key("line_no", SmallInteger()),
    Column("channel_code", _ident(), nullable=False),
    Column("state", SmallInteger(), nullable=False),
    _quantity("requested_quantity"),
    _quantity("quantity"),
    _quantity("returned_quantity"),
    _quantity("restocked_quantity"),
    _instant("locked_at"),
    _instant("expires_at"),
    Column("counted", Boolean(), nullable=False),  # the SKU's own stock was counted
    Column("takes", Text(), nullable=True),  # JSON of all takes, only where it isn't just the SKU one to one
    _counter("revision"),
    Column("log_seq", COUNTER, nullable=True),  # where the order's chain of log rows began when this was written
    CheckConstraint(
        "quantity >= 0 AND returned_quantity >= 0 AND returned_quantity <= quantity AND "
        "restocked_quantity <= returned_quantity",
        name="ck_reservation_quantity",
    ),
    rewritten=True,
)

poi_stock_order = _sharded(
    "poi_stock_order",
    *_store_key(),
    _key("order_id", _ident()),
    _instant("closed_at"),
)

poi_stock_due = _sharded(
    "poi_stock_due",
    _key("product_shard_id", SmallInteger()),
    _key("due_at", INSTANT),
    _key("brand_id", _ident()),
    _key("poi_id", _ident()),
    _key("order_id", _ident()),
)

poi_stock_request = _sharded(
    "poi_stock_request",
    *_store_key(),
    _key("request_id", _ident()),
    Column("digest", LargeBinary(32).with_variant(mysql.VARBINARY(32), "mysql", "mariadb"), nullable=False),
    Column("outcome", Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"), nullable=False),
    _instant("recorded_at"),
)

poi_item_stock_log = _sharded(
    "poi_item_stock_log",
    *_store_key(),
    _key("seq", COUNTER),
    Column("object_type", SmallInteger(), nullable=False),
    Column("object_id", COUNTER, nullable=False),
    Column("kind", SmallInteger(), nullable=False),
    _quantity("quantity"),
    _quantity("real_before", default=None),  # NULL in rows of before these columns were there
    _quantity("real_after"),
    _quantity("locked_before", default=None),
    _quantity("locked_after"),
    Column("order_id", _ident(), nullable=True),
    Column("channel_code", _ident(), nullable=True),
    Column("actor", _ident(128), nullable=False),
    Column("source", _ident(16), nullable=False),
    Column("event_id", _ident(), nullable=True),
    _instant("happened_at", nullable=True),  # only where that isn't when it was recorded
    _instant("recorded_at"),
    Column("reason", Text(), nullable=True),
    Column("content", Text(), nullable=True),
    Column("stock_prev", COUNTER, nullable=True),  # the row before it of the same stock, 0 where there is none ...
    Column("order_prev", COUNTER, nullable=True),  # ... and of the same order (docs/decisions/0006)
)

poi_stock_outbox = _sharded(
    "poi_stock_outbox",
    *_store_key(),
    _key("seq", COUNTER),
    _counter("prev_seq"),
    Column("object_type", SmallInteger(), nullable=False),
    Column("object_id", COUNTER, nullable=False),
    _instant("committed_at"),
)

poi_stock_incident = _sharded(
    "poi_stock_incident",
    *_store_key(),
    _key("seq", COUNTER),
    Column("kind", _ident(32), nullable=False),
    Column("object_type", SmallInteger(), nullable=False),
    Column("object_id", COUNTER, nullable=False),
    _quantity("quantity"),
    Column("order_id", _ident(), nullable=True),
    Column("actor", _ident(128), nullable=False),
    Column("reason", Text(), nullable=True),
    _instant("opened_at"),
)

poi_stock_alert = _sharded(
    "poi_stock_alert",
    *_store_key(),
    _key("seq", COUNTER),
    _key("channel_code", _ident()),  # empty where it is about the stock as a whole: part of the key, so never NULL
    Column("kind", _ident(32), nullable=False),
    Column("object_type", SmallInteger(), nullable=False),
    Column("object_id", COUNTER, nullable=False),
    _quantity("quantity"),
    _quantity("threshold"),
    _instant("raised_at"),
)

poi_stock_timer = _sharded(
    "poi_stock_timer",
    *_store_key(),
    _instant("due_at", nullable=True),
    _counter("planned_version"),
    Column("timed_at", INSTANT, nullable=False, server_default="0"),
    _counter("revision"),
    Index("ix_stock_timer_due", "product_shard_id", "due_at"),
)

poi_stock_marker = _sharded(
    "poi_stock_marker",
    _key("product_shard_id", SmallInteger()),
    _key("owner", _ident()),
    _key("lane", SmallInteger()),
    _counter("batch_no"),
    _instant("started_at"),
    rewritten=True,
)

# --- what is told to others. None of these is written in an order's transaction.

poi_stock_parked = _sharded(
    "poi_stock_parked",
    *_store_key(),
    _key("seq", COUNTER),
    _counter("prev_seq"),
    Column("object_type", SmallInteger(), nullable=False),
    Column("object_id", COUNTER, nullable=False),
    _instant("committed_at"),
    _instant("parked_at"),
    Column("tries", Integer(), nullable=False),
    Column("reason", Text(), nullable=False),
)
"""Outbox rows that could not be published, taken out of their store's way until somebody has them replayed."""

sync_lease = _sharded(
    "sync_lease",
    _key("product_shard_id", SmallInteger()),  # the number of the range is a bucket of it
    Column("owner", _ident(), nullable=False),
    _instant("expires_at"),
    _counter("token"),  # steps with each new owner
)
"""Which process works for a range of buckets: publishes their messages, sends their webhooks."""

sync_member = _sharded(
    "sync_member",
    _key("product_shard_id", SmallInteger()),
    _key("owner", _ident()),
    _instant("seen_at"),
)
"""The processes that share the ranges; all in bucket 0."""

poi_stock_device = _sharded(
    "poi_stock_device",
    *_store_key(),
    _key("device_id", _ident()),
    _counter("generation"),
    _counter("acked_seq"),
    _instant("acked_at"),
    _instant("lagging_since", nullable=True),
    _counter("drift"),  # differences that the last reconciliation found ...
    _instant("reconciled_at", nullable=True),  # ... and when that was
)
"""How far each device of a store has applied what it was told."""

poi_stock_journal = _sharded(
    "poi_stock_journal",
    *_store_key(),
    _key("device_id", _ident()),
    _key("journal_id", _ident()),
    _counter("last_seq"),
    _instant("last_at"),
)
"""How far each device's journal was replayed. Written in the transaction of the events."""

webhook_queue = _sharded(
    "webhook_queue",
    _key("product_shard_id", SmallInteger()),  # of the webhook's id, not of a store
    _key("brand_id", _ident()),
    _key("webhook_id", _ident()),
    _key("poi_id", _ident()),
    _key("event", _ident(32)),
    _key("object_type", SmallInteger()),
    _key("object_id", COUNTER),
    _counter("seq"),
    _instant("committed_at"),
    _instant("due_at"),
    Column("tries", Integer(), nullable=False, server_default="0"),
    _counter("revision"),
)
"""What an endpoint hasn't been told yet: the newest state of an object stands for all before it."""

webhook_attempt = _sharded(
    "webhook_attempt",
    _key("product_shard_id", SmallInteger()),
    _key("brand_id", _ident()),
    _key("webhook_id", _ident()),
    _key("attempted_at", INSTANT),
    _key("attempt_id", _ident()),
    Column("message_id", _ident(), nullable=False),
    Column("event", _ident(32), nullable=False),
    Column("poi_id", _ident(), nullable=True),
    Column("object_type", SmallInteger(), nullable=True),
    Column("object_id", COUNTER, nullable=True),
    Column("seq", COUNTER, nullable=True),
    Column("status_code", SmallInteger(), nullable=True),
    Column("error", Text(), nullable=True),
    Column("took_ms", Integer(), nullable=False),
    Column("delivered", Boolean(), nullable=False),
)
"""The delivery log."""

poi_order_event = _sharded(
    "poi_order_event",
    *_store_key(),
    _key("order_id", _ident()),
    _key("order_seq", COUNTER),
    Column("event_id", _ident(), nullable=False),
    Column("type", _ident(32), nullable=False),
    Column("digest", LargeBinary(32).with_variant(mysql.VARBINARY(32), "mysql", "mariadb"), nullable=False),
    Column("body", Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"), nullable=False),
    Column("state", SmallInteger(), nullable=False),
    Column("answer", Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"), nullable=True),
    _instant("received_at"),
    Index("ix_order_event_state", "product_shard_id", "state", "received_at"),
)
"""Events of the order service: done, or waiting for one before them."""

message_parked = _sharded(
    "message_parked",
    _key("product_shard_id", SmallInteger()),
    _key("topic", _ident()),
    _key("message_id", _ident(128)),
    Column("brand_id", _ident(), nullable=True),
    Column("poi_id", _ident(), nullable=True),
    Column("body", Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"), nullable=False),
    Column("reason", Text(), nullable=False),
    Column("tries", Integer(), nullable=False),
    _instant("parked_at"),
)
"""Messages from a bus that can't be processed, with the reason; in bucket 0 where they name no store."""

# --- configuration: broadcast tables behind a proxy, a copy in every database. `catalog_version` orders all changes.

catalog_head = Table(
    "catalog_head",
    metadata,
    _key("id", SmallInteger()),
    _counter("catalog_version"),
    Column("generation", COUNTER, nullable=False, server_default="1"),  # another one after a restore from a backup
    info={"kind": BROADCAST},
    **_MYSQL,
)


def _catalog(name: str, *columns: SchemaItem) -> Table:
    return Table(
        name,
        metadata,
        *columns,
        _counter("catalog_version"),
        Column("deleted", Boolean(), nullable=False, server_default="0"),
        info={"kind": BROADCAST},
        **_MYSQL,
    )


brand = _catalog(
    "brand",
    _key("brand_id", _ident()),
    Column("name", String(200), nullable=False),
    Column("status", String(16), nullable=False),
)

store = _catalog(
    "store",
    _key("brand_id", _ident()),
    _key("poi_id", _ident()),
    Column("name", String(200), nullable=False),
    Column("time_zone", String(64), nullable=False),
    Column("business_day_start", String(5), nullable=False),
    Column("guarantees_end", String(5), nullable=True),  # a local time: what is guaranteed and open then flows back
    Column("status", String(16), nullable=False),
)

channel = _catalog(
    "channel",
    _key("brand_id", _ident()),
    _key("channel_code", _ident()),
    Column("name", String(200), nullable=False),
    Column("place", String(16), nullable=False),
    Column("party", String(16), nullable=False),
    Column("expires_in", Integer(), nullable=False),
    Column("oversell", String(16), nullable=False),
)

item = _catalog(
    "item",
    _key("brand_id", _ident()),
    _key("object_type", SmallInteger()),
    _key("object_id", COUNTER),
    Column("spu_id", COUNTER, nullable=True),
    Column("name_en", String(200), nullable=False),
    Column("name_zh", String(200), nullable=False),
    Column("category", String(100), nullable=True),
    Column("tags", JSON(), nullable=False),
    Column("decimals", SmallInteger(), nullable=False),
    Column("components", JSON(), nullable=False),
)

api_key = _catalog(
    "api_key",
    _key("key_id", _ident()),
    Column("key_hash", _ident(64), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("role", String(32), nullable=False),
    Column("brand_id", _ident(), nullable=True),
    Column("poi_ids", JSON(), nullable=True),
    Column("channel_code", _ident(), nullable=True),
    _instant("created_at"),
    _instant("expires_at", nullable=True),
    _instant("revoked_at", nullable=True),
    Column("previous_hash", _ident(64), nullable=True),  # the secret before the last rotation ...
    _instant("previous_until", nullable=True),  # ... and until when it still opens
    Column("rate_limit", Integer(), nullable=True),
    Index("ix_api_key_previous_hash", "previous_hash", unique=True),
)

restore_rule = _catalog(
    "restore_rule",
    _key("brand_id", _ident()),
    _key("rule_id", _ident()),
    Column("poi_id", _ident(), nullable=True),
    Column("object_type", SmallInteger(), nullable=True),
    Column("object_id", COUNTER, nullable=True),
    Column("category", String(100), nullable=True),
    Column("schedule", JSON(), nullable=False),
    Column("restore_to", SmallInteger(), nullable=False),
    _instant("since_at"),
)

webhook = _catalog(
    "webhook",
    _key("brand_id", _ident()),
    _key("webhook_id", _ident()),
    Column("url", String(1000), nullable=False),
    Column("poi_ids", JSON(), nullable=True),
    Column("channel_code", _ident(), nullable=True),
    Column("events", JSON(), nullable=False),
    Column("status", String(16), nullable=False),
    Column("status_reason", String(200), nullable=True),
    Column("secret", String(128), nullable=False),
    Column("previous_secret", String(128), nullable=True),  # signs too ...
    _instant("previous_until", nullable=True),  # ... until then
    _instant("created_at"),
)

admin_log = Table(
    "admin_log",
    metadata,
    _key("catalog_version", COUNTER),
    _key("line", Integer()),
    _instant("at"),
    Column("actor", _ident(128), nullable=False),
    Column("action", _ident(16), nullable=False),
    Column("kind", _ident(16), nullable=False),
    Column("object", String(200), nullable=False),
    Column("brand_id", _ident(), nullable=True),
    Column("before", JSON(none_as_null=True), nullable=True),
    Column("after", JSON(none_as_null=True), nullable=True),
    Index("ix_admin_log_brand", "brand_id", "catalog_version", "line"),
    info={"kind": BROADCAST},
    **_MYSQL,
)
"""Who changed what of the configuration, append-only: a line for each object that a version changed."""
