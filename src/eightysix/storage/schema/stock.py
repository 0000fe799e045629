"""Stocks, what is held of them, and what is written with every change."""

from sqlalchemy import Boolean, CheckConstraint, Column, Index, Integer, LargeBinary, SmallInteger, Text
from sqlalchemy.dialects import mysql

from .columns import COUNTER, INSTANT, counter, ident, instant, key, quantity, sharded, stock_key, store_key

poi_stock_head = sharded(
    "poi_stock_head",
    *store_key(),
    counter("seq"),
    counter("outbox_seq"),
    Column("last_at", INSTANT, nullable=False, server_default="0"),
    rewritten=True,
)

poi_item_stock = sharded(
    "poi_item_stock",
    *stock_key(),
    Column("stock_status", SmallInteger(), nullable=False),
    Column("stock_type", SmallInteger(), nullable=False),
    Column("manual", Boolean(), nullable=False),
    quantity("plan_quantity"),
    quantity("real_quantity"),
    quantity("locked_quantity"),
    quantity("grant_quantity"),
    quantity("oversold_quantity"),
    counter("version"),
    counter("settings_version"),
    instant("updated_at"),
    Column("auto_restore_type", SmallInteger(), nullable=False, server_default="0"),
    instant("auto_restore_at", nullable=True),
    Column("epoch_at", INSTANT, nullable=False, server_default="0"),
    Column("restore_to", SmallInteger(), nullable=False, server_default="1"),
    Column("auto_restore_from", INSTANT, nullable=False, server_default="0"),
    counter("restored_slot"),
    counter("filled_slot"),
    Column("refilled_at", INSTANT, nullable=False, server_default="0"),
    Column("allocation", SmallInteger(), nullable=False, server_default="0"),
    quantity("low_quantity", default=None),
    Column("is_low", Boolean(), nullable=False, server_default="0"),
    quantity("settings_real", default=None),  # what was there right after the last setting; NULL: unknown
    CheckConstraint("locked_quantity >= 0", name="ck_stock_locked"),
    CheckConstraint("grant_quantity >= 0", name="ck_stock_grant"),
    CheckConstraint("oversold_quantity >= 0", name="ck_stock_oversold"),
    CheckConstraint(
        "stock_type <> 2 OR real_quantity + oversold_quantity >= locked_quantity + grant_quantity",
        name="ck_stock_promised",
    ),
    rewritten=True,
)

poi_item_channel_stock = sharded(
    "poi_item_channel_stock",
    *stock_key(),
    key("channel_code", ident()),
    Column("stock_status", SmallInteger(), nullable=False),
    Column("stock_type", SmallInteger(), nullable=False),
    quantity("limit_quantity", default=None),
    quantity("guarantee_quantity"),
    Column("weight", Integer(), nullable=False, server_default="0"),
    Column("period_at", INSTANT, nullable=False, server_default="0"),
    quantity("used_quantity"),
    Column("released_at", INSTANT, nullable=False, server_default="0"),
    quantity("low_quantity", default=None),
    Column("is_low", Boolean(), nullable=False, server_default="0"),
    CheckConstraint("used_quantity >= 0", name="ck_channel_used"),
    CheckConstraint("guarantee_quantity >= 0", name="ck_channel_guarantee"),
    rewritten=True,
)

poi_stock_reservation = sharded(
    "poi_stock_reservation",
    *store_key(),
    key("order_id", ident()),
    key("sku_id", COUNTER),
    key("line_no", SmallInteger()),
    Column("channel_code", ident(), nullable=False),
    Column("state", SmallInteger(), nullable=False),
    quantity("requested_quantity"),
    quantity("quantity"),
    quantity("returned_quantity"),
    quantity("restocked_quantity"),
    instant("locked_at"),
    instant("expires_at"),
    Column("counted", Boolean(), nullable=False),  # the SKU's own stock was counted
    Column("takes", Text(), nullable=True),  # JSON of all takes, only where it isn't just the SKU one to one
    counter("revision"),
    Column("log_seq", COUNTER, nullable=True),  # where the order's chain of log rows began when this was written
    Column("hub_id", ident(), nullable=True),  # the order's home; NULL: this side's
    CheckConstraint(
        "quantity >= 0 AND returned_quantity >= 0 AND returned_quantity <= quantity AND "
        "restocked_quantity <= returned_quantity",
        name="ck_reservation_quantity",
    ),
    rewritten=True,
)

poi_stock_order = sharded(
    "poi_stock_order",
    *store_key(),
    key("order_id", ident()),
    instant("closed_at"),
)

poi_stock_due = sharded(
    "poi_stock_due",
    key("product_shard_id", SmallInteger()),
    key("due_at", INSTANT),
    key("brand_id", ident()),
    key("poi_id", ident()),
    key("order_id", ident()),
)

poi_stock_request = sharded(
    "poi_stock_request",
    *store_key(),
    key("request_id", ident()),
    Column("digest", LargeBinary(32).with_variant(mysql.VARBINARY(32), "mysql", "mariadb"), nullable=False),
    Column("outcome", Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"), nullable=False),
    instant("recorded_at"),
)

poi_item_stock_log = sharded(
    "poi_item_stock_log",
    *store_key(),
    key("seq", COUNTER),
    Column("object_type", SmallInteger(), nullable=False),
    Column("object_id", COUNTER, nullable=False),
    Column("kind", SmallInteger(), nullable=False),
    quantity("quantity"),
    quantity("real_before", default=None),  # NULL in rows of before these columns were there
    quantity("real_after"),
    quantity("locked_before", default=None),
    quantity("locked_after"),
    Column("order_id", ident(), nullable=True),
    Column("channel_code", ident(), nullable=True),
    Column("actor", ident(128), nullable=False),
    Column("source", ident(16), nullable=False),
    Column("event_id", ident(), nullable=True),
    instant("happened_at", nullable=True),  # only where that isn't when it was recorded
    instant("recorded_at"),
    Column("reason", Text(), nullable=True),
    Column("content", Text(), nullable=True),
    Column("stock_prev", COUNTER, nullable=True),  # the row before it of the same stock, 0 where there is none ...
    Column("order_prev", COUNTER, nullable=True),  # ... and of the same order (docs/decisions/0006)
)

poi_stock_outbox = sharded(
    "poi_stock_outbox",
    *store_key(),
    key("seq", COUNTER),
    counter("prev_seq"),
    Column("object_type", SmallInteger(), nullable=False),
    Column("object_id", COUNTER, nullable=False),
    instant("committed_at"),
)

poi_stock_incident = sharded(
    "poi_stock_incident",
    *store_key(),
    key("seq", COUNTER),
    Column("kind", ident(32), nullable=False),
    Column("object_type", SmallInteger(), nullable=False),
    Column("object_id", COUNTER, nullable=False),
    quantity("quantity"),
    Column("order_id", ident(), nullable=True),
    Column("actor", ident(128), nullable=False),
    Column("reason", Text(), nullable=True),
    instant("opened_at"),
    Column("hub_id", ident(), nullable=True),  # who told of it, or whose grant it is
    instant("resolved_at", nullable=True),  # NULL: it is open
    Column("resolved_by", ident(128), nullable=True),
    Column("how", ident(16), nullable=True),
    Column("resolution", Text(), nullable=True),
    # the open ones of a store, the newest at its end
    Index("ix_stock_incident_open", "product_shard_id", "brand_id", "poi_id", "resolved_at", "opened_at", "seq"),
)

poi_stock_alert = sharded(
    "poi_stock_alert",
    *store_key(),
    key("seq", COUNTER),
    key("channel_code", ident()),  # empty where it is about the stock as a whole: part of the key, so never NULL
    Column("kind", ident(32), nullable=False),
    Column("object_type", SmallInteger(), nullable=False),
    Column("object_id", COUNTER, nullable=False),
    quantity("quantity"),
    quantity("threshold"),
    instant("raised_at"),
)

poi_stock_timer = sharded(
    "poi_stock_timer",
    *store_key(),
    instant("due_at", nullable=True),
    counter("planned_version"),
    Column("timed_at", INSTANT, nullable=False, server_default="0"),
    counter("revision"),
    counter("told"),
    counter("told_seq"),
    Index("ix_stock_timer_due", "product_shard_id", "due_at"),
)

poi_stock_marker = sharded(
    "poi_stock_marker",
    key("product_shard_id", SmallInteger()),
    key("owner", ident()),
    key("lane", SmallInteger()),
    counter("batch_no"),
    instant("started_at"),
    rewritten=True,
)
