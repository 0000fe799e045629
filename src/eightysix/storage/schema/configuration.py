"""Configuration: broadcast tables behind a proxy, a copy in every database."""

from sqlalchemy import JSON, Column, Index, Integer, SmallInteger, String, Table

from .columns import BROADCAST, COUNTER, MYSQL, catalog, counter, ident, instant, key, metadata

catalog_head = Table(
    "catalog_head",
    metadata,
    key("id", SmallInteger()),
    counter("catalog_version"),
    Column("generation", COUNTER, nullable=False, server_default="1"),  # another one after a restore from a backup
    info={"kind": BROADCAST},
    **MYSQL,
)


brand = catalog(
    "brand",
    key("brand_id", ident()),
    Column("name", String(200), nullable=False),
    Column("status", String(16), nullable=False),
)

store = catalog(
    "store",
    key("brand_id", ident()),
    key("poi_id", ident()),
    Column("name", String(200), nullable=False),
    Column("time_zone", String(64), nullable=False),
    Column("business_day_start", String(5), nullable=False),
    Column("guarantees_end", String(5), nullable=True),  # a local time: what is guaranteed and open then flows back
    Column("status", String(16), nullable=False),
)

channel = catalog(
    "channel",
    key("brand_id", ident()),
    key("channel_code", ident()),
    Column("name", String(200), nullable=False),
    Column("place", String(16), nullable=False),
    Column("party", String(16), nullable=False),
    Column("expires_in", Integer(), nullable=False),
    Column("oversell", String(16), nullable=False),
)

item = catalog(
    "item",
    key("brand_id", ident()),
    key("object_type", SmallInteger()),
    key("object_id", COUNTER),
    Column("spu_id", COUNTER, nullable=True),
    Column("name_en", String(200), nullable=False),
    Column("name_zh", String(200), nullable=False),
    Column("category", String(100), nullable=True),
    Column("tags", JSON(), nullable=False),
    Column("decimals", SmallInteger(), nullable=False),
    Column("components", JSON(), nullable=False),
)

api_key = catalog(
    "api_key",
    key("key_id", ident()),
    Column("key_hash", ident(64), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("role", String(32), nullable=False),
    Column("brand_id", ident(), nullable=True),
    Column("poi_ids", JSON(), nullable=True),
    Column("channel_code", ident(), nullable=True),
    instant("created_at"),
    instant("expires_at", nullable=True),
    instant("revoked_at", nullable=True),
    Column("previous_hash", ident(64), nullable=True),  # the secret before the last rotation ...
    instant("previous_until", nullable=True),  # ... and until when it still opens
    Column("rate_limit", Integer(), nullable=True),
    Index("ix_api_key_previous_hash", "previous_hash", unique=True),
)

restore_rule = catalog(
    "restore_rule",
    key("brand_id", ident()),
    key("rule_id", ident()),
    Column("poi_id", ident(), nullable=True),
    Column("object_type", SmallInteger(), nullable=True),
    Column("object_id", COUNTER, nullable=True),
    Column("category", String(100), nullable=True),
    Column("schedule", JSON(), nullable=False),
    Column("restore_to", SmallInteger(), nullable=False),
    instant("since_at"),
)

webhook = catalog(
    "webhook",
    key("brand_id", ident()),
    key("webhook_id", ident()),
    Column("url", String(1000), nullable=False),
    Column("poi_ids", JSON(), nullable=True),
    Column("channel_code", ident(), nullable=True),
    Column("events", JSON(), nullable=False),
    Column("status", String(16), nullable=False),
    Column("status_reason", String(200), nullable=True),
    Column("secret", String(128), nullable=False),
    Column("previous_secret", String(128), nullable=True),  # signs too ...
    instant("previous_until", nullable=True),  # ... until then
    instant("created_at"),
)

hub = catalog(
    "hub",
    key("brand_id", ident()),
    key("poi_id", ident()),
    Column("hub_id", ident(), nullable=True),
    Column("name", String(200), nullable=True),
    Column("status", String(16), nullable=False),
    instant("paired_at", nullable=True),
    Column("code_hash", ident(64), nullable=True, unique=True),  # of the code that pairs the next one ...
    instant("code_until", nullable=True),  # ... and until when it does
)

admin_log = Table(
    "admin_log",
    metadata,
    key("catalog_version", COUNTER),
    key("line", Integer()),
    instant("at"),
    Column("actor", ident(128), nullable=False),
    Column("action", ident(16), nullable=False),
    Column("kind", ident(16), nullable=False),
    Column("object", String(200), nullable=False),
    Column("brand_id", ident(), nullable=True),
    Column("before", JSON(none_as_null=True), nullable=True),
    Column("after", JSON(none_as_null=True), nullable=True),
    Index("ix_admin_log_brand", "brand_id", "catalog_version", "line"),
    info={"kind": BROADCAST},
    **MYSQL,
)
"""Who changed what of the configuration, append-only: a line for each object that a version changed."""
