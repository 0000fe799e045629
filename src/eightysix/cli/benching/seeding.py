"""Databases filled for a measurement: stores, dishes and stocks that never run out, in the schema's tables."""

from collections.abc import Callable, Iterator
from decimal import Decimal

import asyncpg
from sqlalchemy.ext.asyncio import create_async_engine

from eightysix.cli.benching.postgres import Server
from eightysix.cli.benching.workload import BRAND, CHANNEL, PORTIONS, poi_id
from eightysix.core.key import StoreKey
from eightysix.storage.schema import metadata

KeyOf = Callable[[int], StoreKey]
"""The key of a store by its number, from 1 on."""


def service_key(store: int) -> StoreKey:
    """How EightySix keys the store."""
    return StoreKey.of(BRAND, poi_id(store))


def script_key(store: int) -> StoreKey:
    """How the scripts key it: the bucket by what pgbench can compute."""
    return StoreKey(store % 1024, BRAND, str(store))


async def make_database(server: Server, name: str) -> str:
    """An empty database of that name, an older one dropped. Its address."""
    connection = await asyncpg.connect(server.url)
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()
    return server.url_of(name)


async def drop_database(server: Server, name: str) -> None:
    """Removes the database, whoever still uses it."""
    connection = await asyncpg.connect(server.url)
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await connection.close()


async def make_tables(url: str) -> None:
    """The tables as the schema has them, without the program's migrations: for the hand-written SQL."""
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()


async def fill_stocks(url: str, stores: int, items: int, key_of: KeyOf) -> None:
    """`stores` × `items` limited stocks with their head rows, as after a person set each once; analysed afterwards."""
    connection = await asyncpg.connect(url)
    try:
        now = await connection.fetchval("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
        await connection.copy_records_to_table(
            "poi_stock_head",
            records=((*key_of(store), items, 0, now) for store in range(1, stores + 1)),
            columns=["product_shard_id", "brand_id", "poi_id", "seq", "outbox_seq", "last_at"],
        )
        await connection.copy_records_to_table(
            "poi_item_stock", records=_stock_rows(stores, items, key_of, now), columns=list(_STOCK_COLUMNS)
        )
        await settle(connection)
    finally:
        await connection.close()


_STOCK_COLUMNS = (
    "product_shard_id", "brand_id", "poi_id", "object_type", "object_id", "stock_status", "stock_type", "manual",
    "plan_quantity", "real_quantity", "version", "settings_version", "updated_at",
)  # fmt: skip


def _stock_rows(stores: int, items: int, key_of: KeyOf, now: int) -> Iterator[tuple[object, ...]]:
    portions = Decimal(PORTIONS)
    for store in range(1, stores + 1):
        key = key_of(store)
        for sku in range(1, items + 1):
            yield (*key, 2, sku, 1, 2, False, portions, portions, sku, sku, now)


async def fill_catalogue(url: str, stores: int, items: int) -> None:
    """The brand, its stores, one channel and its dishes, as administration would have made them."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            version = 1 + await connection.fetchval("SELECT coalesce(max(catalog_version), 0) FROM catalog_head")
            await connection.execute(
                "INSERT INTO catalog_head (id, catalog_version) VALUES (1, $1) "
                "ON CONFLICT (id) DO UPDATE SET catalog_version = $1", version,
            )  # fmt: skip
            await connection.execute("INSERT INTO brand VALUES ($1, 'Benchmark', 'open', $2, false)", BRAND, version)
            await connection.execute(
                "INSERT INTO channel VALUES ($1, $2, 'Online', 'online', 'own', 900, 'deny', $3, false)",
                BRAND, CHANNEL, version,
            )  # fmt: skip
            await connection.copy_records_to_table(
                "store",
                columns=(
                    "brand_id", "poi_id", "name", "time_zone", "business_day_start", "status", "catalog_version",
                    "deleted",
                ),
                records=(
                    (BRAND, poi_id(store), f"Store {store}", "UTC", "04:00", "open", version, False)
                    for store in range(1, stores + 1)
                ),
            )  # fmt: skip
            await connection.copy_records_to_table(
                "item",
                records=(
                    (BRAND, 2, sku, None, f"Dish {sku}", f"菜 {sku}", None, "[]", 1, "[]", version, False)
                    for sku in range(1, items + 1)
                ),
            )
    finally:
        await connection.close()


async def settle(connection: asyncpg.Connection) -> None:
    """Leaves nothing of the filling to be done while measuring. Tables that are still empty keep their lack of
    statistics, as in a database that was just set up."""
    await connection.execute("VACUUM (FREEZE, ANALYZE) poi_stock_head, poi_item_stock")
    await connection.execute("CHECKPOINT")


async def checkpoint(url: str) -> None:
    """Every measurement starts right after a checkpoint, so that each pays alike for the first touch of a page."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
