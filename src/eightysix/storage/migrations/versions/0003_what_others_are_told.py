"""What the tables need so that every change reaches the POS, the channels and the message bus.

Only tables and columns with a default are added, so that the program before this one goes on working on them.

Revision ID: 0003
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.schema import SchemaItem

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_QUANTITY = sa.Numeric(13, 3).with_variant(sa.Integer(), "sqlite")
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_LONG = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
_DIGEST = sa.LargeBinary(32).with_variant(mysql.VARBINARY(32), "mysql", "mariadb")
_MYSQL = {"mysql_engine": "InnoDB", "mysql_default_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """Make the tables, then add the columns."""
    suffixes: Sequence[str] = context.config.attributes["table_suffixes"]
    for suffix in suffixes:
        _relay(suffix)
        _devices(suffix)
        _webhooks(suffix)
        _bus(suffix)
        _add(f"poi_item_stock{suffix}", sa.Column("settings_real", _QUANTITY, nullable=True))
        _add(f"poi_stock_timer{suffix}", _counter("told"))
        _add(f"poi_stock_timer{suffix}", _counter("told_seq"))
    _add("catalog_head", sa.Column("generation", _BIG, nullable=False, server_default="1"))
    _subscriptions()


def _ident(length: int = 64) -> sa.types.TypeEngine[str]:
    """Compared byte by byte, trailing spaces included; the collation that does so has three names."""
    dialect = op.get_bind().dialect
    if dialect.name == "postgresql":
        return postgresql.VARCHAR(length, collation="C")
    if dialect.name == "mysql":
        collation = "utf8mb4_nopad_bin" if getattr(dialect, "is_mariadb", False) else "utf8mb4_0900_bin"
        return mysql.VARCHAR(length, charset="utf8mb4", collation=collation)
    return sa.String(length)


def _add(table: str, column: sa.Column[Any]) -> None:
    there = {each["name"] for each in sa.inspect(op.get_bind()).get_columns(table)}
    if column.name not in there:
        op.add_column(table, column)


def _make(name: str, *parts: SchemaItem, sharded: bool = True) -> None:
    without_rowid = {"sqlite_with_rowid": False} if sharded else {}
    op.create_table(name, *parts, if_not_exists=True, **without_rowid, **_MYSQL)


def _key(name: str, type_: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, type_, primary_key=True, autoincrement=False, nullable=False)


def _shard() -> sa.Column[Any]:
    return _key("product_shard_id", sa.SmallInteger())


def _store() -> list[sa.Column[Any]]:
    return [_shard(), _key("brand_id", _ident()), _key("poi_id", _ident())]


def _counter(name: str) -> sa.Column[Any]:
    return sa.Column(name, _BIG, nullable=False, server_default="0")


def _instant(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, _BIG, nullable=nullable)


def _text(name: str, length: int = 64, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, _ident(length), nullable=nullable)


def _number(name: str, type_: sa.types.TypeEngine[Any], *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, type_, nullable=nullable)


def _relay(suffix: str) -> None:
    """Who publishes what, and what could not be published."""
    _make(
        f"poi_stock_parked{suffix}",
        *_store(),
        _key("seq", _BIG),
        _counter("prev_seq"),
        _number("object_type", sa.SmallInteger()),
        _number("object_id", _BIG),
        _instant("committed_at"),
        _instant("parked_at"),
        _number("tries", sa.Integer()),
        sa.Column("reason", sa.Text(), nullable=False),
    )
    _make(f"sync_lease{suffix}", _shard(), _text("owner"), _instant("expires_at"), _counter("token"))
    _make(f"sync_member{suffix}", _shard(), _key("owner", _ident()), _instant("seen_at"))


def _devices(suffix: str) -> None:
    """How far the devices of a store are, and their journals."""
    _make(
        f"poi_stock_device{suffix}",
        *_store(),
        _key("device_id", _ident()),
        _counter("generation"),
        _counter("acked_seq"),
        _instant("acked_at"),
        _instant("lagging_since", nullable=True),
        _counter("drift"),
        _instant("reconciled_at", nullable=True),
    )
    _make(
        f"poi_stock_journal{suffix}",
        *_store(),
        _key("device_id", _ident()),
        _key("journal_id", _ident()),
        _counter("last_seq"),
        _instant("last_at"),
        _number("marks", _LONG, nullable=True),
    )


def _webhooks(suffix: str) -> None:
    """What third parties haven't been told yet, and how telling them went."""
    _make(
        f"webhook_queue{suffix}",
        _shard(),
        _key("brand_id", _ident()),
        _key("webhook_id", _ident()),
        _key("poi_id", _ident()),
        _key("event", _ident(32)),
        _key("object_type", sa.SmallInteger()),
        _key("object_id", _BIG),
        _counter("seq"),
        _instant("committed_at"),
        _instant("due_at"),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        _counter("revision"),
    )
    _make(
        f"webhook_attempt{suffix}",
        _shard(),
        _key("brand_id", _ident()),
        _key("webhook_id", _ident()),
        _key("attempted_at", _BIG),
        _key("attempt_id", _ident()),
        _text("message_id"),
        _text("event", 32),
        _text("poi_id", nullable=True),
        _number("object_type", sa.SmallInteger(), nullable=True),
        _number("object_id", _BIG, nullable=True),
        _number("seq", _BIG, nullable=True),
        _number("status_code", sa.SmallInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        _number("took_ms", sa.Integer()),
        _number("delivered", sa.Boolean()),
    )


def _bus(suffix: str) -> None:
    """What came from the message bus."""
    table = f"poi_order_event{suffix}"
    _make(
        table,
        *_store(),
        _key("order_id", _ident()),
        _key("order_seq", _BIG),
        _text("event_id"),
        _text("type", 32),
        _number("digest", _DIGEST),
        _number("body", _LONG),
        _number("state", sa.SmallInteger()),
        _number("answer", _LONG, nullable=True),
        _instant("received_at"),
    )
    there = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}
    if "ix_order_event_state" not in there:
        op.create_index("ix_order_event_state", table, ["product_shard_id", "state", "received_at"])
    _make(
        f"message_parked{suffix}",
        _shard(),
        _key("topic", _ident()),
        _key("message_id", _ident(128)),
        _text("brand_id", nullable=True),
        _text("poi_id", nullable=True),
        _number("body", _LONG),
        sa.Column("reason", sa.Text(), nullable=False),
        _number("tries", sa.Integer()),
        _instant("parked_at"),
    )


def _subscriptions() -> None:
    """Who is told by webhook."""
    _make(
        "webhook",
        _key("brand_id", _ident()),
        _key("webhook_id", _ident()),
        _number("url", sa.String(1000)),
        sa.Column("poi_ids", sa.JSON(), nullable=True),
        _text("channel_code", nullable=True),
        sa.Column("events", sa.JSON(), nullable=False),
        _number("status", sa.String(16)),
        _number("status_reason", sa.String(200), nullable=True),
        _number("secret", sa.String(128)),
        _number("previous_secret", sa.String(128), nullable=True),
        _instant("previous_until", nullable=True),
        _instant("created_at"),
        sa.Column("catalog_version", _BIG, nullable=False, server_default="0"),
        sa.Column("deleted", sa.Boolean(), nullable=False, server_default="0"),
        sharded=False,
    )
