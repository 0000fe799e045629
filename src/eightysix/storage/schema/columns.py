"""What the tables are made of: types and columns that mean the same on every database."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    MetaData,
    Numeric,
    SmallInteger,
    String,
    Table,
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


def ident(length: int = 64) -> TypeEngine[Any]:
    """The type of an identifier."""
    return Ident(length)


def key(name: str, type_: TypeEngine[Any]) -> Column[Any]:
    """A column of the primary key."""
    return Column(name, type_, primary_key=True, autoincrement=False, nullable=False)


def store_key() -> list[Column[Any]]:
    """What names a store, its bucket first."""
    return [key("product_shard_id", SmallInteger()), key("brand_id", ident()), key("poi_id", ident())]


def stock_key() -> list[Column[Any]]:
    """What names a stock."""
    return [*store_key(), key("object_type", SmallInteger()), key("object_id", COUNTER)]


def quantity(name: str, default: str | None = "0") -> Column[Any]:
    """A quantity; without a default it may be NULL."""
    return Column(name, QUANTITY, nullable=default is None, server_default=default)


def counter(name: str) -> Column[Any]:
    """A count that starts at 0."""
    return Column(name, COUNTER, nullable=False, server_default="0")


def instant(name: str, *, nullable: bool = False) -> Column[Any]:
    """An instant in milliseconds."""
    return Column(name, INSTANT, nullable=nullable)


SHARDED = "sharded"
BROADCAST = "broadcast"

MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_default_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def sharded(name: str, *parts: SchemaItem, rewritten: bool = False) -> Table:
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
        **MYSQL,
    )


def catalog(name: str, *columns: SchemaItem) -> Table:
    """A configuration table: `catalog_version` orders all changes, what was deleted stays as a tombstone."""
    return Table(
        name,
        metadata,
        *columns,
        counter("catalog_version"),
        Column("deleted", Boolean(), nullable=False, server_default="0"),
        info={"kind": BROADCAST},
        **MYSQL,
    )
