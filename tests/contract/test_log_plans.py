"""How each database finds rows of the change log: by the primary key, each hop of a chain by the whole of it, never
reading another store's rows. And through the proxy: in one physical table."""

import re
import secrets
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any

import pytest

from eightysix.core.change import Head
from eightysix.core.key import StoreKey
from eightysix.core.log_query import LogQuery, LogSpan
from eightysix.engine import Housekeeping
from eightysix.storage.migrate import migrate
from eightysix.storage.mysql.change_log import MysqlLogTable
from eightysix.storage.open import open_database
from eightysix.storage.port import Database
from eightysix.storage.postgres import change_log as postgres
from eightysix.storage.sqlite import change_log as sqlite
from eightysix.storage.url import parse

from .plans import STATISTICS, OneSession, filled, generic_plan
from .scene import DISH, Scene, a_reservation, a_stock, changes
from .test_change_log import a_row
from .test_mysql_plans import STORE, Recorded
from .test_proxy_routing import GeneralLog, general_log, proxied, tables_of

__all__ = ["general_log", "proxied"]  # fixtures

KEY = ("product_shard_id", "brand_id", "poi_id")
LOG_KEY = (*KEY, "seq")
QUERIES = {"": LogQuery(), "stock": LogQuery(key=DISH), "order": LogQuery(order_id="order-7")}
SPARSE = {"actor": "nobody", "source": "api", "kinds": (1, 2), "channel_code": "POS"}


# --- SQLite


SQLITE = {
    "NEWEST": KEY,
    "STORES": ("product_shard_id",),
    "STOCK_START": (*KEY, "object_type", "object_id"),
    "ORDER_START": (*KEY, "order_id"),
}
"""Of which table's key how much, where it isn't the log's whole key."""


@pytest.mark.parametrize("statistics", [False, True], ids=["without statistics", "with statistics"])
async def test_sqlite_finds_every_row_by_its_key(sqlite_url: str, *, statistics: bool) -> None:
    await migrate(sqlite_url)
    if statistics:
        database = await open_database(sqlite_url, owner="plans")
        scene = Scene(database)
        await _fill(scene, scene.stores(30), 600)
        await scene.close()
        await database.close()
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    if statistics:
        connection.execute("ANALYZE")
    for name, statement in sqlite.HOT_STATEMENTS.items():
        count = max(int(number) for number in re.findall(r"\?(\d+)", statement))
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", [None] * count)]
        is_chain = name.endswith("CHAIN")
        steps = [step for step in plan if "poi_" in step or (is_chain and re.match(r"(SEARCH|SCAN) t\b", step))]
        assert len(steps) == (2 if is_chain else 1), (name, plan)
        assert not [step for step in plan if "BLOOM FILTER" in step or "TEMP B-TREE" in step], (name, plan)
        for step in steps:
            assert step.startswith("SEARCH"), (name, plan)
            assert "USING PRIMARY KEY" in step, (name, plan)
            assert set(SQLITE.get(name, LOG_KEY)) <= set(re.findall(r"(\w+)[=<>]", step)), (name, plan)
            assert not is_chain or "seq=?" in step, (name, plan)
    connection.close()


# --- PostgreSQL

LOG_PKEY = "poi_item_stock_log_pkey"
POSTGRES = {
    "newest": (postgres.NEWEST_STATEMENT, LOG_PKEY, KEY),
    "mark": (postgres.MARK_STATEMENT, LOG_PKEY, LOG_KEY),
    "marks": (postgres.MARKS_STATEMENT, LOG_PKEY, LOG_KEY),
    "remove": (postgres.REMOVE_STATEMENT, LOG_PKEY, LOG_KEY),
    "rows": (postgres.ROWS_STATEMENT, LOG_PKEY, LOG_KEY),
    "nth": (postgres.NTH_STATEMENT, LOG_PKEY, LOG_KEY),
    "stock start": (postgres.STOCK_START_STATEMENT, "poi_item_stock_pkey", (*KEY, "object_type", "object_id")),
    "order start": (postgres.ORDER_START_STATEMENT, "poi_stock_reservation_pkey", (*KEY, "order_id")),
    "stock chain": (postgres.STOCK_CHAIN_STATEMENT, LOG_PKEY, LOG_KEY),
    "order chain": (postgres.ORDER_CHAIN_STATEMENT, LOG_PKEY, LOG_KEY),
}
MANY_ROWS = """
INSERT INTO poi_item_stock_log
    (product_shard_id, brand_id, poi_id, seq, object_type, object_id, kind, order_id, actor, source, recorded_at,
    stock_prev, order_prev)
    SELECT 7, 'b', (n % 50)::text, n, 2, n % 40, 1, (n / 4)::text, 'a', 'api', n, n - 200, n - 50
    FROM generate_series(1, 20000) AS n;
"""


@pytest.mark.parametrize("statistics", STATISTICS)
async def test_postgres_finds_every_row_by_its_key(postgres_url: str, statistics: str) -> None:
    async with filled(postgres_url, MANY_ROWS, statistics) as connection:
        for name, (statement, index, columns) in POSTGRES.items():
            plan = await generic_plan(connection, statement)
            scans = [at for at, line in enumerate(plan) if "Scan" in line and "poi_" in line and "Tid" not in line]
            is_chain = name.endswith("chain")
            assert len(scans) == (2 if is_chain else 1), (name, plan)
            sorts = [line for line in plan if "Sort" in line]
            assert not sorts or name in {"marks", "stock chain", "order chain"}, (name, plan)  # a handful of named rows
            for at in scans:
                assert f"using {index} on" in plan[at], (name, plan)
                condition = plan[at + 1]
                assert "Index Cond" in condition, (name, plan)
                missing = [column for column in columns if not re.search(rf"\({column}\b|\(\({column}\)", condition)]
                assert not missing, (name, missing, plan)
                assert not is_chain or "(seq = " in condition, (name, plan)


# --- MariaDB


async def _fill(scene: Scene, stores: list[StoreKey], rows: int) -> None:
    logs = [a_row(seq, key=DISH._replace(object_id=seq % 40)) for seq in range(1, rows)]
    ends = {
        "stocks": [(None, a_stock(DISH, version=rows - 1))],
        "reservations": [(None, a_reservation("order-7", log_seq=63))],
    }
    await scene.write(dict.fromkeys(stores, changes(head=Head(rows, 0, 10**13), logs=logs, **ends)))


async def _explained(session: Recorded, ask: Awaitable[Any]) -> tuple[str, list[Sequence[Any]]]:
    """The statement that was sent, and how the server finds its rows in each table."""
    session.sent = []
    await ask
    (sql,) = session.sent
    plan = [row for row in await session.rows(f"EXPLAIN {sql}") if row[2] == "t" or row[2].startswith("poi_")]
    for row in plan:
        assert row[5] == "PRIMARY", (sql, plan)
        assert "filesort" not in str(row[-1]), (sql, plan)
        assert "temporary" not in str(row[-1]), (sql, plan)
    return sql, plan


@pytest.fixture
async def explained(mysql_url: str) -> AsyncIterator[tuple[Recorded, MysqlLogTable, StoreKey]]:
    """A session that keeps what it sends, the log that it reads, and a store among others with many rows."""
    await migrate(mysql_url)
    database = await open_database(mysql_url, owner=f"plans-{secrets.token_hex(4)}")
    scene = Scene(database)
    stores = scene.stores(30)
    await _fill(scene, stores, 600)
    session = Recorded(parse(mysql_url))
    session.sent = []
    await session.open()
    await session.rows("ANALYZE TABLE poi_item_stock_log")
    yield session, MysqlLogTable(OneSession(session), has_chains=True), stores[0]  # type: ignore[arg-type]
    await session.close()
    await scene.close()
    await database.close()


@pytest.mark.parametrize("sparse", [{}, SPARSE], ids=["all rows", "some rows"])
@pytest.mark.parametrize("span", [LogSpan(0, 2**63 - 1), LogSpan(100, 500)], ids=["from the newest", "in the middle"])
async def test_mariadb_finds_a_range_by_its_key(
    explained: tuple[Recorded, MysqlLogTable, StoreKey], span: LogSpan, sparse: dict[str, Any]
) -> None:
    session, table, store = explained
    for query in QUERIES.values():
        filtered = LogQuery(query.key, query.order_id, **sparse)
        for ask in (table.rows(store, filtered, span, 101), table.nth(store, span, 50)):
            sql, plan = await _explained(session, ask)
            assert len(plan) == 1, (sql, plan)
            assert plan[0][3] in {"range", "ref"}, (sql, plan)
            assert int(plan[0][6]) in {STORE + 8, STORE}, (sql, plan)


@pytest.mark.parametrize("by", ["stock", "order"])
async def test_mariadb_finds_each_hop_of_a_chain_by_its_key(
    explained: tuple[Recorded, MysqlLogTable, StoreKey], by: str
) -> None:
    session, table, store = explained
    sql, plan = await _explained(session, table.chain(store, QUERIES[by], LogSpan(0, 2**63 - 1, 500), 100))
    assert len(plan) == 3, (sql, plan)
    for row in plan:
        assert row[3] in {"const", "eq_ref"}, (sql, plan)
        assert int(row[6]) == STORE + 8, (sql, plan)


async def test_mariadb_finds_a_row_by_its_key(explained: tuple[Recorded, MysqlLogTable, StoreKey]) -> None:
    session, table, store = explained
    for ask in (
        table.newest(store),
        table.mark(store, 5),
        table.marks(store, [5, 6, 500]),
        table.remove(store, LogSpan(0, 1), 0),
        table.chain_start(store, QUERIES["stock"]),
        table.chain_start(store, QUERIES["order"]),
    ):
        sql, plan = await _explained(session, ask)
        assert len(plan) == 1, (sql, plan)
        assert plan[0][3] in {"const", "ref", "range"}, (sql, plan)


# --- the proxy


async def test_no_look_at_the_log_reaches_two_tables_behind_the_proxy(
    proxied: Database, general_log: GeneralLog
) -> None:
    scene = Scene(proxied)
    store = scene.store()
    await _fill(scene, [store], 60)
    log = proxied.log
    with general_log.recording() as statements:
        for query in QUERIES.values():
            await log.page(store, query, None, 5)
            await log.page(store, LogQuery(query.key, query.order_id, **SPARSE), LogSpan(5, 50), 5)
        await log.page(store, LogQuery(since=1_002_000, until=1_004_000), None, 5)
        removed = await Housekeeping(proxied, 30, lambda: [0]).keep_bucket(store.bucket)
        await scene.close()
    assert removed == 58
    touching = [(tables_of(statement), statement) for _, statement in statements]
    assert [statement for tables, statement in touching if len(tables) > 1] == []
    assert {name for tables, _ in touching for name in tables if "stock_log" in name} == {
        f"poi_item_stock_log_{store.bucket // 2 % 4}"
    }
    assert [statement for tables, statement in touching if tables and statement.startswith("DELETE")]
