"""What cloud and hub keep of one another, and how an incident ended.

Only tables, an index and columns with a default are added, so that the program before this one goes on working on them.

Revision ID: 0004
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.schema import SchemaItem

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_LONG = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
_MYSQL = {"mysql_engine": "InnoDB", "mysql_default_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """Make the tables, then add the columns."""
    suffixes: Sequence[str] = context.config.attributes["table_suffixes"]
    for suffix in suffixes:
        _cloud(suffix)
        _hub(suffix)
        _add(f"poi_stock_journal{suffix}", _text("chain", nullable=True))
        _add(f"poi_stock_reservation{suffix}", _text("hub_id", nullable=True))
        _incidents(suffix)
    _pairing()


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


def _store() -> list[sa.Column[Any]]:
    return [_key("product_shard_id", sa.SmallInteger()), _key("brand_id", _ident()), _key("poi_id", _ident())]


def _counter(name: str) -> sa.Column[Any]:
    return sa.Column(name, _BIG, nullable=False, server_default="0")


def _instant(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, _BIG, nullable=nullable)


def _text(name: str, length: int = 64, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, _ident(length), nullable=nullable)


def _cloud(suffix: str) -> None:
    """The hubs that were written off."""
    _make(
        f"poi_stock_hub{suffix}",
        *_store(),
        _key("hub_id", _ident()),
        _instant("fenced_at", nullable=True),
        sa.Column("at_risk", _LONG, nullable=True),
        _counter("revision"),
    )


def _hub(suffix: str) -> None:
    """A hub's journal, what it knows of the cloud and what it has asked of it."""
    _make(
        f"poi_hub_books{suffix}",
        *_store(),
        _text("hub_id"),
        _text("journal_id"),
        _counter("last_seq"),
        _text("chain"),
        _counter("acked_seq"),
    )
    _make(
        f"poi_hub_event{suffix}",
        *_store(),
        _key("seq", _BIG),
        _instant("at"),
        sa.Column("body", _LONG, nullable=False),
    )
    _make(
        f"poi_hub_mirror{suffix}",
        *_store(),
        _key("object_type", sa.SmallInteger()),
        _key("object_id", _BIG),
        _counter("version"),
        _counter("settings_version"),
        _counter("epoch_at"),
        _counter("pending_seq"),
        _counter("settled_version"),
    )
    _make(
        f"poi_hub_request{suffix}",
        *_store(),
        _key("request_id", _ident()),
        sa.Column("changes", _LONG, nullable=False),
        _instant("asked_at"),
    )


def _incidents(suffix: str) -> None:
    """Whose it is and how it ended, and an index to find the open ones."""
    table = f"poi_stock_incident{suffix}"
    _add(table, _text("hub_id", nullable=True))
    _add(table, _instant("resolved_at", nullable=True))
    _add(table, _text("resolved_by", 128, nullable=True))
    _add(table, _text("how", 16, nullable=True))
    _add(table, sa.Column("resolution", sa.Text(), nullable=True))
    there = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}
    if "ix_stock_incident_open" not in there:
        columns = ["product_shard_id", "brand_id", "poi_id", "resolved_at", "opened_at", "seq"]
        op.create_index("ix_stock_incident_open", table, columns)


def _pairing() -> None:
    """Which hub sells in a store, and the code that pairs the next one."""
    _make(
        "hub",
        _key("brand_id", _ident()),
        _key("poi_id", _ident()),
        _text("hub_id", nullable=True),
        sa.Column("name", sa.String(200), nullable=True),
        sa.Column("status", sa.String(16), nullable=False),
        _instant("paired_at", nullable=True),
        sa.Column("code_hash", _ident(64), nullable=True, unique=True),
        _instant("code_until", nullable=True),
        sa.Column("catalog_version", _BIG, nullable=False, server_default="0"),
        sa.Column("deleted", sa.Boolean(), nullable=False, server_default="0"),
        sharded=False,
    )
