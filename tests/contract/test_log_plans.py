"""How each database finds rows of the change log: along the one index that fits, never sorting, never reading another
store's rows. And through the proxy: in one physical table."""

import re
import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg
import pytest

from eightysix.core.change import Head
from eightysix.core.key import StoreKey
from eightysix.core.log_query import LogQuery, LogSpan
from eightysix.engine import Housekeeping
from eightysix.storage.migrate import migrate
from eightysix.storage.mysql.change_log import MysqlLogTable
from eightysix.storage.mysql.session import Session
from eightysix.storage.open import open_database
from eightysix.storage.port import Database
from eightysix.storage.postgres import change_log as postgres
from eightysix.storage.postgres.session import SETTINGS
from eightysix.storage.sqlite import change_log as sqlite
from eightysix.storage.url import parse

from .scene import DISH, Scene, changes
from .test_change_log import a_row
from .test_mysql_plans import IDENT, STORE, Recorded
from .test_proxy_routing import GeneralLog, general_log, proxied, tables_of

__all__ = ["general_log", "proxied"]  # fixtures

KEY = ("product_shard_id", "brand_id", "poi_id")
BY = {"": (), "stock": ("object_type", "object_id"), "order": ("order_id",)}
INDEX = {"stock": "ix_stock_log_object", "order": "ix_stock_log_order"}
QUERIES = {"": LogQuery(), "stock": LogQuery(key=DISH), "order": LogQuery(order_id="order-7")}
SPARSE = {"actor": "nobody", "source": "api", "kinds": (1, 2), "channel_code": "POS"}


# --- SQLite


def _sqlite_wanted(name: str) -> tuple[str, set[str]]:
    kind, _, by = name.partition(" ")
    columns = {*KEY, *BY[by]} | ({"seq"} if kind not in {"NEWEST", "STORES"} else set())
    return INDEX.get(by, "PRIMARY KEY"), columns


async def test_sqlite_walks_the_index_that_fits(sqlite_url: str) -> None:
    await migrate(sqlite_url)
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    for name, statement in sqlite.HOT_STATEMENTS.items():
        count = max(int(number) for number in re.findall(r"\?(\d+)", statement))
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", [None] * count)]
        steps = [step for step in plan if "poi_" in step]
        assert len(steps) == 1, plan
        assert not [step for step in plan if "TEMP B-TREE" in step], plan
        if name == "STORES":
            assert steps[0].startswith("SEARCH poi_stock_head USING PRIMARY KEY (product_shard_id=?)")
            continue
        index, columns = _sqlite_wanted(name)
        assert steps[0].startswith("SEARCH"), (name, plan)
        assert index in steps[0], (name, plan)
        assert columns <= set(re.findall(r"(\w+)[=<>]", steps[0])), (name, plan)
    connection.close()


# --- PostgreSQL

POSTGRES = {
    "newest": (postgres.NEWEST_STATEMENT, "poi_item_stock_log_pkey", KEY),
    "mark": (postgres.MARK_STATEMENT, "poi_item_stock_log_pkey", (*KEY, "seq")),
    "marks": (postgres.MARKS_STATEMENT, "poi_item_stock_log_pkey", (*KEY, "seq")),
    "remove": (postgres.REMOVE_STATEMENT, "poi_item_stock_log_pkey", (*KEY, "seq")),
    **{
        f"{name} {by}": (statements[by], INDEX.get(by, "poi_item_stock_log_pkey"), (*KEY, *BY[by], "seq"))
        for name, statements in (("rows", postgres.ROWS_STATEMENTS), ("nth", postgres.NTH_STATEMENTS))
        for by in BY
    },
}
MANY_ROWS = """
INSERT INTO poi_item_stock_log
    (product_shard_id, brand_id, poi_id, seq, object_type, object_id, kind, order_id, actor, source, recorded_at)
    SELECT 7, 'b', (n % 50)::text, n, 2, n % 40, 1, (n / 4)::text, 'a', 'api', n FROM generate_series(1, 20000) AS n;
"""


@pytest.mark.parametrize("statistics", ["none", "of empty tables", "of many rows"])
async def test_postgres_walks_the_index_that_fits(postgres_url: str, statistics: str) -> None:
    await migrate(postgres_url)
    connection = await asyncpg.connect(postgres_url, server_settings=SETTINGS)
    if statistics == "of empty tables":
        await connection.execute("ANALYZE")
    await connection.execute(MANY_ROWS)
    if statistics == "of many rows":
        await connection.execute("ANALYZE")
    for name, (statement, index, columns) in POSTGRES.items():
        plan = await _postgres_plan(connection, statement)
        scans = [at for at, line in enumerate(plan) if "Scan" in line and "poi_" in line and "Tid" not in line]
        assert len(scans) == 1, (name, plan)
        assert f"using {index} on" in plan[scans[0]], (name, plan)
        sorts = [line for line in plan if "Sort" in line]
        assert not sorts or name == "marks", (name, plan)  # a handful of named rows
        condition = plan[scans[0] + 1]
        assert "Index Cond" in condition, (name, plan)
        missing = [column for column in columns if not re.search(rf"\({column}\b|\(\({column}\)", condition)]
        assert not missing, (name, missing, plan)
    await connection.close()


async def _postgres_plan(connection: asyncpg.Connection, statement: str) -> list[str]:
    await connection.execute(f"PREPARE looked AS {statement}")
    count = await connection.fetchval(
        "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'looked'"
    )
    plan = await connection.fetch(f"EXPLAIN (COSTS OFF) EXECUTE looked({', '.join(['NULL'] * count)})")
    await connection.execute("DEALLOCATE looked")
    return [row[0] for row in plan]


# --- MariaDB


class OneSession:
    """A pool of one connection that keeps what is sent."""

    def __init__(self, session: Recorded) -> None:
        self._session = session

    async def run(self, work: Callable[[Session], Awaitable[Any]]) -> Any:
        return await work(self._session)


async def _fill(scene: Scene, stores: list[StoreKey], rows: int) -> None:
    logs = [a_row(seq, key=DISH._replace(object_id=seq % 40)) for seq in range(1, rows)]
    await scene.write(dict.fromkeys(stores, changes(head=Head(rows, 0, 10**13), logs=logs)))


async def _explained(session: Recorded, ask: Awaitable[Any]) -> tuple[str, Sequence[Any], str]:
    """The statement that was sent, and how the server finds its rows."""
    session.sent = []
    await ask
    (sql,) = session.sent
    plan = await session.rows(f"EXPLAIN {sql}")
    assert len(plan) == 1, (sql, plan)
    return sql, plan[0], str(plan[0][-1])


@pytest.mark.parametrize("sparse", [{}, SPARSE], ids=["all rows", "some rows"])
@pytest.mark.parametrize("span", [LogSpan(0, 2**63 - 1), LogSpan(100, 500)], ids=["from the newest", "in the middle"])
async def test_mariadb_walks_the_index_that_fits(mysql_url: str, span: LogSpan, sparse: dict[str, Any]) -> None:
    await migrate(mysql_url)
    database = await open_database(mysql_url, owner=f"plans-{secrets.token_hex(4)}")
    scene = Scene(database)
    stores = scene.stores(30)
    await _fill(scene, stores, 600)
    session = Recorded(parse(mysql_url))
    session.sent = []
    await session.open()
    await session.rows("ANALYZE TABLE poi_item_stock_log")
    table = MysqlLogTable(OneSession(session))  # type: ignore[arg-type]
    store = stores[0]
    lengths = {"": STORE + 8, "stock": STORE + 2 + 8 + 8, "order": STORE + IDENT + 1 + 8}
    for by, query in QUERIES.items():
        filtered = LogQuery(query.key, query.order_id, **sparse)
        for ask in (table.rows(store, filtered, span, 101), table.nth(store, filtered, span, 50)):
            sql, plan, extra = await _explained(session, ask)
            assert plan[5] == INDEX.get(by, "PRIMARY"), (sql, plan)
            assert plan[3] in {"range", "ref"}, (sql, plan)
            assert int(plan[6]) in {lengths[by], lengths[by] - 8}, (sql, plan)
            assert "filesort" not in extra, (sql, plan)
            assert "temporary" not in extra, (sql, plan)
    for ask in (
        table.newest(store),
        table.mark(store, 5),
        table.marks(store, [5, 6, 500]),
        table.remove(store, LogSpan(0, 1), 0),
    ):
        sql, plan, extra = await _explained(session, ask)
        assert plan[5] == "PRIMARY", (sql, plan)
        assert "filesort" not in extra, (sql, plan)
    await session.close()
    await scene.close()
    await database.close()


# --- the proxy


async def test_no_look_at_the_log_reaches_two_physical_tables(proxied: Database, general_log: GeneralLog) -> None:
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
