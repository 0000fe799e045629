"""Incidents are found by their store: the newest of several, from where a page ended; and who may be affected."""

import re
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from msgspec.structs import replace

from eightysix.core.change import Incident
from eightysix.core.key import StoreKey
from eightysix.core.reservation import State
from eightysix.storage.incident import Below
from eightysix.storage.migrate import migrate
from eightysix.storage.mysql.incident import MysqlIncidents
from eightysix.storage.open import open_database
from eightysix.storage.postgres import incident as postgres
from eightysix.storage.sqlite import incident as sqlite
from eightysix.storage.url import parse

from .plans import STATISTICS, OneSession, filled, generic_plan
from .scene import DISH, Scene, a_reservation, changes, next_changes
from .test_mysql_plans import Recorded

STORE = ["product_shard_id", "brand_id", "poi_id"]
OPEN = [*STORE, "resolved_at"]
END = Below(2**62, 0)


def an_incident(seq: int, opened_at: int, **fields: Any) -> Incident:
    return Incident(seq, "forced_sale", DISH, 1_500, f"o{seq}", "me", "counter", opened_at, **fields)


async def newest(
    scene: Scene, below: Below, limit: int, *stores: StoreKey, open_only: bool = False
) -> list[tuple[int, int]]:
    """(opened_at, seq), the newest first."""
    found = await scene.database.incidents.newest(dict.fromkeys(stores, below), limit, open_only=open_only)
    return sorted(((each.opened_at, each.seq) for _, each in found), reverse=True)


async def test_of_each_store_the_newest_below_where_a_page_ended(scene: Scene) -> None:
    one, other, nobody = scene.stores(3)
    await scene.write(
        {
            one: changes(incidents=[an_incident(1, 10), an_incident(2, 20), an_incident(3, 20), an_incident(4, 15)]),
            other: changes(incidents=[an_incident(9, 18)]),
        }
    )
    assert await newest(scene, END, 9, one, other, nobody) == [(20, 3), (20, 2), (18, 9), (15, 4), (10, 1)]
    assert (await newest(scene, END, 2, one, other, nobody))[:2] == [(20, 3), (20, 2)]
    assert await newest(scene, Below(20, 3), 9, one) == [(20, 2), (15, 4), (10, 1)]
    assert await newest(scene, Below(20, 2), 1, one) == [(15, 4)]
    assert await newest(scene, Below(18, 0), 9, one, other) == [(15, 4), (10, 1)]
    assert await newest(scene, Below(18, 2**53), 9, one, other) == [(18, 9), (15, 4), (10, 1)]
    assert await newest(scene, END, 9) == []


async def test_each_comes_with_its_store_wherever_it_lies(scene: Scene) -> None:
    stores = [scene.store() for _ in range(12)]
    for at, store in enumerate(stores, 1):
        await scene.write({store: changes(incidents=[an_incident(at, at)])})
    found = await scene.database.incidents.newest(dict.fromkeys(stores, END), 20, open_only=False)
    assert {store: incident.seq for store, incident in found} == {store: at for at, store in enumerate(stores, 1)}


async def test_open_ones_alone_and_one_by_its_seq(scene: Scene) -> None:
    store, other = scene.stores(2)
    settled = an_incident(2, 20, hub_id="h1")
    incidents = [an_incident(1, 10), settled, an_incident(3, 30)]
    await scene.write({store: changes(incidents=incidents), other: changes(incidents=[an_incident(4, 40)])})
    end = replace(settled, resolved_at=50, resolved_by="chef", how="accept", resolution="it was there")
    await scene.write({store: next_changes(1, resolved=[end])})
    assert await newest(scene, END, 9, store, open_only=True) == [(30, 3), (10, 1)]
    assert await newest(scene, END, 9, store) == [(30, 3), (20, 2), (10, 1)]
    find = scene.database.incidents.find
    assert await find(store, 2) == end
    assert await find(store, 3) == an_incident(3, 30)
    assert await find(store, 4) is None
    assert await find(other, 4) == an_incident(4, 40)


@pytest.mark.parametrize("hub_id", [None, "h1"])
async def test_every_locked_line_of_a_store_whatever_its_home(scene: Scene, hub_id: str | None) -> None:
    store, other = scene.stores(2)
    locked = [a_reservation("o1", hub_id=hub_id), a_reservation("o2", 7), a_reservation("o2", 7, 1)]
    ended = [a_reservation("o1", 8, state=State.DEDUCTED), a_reservation("o3", state=State.EXPIRED)]
    rows = [(None, line) for line in (*locked, *ended)]
    await scene.write({store: changes(reservations=rows), other: changes(reservations=rows[:1])})
    now, found = await scene.database.incidents.locked(store)
    assert sorted(found, key=lambda line: (line.order_id, line.line)) == locked
    assert abs(now - (await scene.database.reader.head(store))[0]) < 60_000
    now_of_nobody, none = await scene.database.incidents.locked(scene.store())
    assert now_of_nobody > 0
    assert none == []


# --- plans


async def test_sqlite_has_an_index_of_the_open_ones(sqlite_url: str) -> None:
    await migrate(sqlite_url)
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
        for statement, used in ((sqlite.OPEN_INCIDENTS, OPEN), (sqlite.NEWEST_INCIDENTS, STORE)):
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", ["[]", 9])]
            (step,) = [step for step in plan if re.match(r"(SCAN|SEARCH) t\b", step)]
            assert re.findall(r"(\w+)=", step) == used, plan
            assert ("ix_stock_incident_open" in step) == (used is OPEN), plan


@pytest.mark.parametrize("statistics", STATISTICS)
async def test_postgres_has_an_index_of_the_open_ones(postgres_url: str, statistics: str) -> None:
    rows = """
        INSERT INTO poi_stock_incident
            (product_shard_id, brand_id, poi_id, seq, kind, object_type, object_id, actor, opened_at, resolved_at)
        SELECT 1023, 'b', (n % 10)::text, n, 'oversold', 2, n, 'me', n, CASE WHEN n % 100 > 0 THEN n END
        FROM generate_series(1, 3000) AS n
    """
    async with filled(postgres_url, rows, statistics) as connection:
        for statement, used in ((postgres.OPEN_STATEMENT, OPEN), (postgres.NEWEST_STATEMENT, STORE)):
            plan = await generic_plan(connection, statement)
            at = next(at for at, step in enumerate(plan) if " on poi_stock_incident" in step)
            assert "Index Scan" in plan[at], plan
            assert "ix_stock_incident_open" in plan[at] or used is STORE, plan
            assert all(re.search(rf"\b{name}\b", plan[at + 1]) for name in used), plan


async def test_mariadb_has_an_index_of_the_open_ones(mysql_url: str) -> None:
    await migrate(mysql_url)
    database = await open_database(mysql_url, owner="plans")
    scene = Scene(database)
    stores = scene.stores(20)
    ended = [an_incident(seq, seq, resolved_at=seq) for seq in range(1, 100)]
    await scene.write({store: changes(incidents=[*ended, an_incident(100, 100)]) for store in stores})
    session = Recorded(parse(mysql_url))
    session.sent = []
    await session.open()
    await session.rows("ANALYZE TABLE poi_stock_incident")
    session.sent.clear()
    await MysqlIncidents(OneSession(session)).newest(dict.fromkeys(stores[:2], END), 9, open_only=True)
    for sql in list(session.sent):
        ((_, _, _, how, _, key, _, _, rows, *_),) = await session.rows(f"EXPLAIN {sql}")
        assert (how, key, int(rows)) == ("range", "ix_stock_incident_open", 1), sql
    await session.close()
    await scene.close()
    await database.close()
