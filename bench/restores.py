"""How late restores are: 20,000 stocks that come back within one minute, orders going on beside them.

Late is what a restore's commit, by the clock of this machine, is after the instant at which it was due. Three ways in
which the same 20,000 may fall due: ``stores``, each store's stocks together, the stores spread over a minute (as rules
do); ``stocks``, every stock at an instant of its own within the minute (as one-offs may); ``instant``, all at once.
The engine runs in this process, on a database of its own. Run ``python bench/restores.py [--database URL]
[--stores 100] [--items 200] [--case stores --case instant] [--rate 200]``; without a URL it is SQLite in a temporary
folder, with one a PostgreSQL in which it makes a database and drops it again.
"""

import argparse
import asyncio
import contextlib
import json
import tempfile
import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import uvloop

from eightysix.cli.benching.menu import Menu as EmptyMenu
from eightysix.cli.benching.postgres import with_database
from eightysix.cli.benching.workload import BRAND, CHANNEL, poi_id
from eightysix.core.change import Kind
from eightysix.core.command import Actor, DeductStock, Line, LockStock, SetStock, Setting
from eightysix.core.key import StoreKey, sku_key
from eightysix.core.quantity import UNIT
from eightysix.core.stock import LIMITED, ONE_OFF
from eightysix.engine import BatchReport, Engine, Observer
from eightysix.storage.migrate import migrate
from eightysix.storage.open import open_database
from eightysix.storage.port import Database

ACTOR = Actor("bench")
PLAN = 1_000 * UNIT
DATABASE = "eightysix_bench_restores"
CASES = ("stores", "stocks", "instant")
MINUTE_MS = 60_000
LEAD_MS = 5_000
"""How long after everything is set the first comes back."""
SET_AT_ONCE = 100
PATIENCE_SECONDS = 120


class Menu(EmptyMenu):
    """A catalogue from which timers are planned."""

    @property
    def timers_version(self) -> int:
        return 1

    def timer_version(self, _brand_id: str, _poi_id: str) -> int:
        return 1


class Commits(Observer):
    """When each store's restores were committed, in milliseconds."""

    def __init__(self) -> None:
        self.at: defaultdict[StoreKey, list[float]] = defaultdict(list)
        self.restored = 0
        self.batches = 0
        self.failures = 0
        self.phases: Counter[str] = Counter()

    def batch_done(self, report: BatchReport) -> None:
        if report.restored:
            self.batches += 1
            self.restored += report.restored
            for phase in ("begin", "load", "decide", "save", "commit"):
                self.phases[phase] += round(getattr(report, phase) * 1_000_000)
            for store in report.changed:
                self.at[store].append(time.time() * 1000)

    def timers_failed(self, _lane_no: int) -> None:
        self.failures += 1


class Orders:
    """A steady load of orders: a lock and its deduct each, whatever the engine does meanwhile."""

    def __init__(self, engine: Engine, stores: int, items: int, rate: float) -> None:
        self._engine = engine
        self._stores, self._items, self._rate = stores, items, rate
        self.seconds: list[float] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled."""
        began, number = time.monotonic(), 0
        while True:
            number += 1
            task = asyncio.create_task(self._one(number))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            await asyncio.sleep(max(0.0, began + number / self._rate - time.monotonic()))

    async def finish(self) -> None:
        """Wait for those under way."""
        await asyncio.gather(*self._under_way)

    async def _one(self, number: int) -> None:
        store = StoreKey.of(BRAND, poi_id(1 + number % self._stores))
        lines = (Line(1 + number * 7 % self._items, 0, UNIT),)
        started = time.monotonic()
        await self._engine.submit(LockStock(store, f"o{number}", CHANNEL, lines, ACTOR, 60))
        self.seconds.append(time.monotonic() - started)
        started = time.monotonic()
        await self._engine.submit(DeductStock(store, f"o{number}", None, ACTOR))
        self.seconds.append(time.monotonic() - started)


def due_after_ms(case: str, store: int, item: int, stores: int, items: int) -> int:
    """When a stock is due, counted from the first instant."""
    if case == "instant":
        return 0
    place = store * items if case == "stores" else store * items + item
    return place * MINUTE_MS // (stores * items)


async def ask(engine: Engine, case: str, stores: int, items: int) -> int:
    """Set every stock to come back once, from the minute on that begins after this; that minute's first instant."""
    begins = time.time_ns() // 1_000_000 + LEAD_MS + stores * items // 2  # setting takes its time too
    for first in range(0, stores, SET_AT_ONCE):
        commands = [
            SetStock(
                StoreKey.of(BRAND, poi_id(1 + store)),
                tuple(
                    Setting(
                        sku_key(1 + item), type=LIMITED, plan=PLAN, real=PLAN // 2, auto_restore_type=ONE_OFF,
                        auto_restore_at=begins + due_after_ms(case, store, item, stores, items),
                    )
                    for item in range(items)
                ),
                ACTOR,
            )
            for store in range(first, min(stores, first + SET_AT_ONCE))
        ]  # fmt: skip
        await asyncio.gather(*(engine.submit(command, background=True) for command in commands))
    left = begins - time.time_ns() // 1_000_000
    if left < 0:
        raise SystemExit(f"setting {stores * items} stocks took {-left} ms longer than was allowed for")
    return begins


async def lateness_ms(database: Database, commits: Commits) -> list[float]:
    """Of every restore in the log: its commit less when it was due."""
    late: list[float] = []
    async for books in database.audit():
        committed = sorted(commits.at[books.store])
        for row in books.logs:
            if row.kind is Kind.RESTORE:
                due_at = json.loads(row.content or "")["restore"]["due_at"]
                late.append(committed[bisect_left(committed, row.at)] - due_at)
    return sorted(late)


async def measure(url: str, case: str, stores: int, items: int, rate: float) -> None:
    await migrate(url)
    database = await open_database(url, owner="bench-restores")
    commits = Commits()
    engine = Engine(database, Menu(stores, items), observer=commits)
    await engine.start()
    try:
        begins = await ask(engine, case, stores, items)
        orders = Orders(engine, stores, items, rate)
        running = asyncio.create_task(orders.run()) if rate else None
        end = begins / 1000 + PATIENCE_SECONDS
        while commits.restored < stores * items and time.time() < end:  # noqa: ASYNC110 - it looks on from outside
            await asyncio.sleep(0.05)
        took = max(at[-1] for at in commits.at.values()) - begins
        if running is not None:
            running.cancel()
            await orders.finish()
        late = await lateness_ms(database, commits)
    finally:
        await engine.stop()
        await database.close()
    told = " ".join(f"p{p} {late[min(len(late) - 1, len(late) * p // 100)]:.0f}" for p in (50, 90, 99))
    print(f"  {case}: {len(late)} of {stores * items} restored in {commits.batches} batches, the last {took:.0f} ms in")
    print(f"    late by (ms) min {late[0]:.0f} {told} max {late[-1]:.0f}; {commits.failures} rounds failed")
    spent = ", ".join(f"{phase} {us / 1000 / len(late) * 1000:.0f}" for phase, us in commits.phases.items())
    print(f"    of a restoring batch's time, us a restore: {spent}")
    if orders.seconds:
        waits = sorted(orders.seconds)
        parts = " ".join(f"p{p} {waits[len(waits) * p // 100] * 1000:.1f}" for p in (50, 99))
        print(f"    {len(waits)} order calls beside them (ms) {parts} max {waits[-1] * 1000:.0f}")


@contextlib.asynccontextmanager
async def fresh(url: str | None) -> AsyncIterator[str]:
    """A database of our own."""
    if url is None:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / 'restores.db'}"
        return
    import asyncpg  # noqa: PLC0415 - only here

    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{DATABASE}" WITH (FORCE)')
        await connection.execute(f'CREATE DATABASE "{DATABASE}"')
        yield with_database(url, DATABASE)
        await connection.execute(f'DROP DATABASE IF EXISTS "{DATABASE}" WITH (FORCE)')
    finally:
        await connection.close()


async def run(options: argparse.Namespace) -> None:
    print(f"{options.database or 'SQLite'}: {options.stores} stores of {options.items} stocks, {options.rate}/s orders")
    for case in options.case or CASES:
        async with fresh(options.database) as url:
            await measure(url, case, options.stores, options.items, options.rate)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database")
    parser.add_argument("--stores", type=int, default=100)
    parser.add_argument("--items", type=int, default=200)
    parser.add_argument("--rate", type=float, default=200.0, help="orders a second beside the restores")
    parser.add_argument("--case", choices=CASES, action="append")
    uvloop.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
