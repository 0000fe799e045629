"""What is told to others, and what they tell. Of these an order's transaction writes nothing."""

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, SmallInteger, Text
from sqlalchemy.dialects import mysql

from .columns import COUNTER, INSTANT, counter, ident, instant, key, sharded, store_key

poi_stock_parked = sharded(
    "poi_stock_parked",
    *store_key(),
    key("seq", COUNTER),
    counter("prev_seq"),
    Column("object_type", SmallInteger(), nullable=False),
    Column("object_id", COUNTER, nullable=False),
    instant("committed_at"),
    instant("parked_at"),
    Column("tries", Integer(), nullable=False),
    Column("reason", Text(), nullable=False),
)
"""Outbox rows that could not be published, taken out of their store's way until somebody has them replayed."""

sync_lease = sharded(
    "sync_lease",
    key("product_shard_id", SmallInteger()),  # the number of the range is a bucket of it
    Column("owner", ident(), nullable=False),
    instant("expires_at"),
    counter("token"),  # steps with each new owner
)
"""Which process works for a range of buckets: publishes their messages, sends their webhooks."""

sync_member = sharded(
    "sync_member",
    key("product_shard_id", SmallInteger()),
    key("owner", ident()),
    instant("seen_at"),
)
"""The processes that share the ranges; all in bucket 0."""

poi_stock_device = sharded(
    "poi_stock_device",
    *store_key(),
    key("device_id", ident()),
    counter("generation"),
    counter("acked_seq"),
    instant("acked_at"),
    instant("lagging_since", nullable=True),
    counter("drift"),  # differences that the last reconciliation found ...
    instant("reconciled_at", nullable=True),  # ... and when that was
)
"""How far each device of a store has applied what it was told."""

poi_stock_journal = sharded(
    "poi_stock_journal",
    *store_key(),
    key("device_id", ident()),
    key("journal_id", ident()),
    counter("last_seq"),
    instant("last_at"),
    Column("marks", Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"), nullable=True),
    Column("chain", ident(64), nullable=True),  # of a hub's journal: the digest of all its events so far
)
"""How far each device's journal was replayed. Written in the transaction of the events."""

webhook_queue = sharded(
    "webhook_queue",
    key("product_shard_id", SmallInteger()),  # of the webhook's id, not of a store
    key("brand_id", ident()),
    key("webhook_id", ident()),
    key("poi_id", ident()),
    key("event", ident(32)),
    key("object_type", SmallInteger()),
    key("object_id", COUNTER),
    counter("seq"),
    instant("committed_at"),
    instant("due_at"),
    Column("tries", Integer(), nullable=False, server_default="0"),
    counter("revision"),
)
"""What an endpoint hasn't been told yet: the newest state of an object stands for all before it."""

webhook_attempt = sharded(
    "webhook_attempt",
    key("product_shard_id", SmallInteger()),
    key("brand_id", ident()),
    key("webhook_id", ident()),
    key("attempted_at", INSTANT),
    key("attempt_id", ident()),
    Column("message_id", ident(), nullable=False),
    Column("event", ident(32), nullable=False),
    Column("poi_id", ident(), nullable=True),
    Column("object_type", SmallInteger(), nullable=True),
    Column("object_id", COUNTER, nullable=True),
    Column("seq", COUNTER, nullable=True),
    Column("status_code", SmallInteger(), nullable=True),
    Column("error", Text(), nullable=True),
    Column("took_ms", Integer(), nullable=False),
    Column("delivered", Boolean(), nullable=False),
)
"""The delivery log."""

poi_order_event = sharded(
    "poi_order_event",
    *store_key(),
    key("order_id", ident()),
    key("order_seq", COUNTER),
    Column("event_id", ident(), nullable=False),
    Column("type", ident(32), nullable=False),
    Column("digest", LargeBinary(32).with_variant(mysql.VARBINARY(32), "mysql", "mariadb"), nullable=False),
    Column("body", Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"), nullable=False),
    Column("state", SmallInteger(), nullable=False),
    Column("answer", Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"), nullable=True),
    instant("received_at"),
    Index("ix_order_event_state", "product_shard_id", "state", "received_at"),
)
"""Events of the order service: done, or waiting for one before them."""

message_parked = sharded(
    "message_parked",
    key("product_shard_id", SmallInteger()),
    key("topic", ident()),
    key("message_id", ident(128)),
    Column("brand_id", ident(), nullable=True),
    Column("poi_id", ident(), nullable=True),
    Column("body", Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"), nullable=False),
    Column("reason", Text(), nullable=False),
    Column("tries", Integer(), nullable=False),
    instant("parked_at"),
)
"""Messages from a bus that can't be processed, with the reason; in bucket 0 where they name no store."""
