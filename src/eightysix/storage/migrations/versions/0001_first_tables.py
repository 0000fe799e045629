"""Every table of the first capability.

Written out in full: a migration says what was, whatever the schema becomes. On physical databases behind a proxy each
sharded table is made once for each suffix, the broadcast tables once.

Revision ID: 0001
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.schema import SchemaItem

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_QUANTITY = sa.Numeric(13, 3).with_variant(sa.Integer(), "sqlite")
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_DIGEST = sa.LargeBinary(32).with_variant(mysql.VARBINARY(32), "mysql", "mariadb")
_LONG_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
_MYSQL = {"mysql_engine": "InnoDB", "mysql_default_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
_REWRITTEN = {"fillfactor": 70, "autovacuum_vacuum_scale_factor": 0.05, "autovacuum_vacuum_cost_delay": 0}


def upgrade() -> None:
    """Make the tables. Those already there are left alone: MySQL can't undo a migration that was cut short."""
    suffixes: Sequence[str] = context.config.attributes["table_suffixes"]
    for suffix in suffixes:
        _heads(suffix)
        _stocks(suffix)
        _channel_stocks(suffix)
        _orders(suffix)
        _records(suffix)
        _messages(suffix)
    _catalogue()
    _keys()


def _ident(length: int) -> sa.types.TypeEngine[str]:
    """Compared byte by byte, trailing spaces included; the collation that does so has three names."""
    dialect = op.get_bind().dialect
    if dialect.name == "postgresql":
        return postgresql.VARCHAR(length, collation="C")
    if dialect.name == "mysql":
        collation = "utf8mb4_nopad_bin" if getattr(dialect, "is_mariadb", False) else "utf8mb4_0900_bin"
        return mysql.VARCHAR(length, charset="utf8mb4", collation=collation)
    return sa.String(length)


def _sharded(suffix: str, name: str, *parts: SchemaItem, rewritten: bool = False) -> None:
    for part in parts:
        if isinstance(part, sa.CheckConstraint):
            part.name = f"{part.name}{suffix}"  # MySQL wants them different in the whole database
    op.create_table(
        f"{name}{suffix}",
        *parts,
        if_not_exists=True,
        sqlite_with_rowid=False,
        postgresql_with=_REWRITTEN if rewritten else None,
        **_MYSQL,
    )


def _broadcast(name: str, *parts: SchemaItem) -> None:
    op.create_table(name, *parts, if_not_exists=True, **_MYSQL)


def _heads(suffix: str) -> None:
    """The store's head row and the lane's marker row: what a batch locks."""
    _sharded(
        suffix,
        "poi_stock_head",
        sa.Column("product_shard_id", sa.SmallInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("brand_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("poi_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("seq", _BIG, nullable=False, server_default="0"),
        sa.Column("outbox_seq", _BIG, nullable=False, server_default="0"),
        sa.Column("last_at", _BIG, nullable=False, server_default="0"),
        rewritten=True,
    )
    _sharded(
        suffix,
        "poi_stock_marker",
        sa.Column("product_shard_id", sa.SmallInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("owner", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("lane", sa.SmallInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("batch_no", _BIG, nullable=False, server_default="0"),
        sa.Column("started_at", _BIG, nullable=False),
        rewritten=True,
    )


def _stocks(suffix: str) -> None:
    """What there is."""
    _sharded(
        suffix,
        "poi_item_stock",
        sa.Column("product_shard_id", sa.SmallInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("brand_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("poi_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("object_type", sa.SmallInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("object_id", _BIG, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("stock_status", sa.SmallInteger(), nullable=False),
        sa.Column("stock_type", sa.SmallInteger(), nullable=False),
        sa.Column("manual", sa.Boolean(), nullable=False),
        sa.Column("plan_quantity", _QUANTITY, nullable=False, server_default="0"),
        sa.Column("real_quantity", _QUANTITY, nullable=False, server_default="0"),
        sa.Column("locked_quantity", _QUANTITY, nullable=False, server_default="0"),
        sa.Column("grant_quantity", _QUANTITY, nullable=False, server_default="0"),
        sa.Column("oversold_quantity", _QUANTITY, nullable=False, server_default="0"),
        sa.Column("version", _BIG, nullable=False, server_default="0"),
        sa.Column("settings_version", _BIG, nullable=False, server_default="0"),
        sa.Column("updated_at", _BIG, nullable=False),
        sa.Column("auto_restore_type", sa.SmallInteger(), nullable=False, server_default="0"),
        sa.Column("auto_restore_at", _BIG, nullable=True),
        sa.Column("epoch_at", _BIG, nullable=False, server_default="0"),
        sa.CheckConstraint(
            "stock_type <> 2 OR real_quantity + oversold_quantity >= locked_quantity + grant_quantity",
            name="ck_stock_promised",
        ),
        sa.CheckConstraint("oversold_quantity >= 0", name="ck_stock_oversold"),
        sa.CheckConstraint("grant_quantity >= 0", name="ck_stock_grant"),
        sa.CheckConstraint("locked_quantity >= 0", name="ck_stock_locked"),
        rewritten=True,
    )


def _channel_stocks(suffix: str) -> None:
    """What a channel may take of it."""
    _sharded(
        suffix,
        "poi_item_channel_stock",
        sa.Column("product_shard_id", sa.SmallInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("brand_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("poi_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("object_type", sa.SmallInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("object_id", _BIG, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("channel_code", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("stock_status", sa.SmallInteger(), nullable=False),
        sa.Column("stock_type", sa.SmallInteger(), nullable=False),
        sa.Column("limit_quantity", _QUANTITY, nullable=True),
        sa.Column("guarantee_quantity", _QUANTITY, nullable=False, server_default="0"),
        sa.Column("weight", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("period_at", _BIG, nullable=False, server_default="0"),
        sa.Column("used_quantity", _QUANTITY, nullable=False, server_default="0"),
        sa.CheckConstraint("used_quantity >= 0", name="ck_channel_used"),
        sa.CheckConstraint("guarantee_quantity >= 0", name="ck_channel_guarantee"),
        rewritten=True,
    )


def _orders(suffix: str) -> None:
    """What orders hold, which are closed, when their locks die."""
    _sharded(
        suffix,
        "poi_stock_reservation",
        sa.Column("product_shard_id", sa.SmallInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("brand_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("poi_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("order_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("sku_id", _BIG, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("line_no", sa.SmallInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("channel_code", _ident(64), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("requested_quantity", _QUANTITY, nullable=False, server_default="0"),
        sa.Column("quantity", _QUANTITY, nullable=False, server_default="0"),
        sa.Column("returned_quantity", _QUANTITY, nullable=False, server_default="0"),
        sa.Column("restocked_quantity", _QUANTITY, nullable=False, server_default="0"),
        sa.Column("locked_at", _BIG, nullable=False),
        sa.Column("expires_at", _BIG, nullable=False),
        sa.Column("counted", sa.Boolean(), nullable=False),
        sa.Column("takes", sa.Text(), nullable=True),
        sa.Column("revision", _BIG, nullable=False, server_default="0"),
        sa.CheckConstraint(
            "quantity >= 0 AND returned_quantity >= 0 AND returned_quantity <= quantity AND "
            "restocked_quantity <= returned_quantity",
            name="ck_reservation_quantity",
        ),
        rewritten=True,
    )
    _sharded(
        suffix,
        "poi_stock_order",
        sa.Column("product_shard_id", sa.SmallInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("brand_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("poi_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("order_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("closed_at", _BIG, nullable=False),
    )
    _sharded(
        suffix,
        "poi_stock_due",
        sa.Column("product_shard_id", sa.SmallInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("due_at", _BIG, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("brand_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("poi_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("order_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
    )


def _records(suffix: str) -> None:
    """What was asked, and what happened."""
    _sharded(
        suffix,
        "poi_stock_request",
        sa.Column("product_shard_id", sa.SmallInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("brand_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("poi_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("request_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("digest", _DIGEST, nullable=False),
        sa.Column("outcome", _LONG_TEXT, nullable=False),
        sa.Column("recorded_at", _BIG, nullable=False),
    )
    _sharded(
        suffix,
        "poi_item_stock_log",
        sa.Column("product_shard_id", sa.SmallInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("brand_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("poi_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("object_type", sa.SmallInteger(), nullable=False),
        sa.Column("object_id", _BIG, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("quantity", _QUANTITY, nullable=False, server_default="0"),
        sa.Column("real_after", _QUANTITY, nullable=False, server_default="0"),
        sa.Column("locked_after", _QUANTITY, nullable=False, server_default="0"),
        sa.Column("order_id", _ident(64), nullable=True),
        sa.Column("channel_code", _ident(64), nullable=True),
        sa.Column("actor", _ident(128), nullable=False),
        sa.Column("source", _ident(16), nullable=False),
        sa.Column("recorded_at", _BIG, nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
    )


def _messages(suffix: str) -> None:
    """Who must hear of it, and what somebody must resolve."""
    _sharded(
        suffix,
        "poi_stock_outbox",
        sa.Column("product_shard_id", sa.SmallInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("brand_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("poi_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("prev_seq", _BIG, nullable=False, server_default="0"),
        sa.Column("object_type", sa.SmallInteger(), nullable=False),
        sa.Column("object_id", _BIG, nullable=False),
        sa.Column("committed_at", _BIG, nullable=False),
    )
    _sharded(
        suffix,
        "poi_stock_incident",
        sa.Column("product_shard_id", sa.SmallInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("brand_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("poi_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("kind", _ident(32), nullable=False),
        sa.Column("object_type", sa.SmallInteger(), nullable=False),
        sa.Column("object_id", _BIG, nullable=False),
        sa.Column("quantity", _QUANTITY, nullable=False, server_default="0"),
        sa.Column("order_id", _ident(64), nullable=True),
        sa.Column("actor", _ident(128), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("opened_at", _BIG, nullable=False),
    )


def _catalogue() -> None:
    """What head office has set up; behind a proxy a copy in every database."""
    _broadcast(
        "catalog_head",
        sa.Column("id", sa.SmallInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("catalog_version", _BIG, nullable=False, server_default="0"),
    )
    _broadcast(
        "brand",
        sa.Column("brand_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("catalog_version", _BIG, nullable=False, server_default="0"),
        sa.Column("deleted", sa.Boolean(), nullable=False, server_default="0"),
    )
    _broadcast(
        "store",
        sa.Column("brand_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("poi_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("time_zone", sa.String(64), nullable=False),
        sa.Column("business_day_start", sa.String(5), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("catalog_version", _BIG, nullable=False, server_default="0"),
        sa.Column("deleted", sa.Boolean(), nullable=False, server_default="0"),
    )
    _broadcast(
        "channel",
        sa.Column("brand_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("channel_code", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("place", sa.String(16), nullable=False),
        sa.Column("party", sa.String(16), nullable=False),
        sa.Column("expires_in", sa.Integer(), nullable=False),
        sa.Column("oversell", sa.String(16), nullable=False),
        sa.Column("catalog_version", _BIG, nullable=False, server_default="0"),
        sa.Column("deleted", sa.Boolean(), nullable=False, server_default="0"),
    )
    _broadcast(
        "item",
        sa.Column("brand_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("object_type", sa.SmallInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("object_id", _BIG, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("spu_id", _BIG, nullable=True),
        sa.Column("name_en", sa.String(200), nullable=False),
        sa.Column("name_zh", sa.String(200), nullable=False),
        sa.Column("category", sa.String(100), nullable=True),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("decimals", sa.SmallInteger(), nullable=False),
        sa.Column("components", sa.JSON(), nullable=False),
        sa.Column("catalog_version", _BIG, nullable=False, server_default="0"),
        sa.Column("deleted", sa.Boolean(), nullable=False, server_default="0"),
    )


def _keys() -> None:
    """Who may call."""
    _broadcast(
        "api_key",
        sa.Column("key_id", _ident(64), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("key_hash", _ident(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("brand_id", _ident(64), nullable=True),
        sa.Column("poi_ids", sa.JSON(), nullable=True),
        sa.Column("channel_code", _ident(64), nullable=True),
        sa.Column("created_at", _BIG, nullable=False),
        sa.Column("expires_at", _BIG, nullable=True),
        sa.Column("revoked_at", _BIG, nullable=True),
        sa.Column("catalog_version", _BIG, nullable=False, server_default="0"),
        sa.Column("deleted", sa.Boolean(), nullable=False, server_default="0"),
        sa.UniqueConstraint("key_hash"),
    )
