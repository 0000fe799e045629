"""The change log's old end goes away while orders come in: none of them is refused, and the books stay sound."""

import asyncio
import sqlite3
from pathlib import Path

from eightysix.core.audit import findings
from eightysix.core.outcome import OrderDone
from eightysix.engine import Engine, Housekeeping, Pace
from eightysix.storage.port import DAY_MS, Database
from tests.engine.shop import Shop, audit, deduct, lock, stock, store

DAYS = 30
QUICK = Pace(delete_rows=20, rest_factor=1.0, round_seconds=1.0)


def grow_old(path: Path, poi_id: str, up_to: int) -> None:
    """As if the store's rows up to `up_to` had been recorded a year ago."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(
            "UPDATE poi_item_stock_log SET recorded_at = recorded_at - ? WHERE poi_id = ? AND seq <= ?",
            (365 * DAY_MS, poi_id, up_to),
        )
    connection.close()


async def sell(engine: Engine, poi_id: str, first: int, count: int) -> list[object]:
    """Orders, each locked and paid, many at once."""
    numbers = range(first, first + count)
    locked = await asyncio.gather(*(engine.submit(lock(poi_id, f"o{number}")) for number in numbers))
    return [*locked, *await asyncio.gather(*(engine.submit(deduct(poi_id, f"o{number}")) for number in numbers))]


async def test_orders_go_on_while_old_rows_are_deleted(database: Database, tmp_path: Path) -> None:
    engine = Engine(database, Shop(["s1", "s2", "idle"]))
    await engine.start()
    for poi_id in ("s1", "s2", "idle"):
        await engine.submit(stock(poi_id, 100_000))
    await sell(engine, "s1", 0, 400)
    await sell(engine, "idle", 0, 5)
    grow_old(tmp_path / "engine.db", "s1", 700)
    grow_old(tmp_path / "engine.db", "idle", 11)
    housekeeping = Housekeeping(database, DAYS, lambda: engine.waiting, QUICK)
    housekeeping.start()
    done: list[object] = []
    async with asyncio.timeout(60):
        number = 400
        while (oldest := await database.log.table.mark(store("s1"), 0)) is None or oldest.seq <= 700:
            done += await sell(engine, "s1", number, 20) + await sell(engine, "s2", number, 20)
            number += 20
        while (oldest := await database.log.table.mark(store("idle"), 0)) is None or oldest.seq < 11:
            done += await sell(engine, "s2", number, 20)
            number += 20
    await housekeeping.stop()
    await engine.stop()
    assert done
    assert all(isinstance(each, OrderDone) for each in done)
    found = await audit(database)
    assert {poi_id: min(row.seq for row in books.logs) for poi_id, books in found.items()} == {
        "s1": 701, "s2": 1, "idle": 11,
    }  # fmt: skip
    assert [findings(books) for books in found.values()] == [[], [], []]


async def test_a_retention_that_is_stopped_deletes_nothing_more(database: Database, tmp_path: Path) -> None:
    engine = Engine(database, Shop(["s1"]))
    await engine.start()
    await engine.submit(stock("s1", 100))
    await sell(engine, "s1", 0, 10)
    grow_old(tmp_path / "engine.db", "s1", 20)
    looked = asyncio.Event()

    def never() -> list[int]:
        looked.set()
        return [1_000]

    housekeeping = Housekeeping(database, DAYS, never, QUICK)
    housekeeping.start()
    await asyncio.wait_for(looked.wait(), 30)
    await housekeeping.stop()
    await engine.stop()
    (books,) = (await audit(database)).values()
    assert len(books.logs) == 21
