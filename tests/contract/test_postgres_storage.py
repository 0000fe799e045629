"""What is PostgreSQL's own: plans, updates within the page, the clock behind the locks, transactions left behind."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest
from sqlalchemy import make_url

from eightysix.core.change import DueLock, Head, Kind, LogRow, OutboxRow
from eightysix.core.key import StockKey, StoreKey
from eightysix.core.reservation import State
from eightysix.storage.migrate import migrate
from eightysix.storage.port import Conflict, LockTimeout, LostConnection, OrdersWanted, Rejected, Unavailable
from eightysix.storage.postgres import (
    PostgresDatabase,
    connect,
    device,
    following,
    incident,
    loading,
    reader,
    saving,
    tables,
)
from eightysix.storage.postgres import lane as lane_module
from eightysix.storage.postgres.plan_age import PlanAge
from eightysix.storage.postgres.session import SETTINGS
from tests.servers import scratch

from .scene import DISH, Scene, a_reservation, a_stock, changes, new_batch_number, next_changes, write

DEADLINE_SECONDS = 20


@pytest.fixture(scope="module")
async def url(postgres_server: str) -> AsyncIterator[str]:
    with scratch.postgres_database(postgres_server) as url:
        await migrate(url)
        yield url


@pytest.fixture(scope="module")
async def postgres(url: str) -> AsyncIterator[PostgresDatabase]:
    database = await connect(url, "postgres-test")
    yield database
    await database.close()


@pytest.fixture
async def scene(postgres: PostgresDatabase) -> AsyncIterator[Scene]:
    scene = Scene(postgres)
    yield scene
    await scene.close()


@pytest.fixture
async def other(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of somebody else, without the lanes' settings."""
    connection = await _plain(url)
    yield connection
    connection.terminate()


async def _plain(url: str, **settings: str) -> asyncpg.Connection:
    parts = make_url(url)
    host = parts.query.get("host") or parts.host
    return await asyncpg.connect(
        host=host, port=parts.port, user=parts.username, password=parts.password, database=parts.database,
        server_settings=settings,
    )  # fmt: skip


async def _eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not await holds():  # every look asks the server, which is pause enough
            pass


def _waiting(watcher: asyncpg.Connection, fragment: str) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        return bool(
            await watcher.fetchval(
                "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() "
                "AND wait_event_type = 'Lock' AND query LIKE '%' || $1 || '%' AND pid <> pg_backend_pid()",
                fragment,
            )
        )

    return holds


_HEAD_UPDATE = """
UPDATE poi_stock_head SET last_at = floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint
WHERE product_shard_id = $1 AND brand_id = $2 AND poi_id = $3 RETURNING last_at
"""


async def test_the_clock_is_read_after_the_last_lock_was_had(scene: Scene, other: asyncpg.Connection, url: str) -> None:
    stores = sorted(scene.stores(5))
    lane = await scene.lane(stores[0])
    await write(lane, {store: changes() for store in stores})
    watcher = await _plain(url)
    holder = other.transaction()
    await holder.start()
    await other.fetch(_HEAD_UPDATE, *stores[-1])
    begun = asyncio.ensure_future(lane.begin(stores, new_batch_number()))
    await _eventually(_waiting(watcher, "poi_stock_head"))
    waited_until = await other.fetchval(_HEAD_UPDATE, *stores[-1])
    await holder.commit()
    opened = await begun
    assert opened.now >= waited_until
    assert opened.heads[stores[-1]].last_at == waited_until, (
        "the head is as the other one left it, not as it was before"
    )
    watcher.terminate()


@pytest.mark.parametrize("held", range(3))
async def test_heads_are_locked_in_key_order(scene: Scene, other: asyncpg.Connection, url: str, held: int) -> None:
    """Whichever head somebody else holds: those before it are locked by then, those behind it are not."""
    stores = sorted(scene.stores(3))
    lane = await scene.lane(stores[0])
    await write(lane, {store: changes() for store in stores})
    watcher = await _plain(url)
    async with other.transaction():
        await other.fetch(_HEAD_UPDATE, *stores[held])
        begun = asyncio.ensure_future(lane.begin(list(reversed(stores)), new_batch_number()))
        await _eventually(_waiting(watcher, "poi_stock_head"))
        free = await watcher.fetch(
            "SELECT product_shard_id, brand_id, poi_id FROM poi_stock_head "
            "WHERE (product_shard_id, brand_id, poi_id) IN "
            "(SELECT * FROM unnest($1::smallint[], $2::text[], $3::text[])) FOR UPDATE SKIP LOCKED",
            *map(list, zip(*stores, strict=True)),
        )
        assert {StoreKey(*row) for row in free} == set(stores[held + 1 :])
    await begun
    watcher.terminate()


async def test_a_held_head_times_out_soon(scene: Scene, other: asyncpg.Connection) -> None:
    store = scene.store()
    lane = await scene.lane(store)
    await write(lane, {store: changes()})
    async with other.transaction():
        await other.fetch(_HEAD_UPDATE, *store)
        async with asyncio.timeout(3):
            with pytest.raises(LockTimeout):
                await lane.begin([store], new_batch_number())
        await lane.rollback()
        skipped = await lane.begin([store], new_batch_number(), skip_locked=True)
        assert store not in skipped.heads
        assert skipped.now > 0
        await lane.rollback()


async def test_two_batches_that_make_the_same_heads_do_not_stop_each_other(scene: Scene) -> None:
    stores = scene.stores(8)
    lanes = [await scene.lane(stores[0]) for _ in range(4)]

    async def work(at: int) -> None:
        lane = lanes[at]
        opened = await lane.begin(stores[at:] + stores[:at], new_batch_number())
        assert set(opened.heads) == set(stores)
        await lane.commit()

    await asyncio.gather(*(work(at) for at in range(4)))


async def test_committed_waits_for_a_transaction_that_was_left_behind(
    scene: Scene, postgres: PostgresDatabase, url: str
) -> None:
    """The old session is still there, holding the marker: no answer before it has ended, the right one after."""
    store = scene.store()
    watcher = await _plain(url)
    for ends_with, expected in (("COMMIT", True), ("ROLLBACK", False)):
        lane = await scene.lane(store)
        batch_no = new_batch_number()
        await lane.begin([store], batch_no)
        left_behind = lane._connection
        lane._connection = await _plain(url, **SETTINGS)
        asked = asyncio.ensure_future(lane.committed(batch_no))
        await _eventually(_waiting(watcher, "poi_stock_marker"))
        assert not asked.done()
        await left_behind.execute(ends_with)
        assert await asked is expected
        await left_behind.close()
    watcher.terminate()


async def test_committed_gives_up_on_a_transaction_that_does_not_end(
    scene: Scene, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a COMMIT waits for a synchronous standby: callers are told, instead of being kept for ever."""
    monkeypatch.setattr(lane_module, "MARKER_SECONDS", 0.1)
    store = scene.store()
    lane = await scene.lane(store)
    batch_no = new_batch_number()
    await lane.begin([store], batch_no)
    left_behind = lane._connection
    lane._connection = await _plain(url, **SETTINGS)
    with pytest.raises(Conflict):
        await lane.committed(batch_no)
    await left_behind.execute("COMMIT")
    assert await lane.committed(batch_no)
    await left_behind.close()


async def test_an_idle_transaction_is_ended_by_the_server(scene: Scene, url: str) -> None:
    """A lane that stops in the middle of a batch gives its stores free again, and hears of it."""
    store = scene.store()
    stopped, waiting = await scene.lane(store), await scene.lane(store)
    batch_no = new_batch_number()
    await stopped.begin([store], batch_no)
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            try:
                await waiting.begin([store], new_batch_number())
                break
            except LockTimeout:
                await waiting.rollback()
    await waiting.commit()
    with pytest.raises(LostConnection):
        await stopped.commit()
    await stopped.rollback()
    await stopped.reconnect()
    assert not await stopped.committed(batch_no)


async def test_a_session_that_was_ended_is_a_lost_connection(scene: Scene, other: asyncpg.Connection) -> None:
    store = scene.store()
    lane = await scene.lane(store)
    batch_no = new_batch_number()
    await lane.begin([store], batch_no)
    await other.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'eightysix%lane%'"
    )
    with pytest.raises(LostConnection):
        await lane.load_stocks({store: {DISH}})
    await lane.rollback()
    await lane.reconnect()
    assert not await lane.committed(batch_no)
    await write(lane, {store: changes()})


async def test_a_cancelled_caller_leaves_no_statement_behind(scene: Scene, other: asyncpg.Connection, url: str) -> None:
    store = scene.store()
    lane = await scene.lane(store)
    await write(lane, {store: changes()})
    watcher = await _plain(url)
    async with other.transaction():
        await other.fetch(_HEAD_UPDATE, *store)
        call = asyncio.ensure_future(lane.begin([store], new_batch_number()))
        await _eventually(_waiting(watcher, "poi_stock_head"))
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    await lane.rollback()
    await write(lane, {store: next_changes(1)})
    watcher.terminate()


async def test_a_server_that_forgets_is_refused(url: str, other: asyncpg.Connection) -> None:
    database = make_url(url).database
    await other.execute(f"ALTER DATABASE {database} SET synchronous_commit = off")
    try:
        with pytest.raises(Rejected, match="synchronous_commit"):
            await connect(url, "careless")
    finally:
        await other.execute(f"ALTER DATABASE {database} RESET synchronous_commit")


async def test_nobody_there_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await connect("postgresql://nobody@127.0.0.1:1/nothing", "lonely")


# --- plans

_HOT = {
    "lock heads": loading.lock_heads_statement(skip_locked=False),
    "lock heads, skipping": loading.lock_heads_statement(skip_locked=True),
    "orders": loading.ORDERS_STATEMENT,
    "requests": loading.REQUESTS_STATEMENT,
    "stocks": loading.STOCKS_STATEMENT,
    "journals": loading.JOURNALS_STATEMENT,
    "hubs": loading.HUBS_STATEMENT,
    "incidents": loading.INCIDENTS_STATEMENT,
    "head": reader.HEAD_STATEMENT,
    "named rows": reader.NAMED_ROWS_STATEMENT,
    "all rows": reader.ALL_ROWS_STATEMENT,
    "order": reader.ORDER_STATEMENT,
    "live": reader.LIVE_STATEMENT,
    "hubs of a store": reader.HUBS_STATEMENT,
    "hub journals of a store": reader.JOURNALS_STATEMENT,
    "due stores": reader.DUE_STORES_STATEMENT,
    "heads": following.HEADS_STATEMENT,
    "changed": following.CHANGED_STATEMENT,
    "acknowledge": device.ACKNOWLEDGE_STATEMENT,
    "devices of stores": device.OF_STORES_STATEMENT,
    "newest incidents": incident.NEWEST_STATEMENT,
    "open incidents": incident.OPEN_STATEMENT,
    "one incident": incident.FIND_STATEMENT,
    "locked lines": incident.LOCKED_STATEMENT,
    **{f"save {at}": saving.save_statement((at,)) for at in range(len(tables.GROUPS))},
    "save all": saving.save_statement(tuple(range(len(tables.GROUPS)))),
}
_BY_STORE = {
    "all rows", "changed", "hubs of a store", "hub journals of a store", "newest incidents", "open incidents",
    "locked lines",
}  # fmt: skip
_STORE_KEY = ["product_shard_id", "brand_id", "poi_id"]
_STOCK_KEY = [*_STORE_KEY, "object_type", "object_id"]
_LEAST = {
    "poi_stock_head": _STORE_KEY,
    "poi_item_stock": _STOCK_KEY,
    "poi_item_channel_stock": _STOCK_KEY,
    "poi_stock_reservation": [*_STORE_KEY, "order_id"],
    "poi_stock_order": [*_STORE_KEY, "order_id"],
    "poi_stock_request": [*_STORE_KEY, "request_id"],
    "poi_stock_due": ["product_shard_id", "due_at"],
    "poi_stock_journal": [*_STORE_KEY, "device_id", "journal_id"],
    "poi_stock_device": _STORE_KEY,
    "poi_stock_hub": [*_STORE_KEY, "hub_id"],
    "poi_stock_incident": [*_STORE_KEY, "seq"],
}


_MANY_ROWS = """
INSERT INTO poi_stock_head SELECT 1023, 'b', n::text, 0, 0, 0 FROM generate_series(1, 3000) AS n;
INSERT INTO poi_item_stock
    (product_shard_id, brand_id, poi_id, object_type, object_id, stock_status, stock_type, manual, updated_at)
    SELECT 1023, 'b', n::text, 2, n, 1, 1, false, 0 FROM generate_series(1, 3000) AS n;
INSERT INTO poi_item_channel_stock
    (product_shard_id, brand_id, poi_id, object_type, object_id, channel_code, stock_status, stock_type)
    SELECT 1023, 'b', n::text, 2, n, 'POS', 1, 1 FROM generate_series(1, 3000) AS n;
INSERT INTO poi_stock_journal SELECT 1023, 'b', n::text, 'till', n::text, 0, 0 FROM generate_series(1, 3000) AS n;
INSERT INTO poi_stock_hub SELECT 1023, 'b', n::text, 'hub', NULL, NULL, 1 FROM generate_series(1, 3000) AS n;
INSERT INTO poi_stock_incident
    (product_shard_id, brand_id, poi_id, seq, kind, object_type, object_id, actor, opened_at)
    SELECT 1023, 'b', n::text, n, 'oversold', 2, n, 'me', 0 FROM generate_series(1, 3000) AS n;
INSERT INTO poi_stock_due SELECT 1023, n, 'b', n::text, n::text FROM generate_series(1, 3000) AS n;
INSERT INTO poi_stock_reservation
    (product_shard_id, brand_id, poi_id, order_id, sku_id, line_no, channel_code, state, locked_at, expires_at, counted)
    SELECT 1023, 'b', n::text, n::text, n, 0, 'POS', 1, 0, 0, true FROM generate_series(1, 3000) AS n;
"""


@pytest.mark.parametrize("statistics", ["none", "of empty tables", "of many rows"])
async def test_every_hot_statement_looks_rows_up_by_key(postgres_server: str, statistics: str) -> None:
    with scratch.postgres_database(postgres_server) as fresh:
        await migrate(fresh)
        connection = await _plain(fresh, **SETTINGS)
        if statistics == "of empty tables":
            await connection.execute("ANALYZE")
        await connection.execute(_MANY_ROWS)
        if statistics == "of many rows":
            await connection.execute("ANALYZE")
        bad = []
        for name, statement in _HOT.items():
            plan = await _generic_plan(connection, statement)
            bad += [f"{name}: {fault}" for fault in _plan_faults(plan, allow_store_scan=name in _BY_STORE)]
        await connection.close()
    assert not bad, "\n".join(bad)


async def _generic_plan(connection: asyncpg.Connection, statement: str) -> list[str]:
    await connection.execute(f"PREPARE hot AS {statement}")
    try:
        count = await connection.fetchval(
            "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'hot'"
        )
        nothing = f"({', '.join(['NULL'] * count)})"
        return [row[0] for row in await connection.fetch(f"EXPLAIN (COSTS OFF) EXECUTE hot{nothing}")]
    finally:
        await connection.execute("DEALLOCATE hot")


def _plan_faults(plan: list[str], *, allow_store_scan: bool) -> list[str]:
    """Scans of a table that don't start from its key."""
    faults = []
    for at, line in enumerate(plan):
        scan = re.search(r"(Seq|Index|Index Only|Bitmap Heap) Scan (?:Backward )?(?:using \w+ )?on (\w+)", line)
        if scan is None or scan[2] not in _LEAST:
            continue
        condition = plan[at + 1] if at + 1 < len(plan) and "Index Cond" in plan[at + 1] else ""
        columns = _STORE_KEY if allow_store_scan and scan[2] != "poi_stock_due" else _LEAST[scan[2]]
        missing = [column for column in columns if not re.search(rf"\({column}\b|\(\({column}\)", condition)]
        if scan[1] not in {"Index", "Index Only"} or missing:
            faults.append(f"{line.strip()} {condition.strip()} lacks {missing}")
    return faults


async def test_a_young_session_plans_again() -> None:
    """What was planned while a table was empty is not used when it has grown."""
    age = PlanAge()
    assert [batch for batch in range(1, 70) if age.too_old()] == [2, 4, 8, 16, 32, 64]


@pytest.mark.parametrize(
    "condition", ["product_shard_id = $1 AND object_id = $2", "product_shard_id + 0 = $1 AND object_id = $2"]
)
async def test_the_judge_of_plans_sees_a_bad_one(other: asyncpg.Connection, condition: str) -> None:
    await other.execute("SET plan_cache_mode = force_generic_plan")
    plan = await _generic_plan(other, f"SELECT * FROM poi_item_stock WHERE {condition}")
    assert _plan_faults(plan, allow_store_scan=False)


# --- updates stay within their page and touch no index


_WITHIN_PAGE = {"poi_stock_head": 0.9, "poi_item_stock": 0.8, "poi_stock_marker": 0.9, "poi_stock_reservation": 0.8}
"""Of a table's updates at least this share stays within its page."""


async def test_orders_update_rows_within_their_page(scene: Scene, other: asyncpg.Connection) -> None:
    """Tries it three times: while another test has a transaction open in this database, what was updated before can't
    make room."""
    for _ in range(3):
        shares = await _shares_within_page(scene, other)
        if all(shares[table] >= least for table, least in _WITHIN_PAGE.items()):
            return
    pytest.fail(f"of their updates only so many stayed within their page: {shares}")


async def _shares_within_page(scene: Scene, other: asyncpg.Connection) -> dict[str, float]:
    stores = scene.stores(10)
    skus = [StockKey(2, 100 + n) for n in range(20)]
    lane = await scene.lane(stores[0])
    before = {store: [a_stock(key, real=10**9, version=1) for key in skus] for store in stores}
    await write(lane, {store: changes(stocks=[(None, stock) for stock in before[store]]) for store in stores})
    start = await _updates(other)
    seq = 1
    for batch in range(1, 31):
        line = {store: a_reservation(f"order-{batch}", skus[0].object_id) for store in stores}
        after = {
            store: [a_stock(key, real=10**9, version=seq + 1, locked=batch * 1000) for key in skus] for store in stores
        }
        await write(
            lane,
            {
                store: next_changes(
                    seq,
                    stocks=list(zip(before[store], after[store], strict=True)),
                    reservations=[(None, line[store])],
                    due_added=[DueLock(4_000_000_000_000, f"order-{batch}")],
                )
                for store in stores
            },
        )
        seq += 1
        paid = {
            store: a_reservation(f"order-{batch}", skus[0].object_id, state=State.DEDUCTED, revision=2)
            for store in stores
        }
        await write(
            lane,
            {
                store: next_changes(
                    seq,
                    reservations=[(line[store], paid[store])],
                    due_removed=[DueLock(4_000_000_000_000, f"order-{batch}")],
                )
                for store in stores
            },
        )
        seq += 1
        before = after
    await lane.close()
    settled, shares = await _settled(other), dict[str, float]()
    for table in _WITHIN_PAGE:
        updated, hot = (now - then for now, then in zip(settled[table], start[table], strict=True))
        assert updated >= 60, table
        shares[table] = hot / updated
    return shares


async def _updates(connection: asyncpg.Connection) -> dict[str, tuple[int, int]]:
    await connection.execute("SELECT pg_stat_clear_snapshot()")
    rows = await connection.fetch("SELECT relname, n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables")
    return {name: (updated, hot) for name, updated, hot in rows}


async def _settled(connection: asyncpg.Connection) -> dict[str, tuple[int, int]]:
    """The statistics once the closed session has handed its own in."""
    seen = await _updates(connection)

    async def all_in() -> bool:
        nonlocal seen
        seen = await _updates(connection)
        return seen["poi_stock_marker"][0] >= 61 and seen["poi_stock_reservation"][0] >= 300

    await _eventually(all_in)
    return seen


async def test_values_that_differ_from_row_to_row_and_values_that_do_not(scene: Scene) -> None:
    """Both ways a column travels, with holes in it, in one batch."""
    first, second = scene.stores(2)
    lane = await scene.lane(first)
    logs = {
        store: [
            LogRow(seq, DISH, Kind.LOCK, -1, 4, 5, 0, seq, order, channel, actor, "api", None, None, seq, None, content)
            for seq, order, channel, actor, content in rows
        ]
        for store, rows in {
            first: [(1, "a", None, "甲", None), (2, None, None, "a\x1fb", '{"x": "\\u001e{,}"}')],
            second: [(1, "NULL", None, "甲", None)],
        }.items()
    }
    outbox = {store: [OutboxRow(row.seq, 0, DISH, 7) for row in rows] for store, rows in logs.items()}
    await write(
        lane,
        {store: changes(logs=logs[store], outbox=outbox[store], head=Head(9, 9, 9)) for store in (first, second)},
    )
    for store in (first, second):
        found = await scene.audit(store)
        assert found is not None
        assert list(found.logs) == logs[store]
        assert list(found.outbox) == outbox[store]


async def test_an_identifier_with_a_control_character_is_rejected(scene: Scene) -> None:
    store = scene.store()
    lane = await scene.lane(store)
    await lane.begin([store], new_batch_number())
    with pytest.raises(Rejected, match="control character"):
        await lane.load_orders({store: OrdersWanted({"a\x1fb", "c"}, set())}, {store: 0})
    await lane.rollback()
