"""Restores, low stock, the change log's other half, timers, key rotation, the log of administration.

Columns are only added, so that the program before this one goes on working on the new tables while a fleet is updated.
MySQL can't undo a migration that was cut short: what is there already is left alone.

Revision ID: 0002
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.schema import SchemaItem

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_QUANTITY = sa.Numeric(13, 3).with_variant(sa.Integer(), "sqlite")
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MYSQL = {"mysql_engine": "InnoDB", "mysql_default_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """Add the columns, then make the tables."""
    suffixes: Sequence[str] = context.config.attributes["table_suffixes"]
    for suffix in suffixes:
        _stocks(suffix)
        _orders(suffix)
        _log(suffix)
        _alerts(suffix)
        _timers(suffix)
    _add("store", sa.Column("guarantees_end", sa.String(5), nullable=True))
    _keys()
    _rules()
    _admin_log()


def _ident(length: int) -> sa.types.TypeEngine[str]:
    """Compared byte by byte, trailing spaces included; the collation that does so has three names."""
    dialect = op.get_bind().dialect
    if dialect.name == "postgresql":
        return postgresql.VARCHAR(length, collation="C")
    if dialect.name == "mysql":
        collation = "utf8mb4_nopad_bin" if getattr(dialect, "is_mariadb", False) else "utf8mb4_0900_bin"
        return mysql.VARCHAR(length, charset="utf8mb4", collation=collation)
    return sa.String(length)


def _add(table: str, *columns: sa.Column[object]) -> None:
    there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)}
    for column in columns:
        if column.name not in there:
            op.add_column(table, column)


def _index(name: str, table: str, columns: list[str], *, unique: bool = False) -> None:
    there = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}
    if name not in there:
        op.create_index(name, table, columns, unique=unique)


def _make(name: str, *parts: SchemaItem, sharded: bool = True) -> None:
    without_rowid = {"sqlite_with_rowid": False} if sharded else {}
    op.create_table(name, *parts, if_not_exists=True, **without_rowid, **_MYSQL)


def _stocks(suffix: str) -> None:
    """How a stock comes back, how its channels share it, when little of it is left."""
    _add(
        f"poi_item_stock{suffix}",
        sa.Column("restore_to", sa.SmallInteger(), nullable=False, server_default="1"),
        sa.Column("auto_restore_from", _BIG, nullable=False, server_default="0"),
        sa.Column("restored_slot", _BIG, nullable=False, server_default="0"),
        sa.Column("allocation", sa.SmallInteger(), nullable=False, server_default="0"),
        sa.Column("low_quantity", _QUANTITY, nullable=True),
        sa.Column("is_low", sa.Boolean(), nullable=False, server_default="0"),
    )
    _add(
        f"poi_item_channel_stock{suffix}",
        sa.Column("released_at", _BIG, nullable=False, server_default="0"),
        sa.Column("low_quantity", _QUANTITY, nullable=True),
        sa.Column("is_low", sa.Boolean(), nullable=False, server_default="0"),
    )


def _orders(suffix: str) -> None:
    """Where an order's chain of log rows begins."""
    _add(f"poi_stock_reservation{suffix}", sa.Column("log_seq", _BIG, nullable=True))


def _log(suffix: str) -> None:
    """What was there before, why, through which event; the row before it of the same item and of the same order."""
    _add(
        f"poi_item_stock_log{suffix}",
        sa.Column("real_before", _QUANTITY, nullable=True),
        sa.Column("locked_before", _QUANTITY, nullable=True),
        sa.Column("event_id", _ident(64), nullable=True),
        sa.Column("happened_at", _BIG, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("stock_prev", _BIG, nullable=True),
        sa.Column("order_prev", _BIG, nullable=True),
    )


def _alerts(suffix: str) -> None:
    """Thresholds that were crossed."""
    _make(
        f"poi_stock_alert{suffix}",
        sa.Column("product_shard_id", sa.SmallInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("brand_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("poi_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("channel_code", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("kind", _ident(32), nullable=False),
        sa.Column("object_type", sa.SmallInteger(), nullable=False),
        sa.Column("object_id", _BIG, nullable=False),
        sa.Column("quantity", _QUANTITY, nullable=False, server_default="0"),
        sa.Column("threshold", _QUANTITY, nullable=False, server_default="0"),
        sa.Column("raised_at", _BIG, nullable=False),
    )


def _timers(suffix: str) -> None:
    """When something of a store is due by the clock."""
    table = f"poi_stock_timer{suffix}"
    _make(
        table,
        sa.Column("product_shard_id", sa.SmallInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("brand_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("poi_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("due_at", _BIG, nullable=True),
        sa.Column("planned_version", _BIG, nullable=False, server_default="0"),
        sa.Column("timed_at", _BIG, nullable=False, server_default="0"),
        sa.Column("revision", _BIG, nullable=False, server_default="0"),
    )
    _index("ix_stock_timer_due", table, ["product_shard_id", "due_at"])


def _keys() -> None:
    """The secret before the last rotation, and how fast a key may call."""
    _add(
        "api_key",
        sa.Column("previous_hash", _ident(64), nullable=True),
        sa.Column("previous_until", _BIG, nullable=True),
        sa.Column("rate_limit", sa.Integer(), nullable=True),
    )
    _index("ix_api_key_previous_hash", "api_key", ["previous_hash"], unique=True)


def _rules() -> None:
    """When sold-out dishes come back."""
    _make(
        "restore_rule",
        sa.Column("brand_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("rule_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("poi_id", _ident(64), nullable=True),
        sa.Column("object_type", sa.SmallInteger(), nullable=True),
        sa.Column("object_id", _BIG, nullable=True),
        sa.Column("category", sa.String(100), nullable=True),
        sa.Column("schedule", sa.JSON(), nullable=False),
        sa.Column("restore_to", sa.SmallInteger(), nullable=False),
        sa.Column("since_at", _BIG, nullable=False),
        sa.Column("catalog_version", _BIG, nullable=False, server_default="0"),
        sa.Column("deleted", sa.Boolean(), nullable=False, server_default="0"),
        sharded=False,
    )


def _admin_log() -> None:
    """Who changed what of the configuration."""
    _make(
        "admin_log",
        sa.Column("catalog_version", _BIG, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("line", sa.Integer(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("at", _BIG, nullable=False),
        sa.Column("actor", _ident(128), nullable=False),
        sa.Column("action", _ident(16), nullable=False),
        sa.Column("kind", _ident(16), nullable=False),
        sa.Column("object", sa.String(200), nullable=False),
        sa.Column("brand_id", _ident(64), nullable=True),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sharded=False,
    )
    _index("ix_admin_log_brand", "admin_log", ["brand_id", "catalog_version", "line"])
