"""How each database finds the order service's events and parked messages: by the whole key, or by the index of (bucket,
state, when received). And through the proxy: in one physical table."""

import re
import secrets
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from eightysix.core.bucket import BUCKETS
from eightysix.core.key import StoreKey
from eightysix.storage.migrate import migrate
from eightysix.storage.mysql.message_parked import MysqlParkedMessageTable
from eightysix.storage.mysql.order_event import MysqlOrderEventTable
from eightysix.storage.open import open_database
from eightysix.storage.order_event import EventState
from eightysix.storage.port import Database
from eightysix.storage.postgres import message_parked as postgres_parked
from eightysix.storage.postgres import order_event as postgres
from eightysix.storage.sqlite import message_parked as sqlite_parked
from eightysix.storage.sqlite import order_event as sqlite
from eightysix.storage.url import parse

from .plans import STATISTICS, OneSession, filled, generic_plan
from .scene import Scene
from .test_mysql_plans import IDENT, STORE, Recorded
from .test_order_events import an_event, parked
from .test_proxy_routing import GeneralLog, general_log, proxied, tables_of

__all__ = ["general_log", "proxied"]  # fixtures

KEY = ("product_shard_id", "brand_id", "poi_id", "order_id", "order_seq")
BY_STATE = ("product_shard_id", "state", "received_at")
PARKED_KEY = ("product_shard_id", "topic", "message_id")


# --- SQLite

SQLITE = {
    "LOAD": (sqlite.LOAD, KEY[:4]),
    "SETTLE": (sqlite.SETTLE, KEY),
    "MOVE": (sqlite.MOVE, KEY),
    "UNFINISHED": (sqlite.UNFINISHED, BY_STATE),
    "OLDEST_UNFINISHED": (sqlite.OLDEST_UNFINISHED, BY_STATE),
    "DONE_BEFORE": (sqlite.DONE_BEFORE, BY_STATE),
    "REMOVE": (sqlite.REMOVE, KEY),
    "PARKED": (sqlite_parked.PARKED, PARKED_KEY),
    "PAGE": (sqlite_parked.PAGE, PARKED_KEY),
    "STORE_PAGE": (sqlite_parked.STORE_PAGE, PARKED_KEY[:1]),
    "UNPARK": (sqlite_parked.UNPARK, PARKED_KEY),
}


@pytest.mark.parametrize("statistics", [False, True], ids=["without statistics", "with statistics"])
async def test_sqlite_finds_every_row_by_a_key(sqlite_url: str, *, statistics: bool) -> None:
    await migrate(sqlite_url)
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    if statistics:
        connection.executemany(
            "INSERT INTO poi_order_event VALUES (?, 'b', 'p', 'o', ?, 'e', 't', x'00', '', ?, NULL, ?)",
            [(number % 7, number, 1 + number % 4, number) for number in range(5_000)],
        )
        connection.execute("ANALYZE")
    for name, (statement, columns) in SQLITE.items():
        numbered = [int(number) for number in re.findall(r"\?(\d+)", statement)]
        count = max(numbered, default=statement.count("?"))
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", ["[]"] * count)]
        steps = [step for step in plan if re.match(r"(SCAN|SEARCH) (e|p|poi_order_event|message_parked)\b", step)]
        assert len(steps) == 1, (name, plan)
        assert steps[0].startswith("SEARCH"), (name, plan)
        # the second way: (a,b,c)>(?,?,?)
        used = re.findall(r"(\w+)[=<>]", steps[0]) or re.findall(r"\w+", steps[0])
        assert set(columns) <= set(used), (name, plan)
        assert not [step for step in plan if "TEMP B-TREE" in step], (name, plan)
    connection.close()


# --- PostgreSQL

EVENT_PKEY, EVENT_STATE, PARKED_PKEY = "poi_order_event_pkey", "ix_order_event_state", "message_parked_pkey"
POSTGRES = {
    "load": (postgres.LOAD_STATEMENT, EVENT_PKEY, KEY[:4]),
    "settle": (postgres.SETTLE_STATEMENT, EVENT_PKEY, KEY),
    "move": (postgres.MOVE_STATEMENT, EVENT_PKEY, KEY),
    "unfinished": (postgres.UNFINISHED_STATEMENT, EVENT_STATE, BY_STATE),
    "done before": (postgres.DONE_BEFORE_STATEMENT, EVENT_STATE, BY_STATE),
    "remove": (postgres.REMOVE_STATEMENT, EVENT_PKEY, KEY),
    "parked": (postgres_parked.PARKED_STATEMENT, PARKED_PKEY, PARKED_KEY),
    "page": (postgres_parked.PAGE_STATEMENT, PARKED_PKEY, ("ROW",)),
    "store page": (postgres_parked.STORE_PAGE_STATEMENT, PARKED_PKEY, ("product_shard_id",)),
    "unpark": (postgres_parked.UNPARK_STATEMENT, PARKED_PKEY, PARKED_KEY[:2]),  # those of a topic in a bucket are few
}
MANY_ROWS = """
INSERT INTO poi_order_event
    SELECT n % 7, 'b', 'p', (n % 90)::text, n, 'e', 't', '\\x00', '', 1 + n % 4, NULL, n
    FROM generate_series(1, 20000) AS n
"""


@pytest.mark.parametrize("statistics", STATISTICS)
async def test_postgres_finds_every_row_by_a_key(postgres_url: str, statistics: str) -> None:
    async with filled(postgres_url, MANY_ROWS, statistics) as connection:
        for name, (statement, index, columns) in POSTGRES.items():
            plan = await generic_plan(connection, statement)
            scans = [at for at, line in enumerate(plan) if "Scan" in line and ("poi_" in line or "message_" in line)]
            assert len(scans) == 1, (name, plan)
            (at,) = scans
            assert f"using {index} on" in plan[at], (name, plan)
            missing = [column for column in columns if not re.search(rf"\({column}\b|\(\({column}\)", plan[at + 1])]
            assert not missing, (name, missing, plan)
            assert not [line for line in plan if "Sort" in line] or name == "unfinished", (name, plan)


# --- MariaDB

Ask = Callable[[MysqlOrderEventTable, MysqlParkedMessageTable, StoreKey], Awaitable[Any]]
EVENT_KEY, PARKED = STORE + IDENT + 8, 2 + IDENT + 128 * 4 + 2
MYSQL: dict[str, tuple[Ask, str, set[int]]] = {
    "load": (lambda events, _, store: events.load(store, ["o1"]), "PRIMARY", {STORE + IDENT}),
    "load several": (lambda events, _, store: events.load(store, ["o1", "o2", "o3"]), "PRIMARY", {STORE + IDENT}),
    "settle": (
        lambda events, _, store: events.settle([an_event(store, 2, EventState.DECIDED, order_id="o1")]),
        "PRIMARY", {EVENT_KEY},
    ),
    "move": (
        lambda events, _, store: events.move([an_event(store, 1, order_id="o1")], EventState.DONE),
        "PRIMARY", {EVENT_KEY},
    ),
    "move several": (
        lambda events, _, store: events.move(
            [an_event(store, 1, order_id=f"o{at}") for at in range(5)], EventState.DONE
        ),
        "PRIMARY", {EVENT_KEY},
    ),
    "unfinished": (
        lambda events, _, store: events.unfinished([*range(store.bucket % 64, BUCKETS, 64)], 0, 50),
        "ix_order_event_state", {2 + 2 + 8},
    ),
    "oldest": (
        lambda events, _, store: events.unfinished([store.bucket], 0, 50), "ix_order_event_state", {2 + 2 + 8}
    ),
    "done before": (
        lambda events, _, store: events.done_before(store.bucket, 1_500, 50), "ix_order_event_state", {2 + 2 + 8}
    ),
    "remove": (
        lambda events, _, store: events.remove([an_event(store, 1, order_id=f"o{at}") for at in (1, 2)]),
        "PRIMARY", {EVENT_KEY},
    ),
    "parked": (lambda _, messages, store: messages.parked([parked(store, "m1").key]), "PRIMARY", {PARKED}),
    "page": (lambda _, messages, store: messages.page(parked(store, "m1").key, None, 5), "PRIMARY", {2, PARKED}),
    "store page": (lambda _, messages, store: messages.page(None, store, 5), "PRIMARY", {2, PARKED}),
    "unpark": (
        lambda _, messages, store: messages.unpark([parked(store, f"m{at}").key for at in (1, 2)]),
        "PRIMARY", {PARKED},
    ),
}  # fmt: skip


async def test_mariadb_finds_every_row_by_a_key(mysql_url: str) -> None:
    await migrate(mysql_url)
    database = await open_database(mysql_url, owner=f"plans-{secrets.token_hex(4)}")
    scene = Scene(database)
    stores = [scene.store() for _ in range(20)]
    states = (EventState.DONE, EventState.WAITING, EventState.DECIDED, EventState.OVERDUE)
    for store in stores:
        rows = [
            an_event(store, seq, states[at] if at < 4 else EventState.DONE, order_id=f"o{at}")
            for at in range(300)  # so many that a look through a whole bucket is never the cheaper one
            for seq in (1, 2)
        ]
        await database.order_events.add(rows)
        await database.parked_messages.park([parked(store, f"m{at}") for at in range(5)])
    session = Recorded(parse(mysql_url))
    session.sent = []
    await session.open()
    await session.rows("ANALYZE TABLE poi_order_event, message_parked")
    pool: Any = OneSession(session)
    events, messages = MysqlOrderEventTable(pool), MysqlParkedMessageTable(pool, 1)
    for name, (ask, index, lengths) in MYSQL.items():
        session.sent = []
        if name == "settle":
            await events.add([replace(an_event(stores[0], 2, EventState.WAITING), order_id="o1", order_seq=9)])
            await events.settle([an_event(stores[0], 9, EventState.DECIDED, order_id="o1")])
            await session.change("UPDATE poi_order_event SET state = 1 WHERE order_seq = 9")  # for EXPLAIN to find it
            session.sent.pop()
        else:
            await ask(events, messages, stores[0])
        sent = [sql for sql in session.sent if not re.match(r"INSERT|START|COMMIT|SELECT TIMESTAMPDIFF", sql)]
        assert sent, name
        for sql in sent:
            plan = [
                row
                for row in await session.rows(f"EXPLAIN {sql}")
                if row[2] in {"s", "poi_order_event", "message_parked"}
            ]
            assert len(plan) == 1, (name, sql, plan)
            assert plan[0][5] == index, (name, sql, plan)
            assert int(plan[0][6]) in lengths, (name, sql, plan)
    await session.close()
    await scene.close()
    await database.close()


# --- the proxy


async def test_no_look_at_events_reaches_two_tables_behind_the_proxy(
    proxied: Database, general_log: GeneralLog
) -> None:
    scene = Scene(proxied)
    store = scene.store()
    events, messages = proxied.order_events, proxied.parked_messages
    rows = [an_event(store, 1), an_event(store, 2, EventState.WAITING), an_event(store, 3, EventState.DECIDED)]
    with general_log.recording() as statements:
        await events.add(rows)
        await events.load(store, ["order", "another"])
        await events.settle([replace(rows[1], state=EventState.DECIDED, answer="{}")])
        await events.move([rows[2]], EventState.DONE)
        await events.unfinished([*range(store.bucket % 64, BUCKETS, 64)], 0, 10)
        await events.unfinished([store.bucket], 0, 10)
        await events.remove(await events.done_before(store.bucket, 10**15, 10))
        message = parked(store, "m1")
        await messages.park([message])
        await messages.parked([message.key])
        await messages.page(None, store, 5)
        await messages.unpark([message.key])
        await scene.close()
    touching = [(tables_of(statement), statement) for _, statement in statements]
    assert [statement for tables, statement in touching if len(tables) > 1] == []
    touched = {name for tables, _ in touching for name in tables}
    number = store.bucket // 2 % 4
    assert touched == {f"poi_order_event_{number}", f"message_parked_{number}"}
    verbs = {statement.split()[0] for tables, statement in touching if tables}
    assert {"SELECT", "INSERT", "UPDATE", "DELETE"} <= verbs
