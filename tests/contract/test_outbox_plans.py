"""How each database finds rows of the outbox: by the primary key, never reading other stores' rows. And through the
proxy: in one physical table each."""

import re
import sqlite3

import pytest

from eightysix.core.bucket import BUCKETS
from eightysix.core.change import Alert, OutboxRow
from eightysix.storage.migrate import migrate
from eightysix.storage.outbox import ParkedPlace
from eightysix.storage.port import Database
from eightysix.storage.postgres import outbox as postgres
from eightysix.storage.sqlite import outbox as sqlite

from .plans import STATISTICS, filled, generic_plan
from .scene import DISH, SOUP, Scene, a_channel, a_stock, changes
from .test_proxy_routing import GeneralLog, general_log, proxied, tables_of

__all__ = ["general_log", "proxied"]  # fixtures

STORE = ("product_shard_id", "brand_id", "poi_id")
ROW = (*STORE, "seq")
SQLITE = {
    "HAS_ROWS": ("product_shard_id",),
    "NEXT_BRAND": ("product_shard_id", "brand_id"),
    "NEXT_OF_BRAND": STORE,
}
"""Of the outbox's key how much, where it isn't the whole."""


@pytest.mark.parametrize("name", sqlite.HOT_STATEMENTS)
async def test_sqlite_finds_every_row_by_its_key(sqlite_url: str, name: str) -> None:
    await migrate(sqlite_url)
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    statement = sqlite.HOT_STATEMENTS[name]
    count = max((int(number) for number in re.findall(r"\?(\d+)", statement)), default=statement.count("?"))
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", ["[]"] * count)]
    steps = [step for step in plan if re.match(r"(SCAN|SEARCH) (t|n|poi_\w+)\b", step)]
    assert steps, plan
    for step in steps:
        assert step.startswith("SEARCH"), plan
        wanted = STORE if step.startswith("SEARCH n ") else SQLITE.get(name, ROW)
        assert set(wanted) <= set(re.findall(r"(\w+)[=<>]", step)), (step, plan)
    assert not [step for step in plan if "TEMP B-TREE" in step], plan
    connection.close()


POSTGRES = {
    "pending": (postgres.PENDING_STATEMENT, "poi_stock_outbox_pkey", STORE),
    "waiting": (postgres.WAITING_STATEMENT, "poi_stock_outbox_pkey", ("product_shard_id",)),
    "remove": (postgres.REMOVE_STATEMENT, "poi_stock_outbox_pkey", ROW),
    "parked of": (postgres.PARKED_OF_STATEMENT, "poi_stock_parked_pkey", ROW),
    "put back": (postgres.PUT_BACK_STATEMENT, "poi_stock_parked_pkey", STORE),
    "alerts": (postgres.ALERTS_STATEMENT, "poi_stock_alert_pkey", ROW),
}
MANY_ROWS = """
INSERT INTO poi_stock_outbox
    (product_shard_id, brand_id, poi_id, seq, prev_seq, object_type, object_id, committed_at)
    SELECT n % 64, 'b', (n % 50)::text, n, n - 50, 2, n % 40, n FROM generate_series(1, 20000) AS n
"""


@pytest.mark.parametrize("statistics", STATISTICS)
async def test_postgres_finds_every_row_by_its_key(postgres_url: str, statistics: str) -> None:
    async with filled(postgres_url, MANY_ROWS, statistics) as connection:
        for name, (statement, index, columns) in POSTGRES.items():
            plan = await generic_plan(connection, statement)
            scans = [at for at, line in enumerate(plan) if "Scan" in line and "poi_" in line]
            assert scans, (name, plan)
            for at in scans:
                assert f"using {index} on" in plan[at], (name, plan)
                missing = [column for column in columns if not re.search(rf"\({column}\b", plan[at + 1])]
                assert not missing, (name, missing, plan)


async def test_no_statement_reaches_two_tables_behind_the_proxy(proxied: Database, general_log: GeneralLog) -> None:
    scene, outbox, leases = Scene(proxied), proxied.outbox, proxied.leases
    assert leases is not None
    stores = [scene.store() for _ in range(12)]  # of several tables
    rows = [OutboxRow(seq, seq - 1, DISH, 5) for seq in (1, 2, 3)]
    for store in stores:
        stocks = [(None, a_stock(is_low=True)), (None, a_stock(SOUP))]
        alerts = [Alert(1, "", "low_stock", DISH, 900, 1_000, 1)]
        await scene.write({store: changes(outbox=rows, stocks=stocks, channels=[(None, a_channel())], alerts=alerts)})
    await scene.close()
    with general_log.recording() as statements:
        assert len((await outbox.pending(stores, 2)).rows) == len(stores)
        await outbox.states({store: [DISH, SOUP] for store in stores})
        assert len(await outbox.alerts({store: [1, 2] for store in stores})) == len(stores)
        for shard in range(8):
            first = await outbox.waiting(range(shard, BUCKETS, 8), None, 1)
            await outbox.waiting(range(shard, BUCKETS, 8), first[0].store if first else None, 1_000)
        for store in stores[:2]:
            await outbox.park(store, rows[0], 3, "x")
        (one,) = await outbox.parked(None, 1)
        await outbox.parked(ParkedPlace(one.store, 1), 10)
        await outbox.parked(None, 10, stores[0])
        for store in stores[:2]:
            assert await outbox.put_back(store, [1]) == 1
        assert await outbox.remove({store: [1, 2, 3] for store in stores}) == 3 * len(stores)
        await leases.show("routing")
        taken = await leases.take("routing", {number: (await leases.all()).get(number) for number in range(64)})
        await leases.renew("routing", taken)
        await leases.give_up("routing", taken)
        await leases.leave("routing")
    touching = [(tables_of(statement), statement) for _, statement in statements]
    assert [statement for tables, statement in touching if len(tables) > 1] == []
    used = {name.rpartition("_")[0] for tables, _ in touching for name in tables}
    assert {"poi_stock_outbox", "poi_stock_parked", "sync_lease", "sync_member", "poi_stock_alert"} <= used
    unrouted = [sql for _, sql in statements if re.search(r"\b(poi_stock_outbox|sync_lease|sync_member)\b(?!_)", sql)]
    assert unrouted == []
