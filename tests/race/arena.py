"""The databases that races run on, each with a service for several processes, and a second one for the controls."""

import re
import sqlite3
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from eightysix.cli.calling.service import own_service
from eightysix.client import AsyncClient
from eightysix.core.command import SetStock
from eightysix.storage.migrate import migrate
from eightysix.storage.open import open_database
from eightysix.storage.port import AuditStore
from eightysix.storage.sqlite.audit import audit as audit_file
from eightysix.storage.url import parse

from . import careless, market, sql
from .crew import SIZE, Crew, Outcome
from .load import Act, Load, together
from .message import AtCareless, AtEngine, AtHttp, Flaw, Guard, Target, Wave
from .verdict import Books, of_careless, of_store

Loader = Callable[[str], Load]


class Arena:
    """One database. `controls_url` is a database beside it, where guards may be taken out."""

    def __init__(self, crew: Crew, url: str, controls_url: str, served: AtHttp | None) -> None:
        self._crew = crew
        self.url = url
        self._controls_url = controls_url
        self._served = served
        self._stores = iter(market.STORES)

    @property
    def service(self) -> Target:
        """Where every client process is served: the API of the one process that SQLite takes, else its own engine."""
        return self._served or AtEngine(self.url)

    async def race(self, loader: Loader) -> tuple[Load, Outcome, Books]:
        """Run a load on the service, in a store of its own, and read what the database has afterwards."""
        return await self._race(loader, self.service, self.url)

    async def race_without(self, loader: Loader, *guards: Guard) -> tuple[Load, Outcome, Books]:
        """The same with engines that lack some guards."""
        return await self._race(loader, AtEngine(self._controls_url, guards), self._controls_url)

    async def race_careless(self, loader: Loader, flaw: Flaw) -> tuple[Load, Outcome, Books]:
        """The same with the hand-written service."""
        connection = await sql.connect(self._controls_url)
        try:
            for name in careless.NAMES:
                await connection.run(f"DELETE FROM {name}")
            await connection.run(f"INSERT INTO careless_stock VALUES ({careless.HEAD}, 0, 0)")
            load = loader("anywhere")
            outcome = await self._run(load.setup, load.acts, AtCareless(self._controls_url, flaw))
            return load, outcome, await of_careless(connection)
        finally:
            await connection.close()

    async def drop_checks(self) -> None:
        """Take the CHECK constraints of stocks out of the database of the controls, for good."""
        await self._crew.leave()
        target = parse(self._controls_url)
        if target.scheme == "sqlite":
            _drop_checks_of_file(target.path)
            return
        connection = await sql.connect(self._controls_url)
        try:
            for constraint in ("ck_stock_promised", "ck_stock_locked"):
                await connection.run(f"ALTER TABLE poi_item_stock DROP CONSTRAINT {constraint}")
        finally:
            await connection.close()

    async def race_in_stores(self, loader: Loader, stores: int) -> list[tuple[Load, Outcome, Books]]:
        """The same load in several stores at once, so that batches hold several; each store is judged alone."""
        poi_ids = [next(self._stores) for _ in range(stores)]
        loads = [loader(poi_id) for poi_id in poi_ids]
        outcome = await self._run(*together(loads), self.service)
        results = []
        for poi_id, load in zip(poi_ids, loads, strict=True):
            answers = tuple(answer for answer in outcome.answers if answer.poi_id == poi_id)
            results.append((load, Outcome(answers, outcome.faults), of_store(await _audited(self.url, poi_id))))
        return results

    async def _race(self, loader: Loader, target: Target, url: str) -> tuple[Load, Outcome, Books]:
        poi_id = next(self._stores)
        load = loader(poi_id)
        outcome = await self._run(load.setup, load.acts, target)
        return load, outcome, of_store(await _audited(url, poi_id))

    async def _run(self, setup: tuple[SetStock, ...], acts: Sequence[Act], target: Target) -> Outcome:
        await self._crew.go(target)
        prepared = await self._crew.run([(Wave(setup),), *[()] * (SIZE - 1)])
        assert not [answer.fault for answer in prepared.answers if answer.fault]
        done = [await self._crew.run(act) for act in acts]
        faults: Counter[str] = Counter()
        for each in done:
            faults.update(each.faults)
        return Outcome(tuple(answer for each in done for answer in each.answers), faults)


async def _audited(url: str, poi_id: str) -> AuditStore:
    """One store's rows. An SQLite file that another process serves is read beside it, as SQLite allows."""
    target = parse(url)
    if target.scheme == "sqlite":
        return await _one(audit_file(target.path, bucket=None), poi_id)
    database = await open_database(url, owner=uuid.uuid4().hex)
    try:
        return await _one(database.audit(), poi_id)
    finally:
        await database.close()


async def _one(stores: AsyncIterator[AuditStore], poi_id: str) -> AuditStore:
    found = [each async for each in stores if each.store.poi_id == poi_id]
    assert len(found) == 1
    return found[0]


@asynccontextmanager
async def sqlite_arena(crew: Crew, folder: Path) -> AsyncIterator[Arena]:
    """A file that one process serves over HTTP, and another for the controls."""
    url, controls_url = f"sqlite:///{folder}/race.db", f"sqlite:///{folder}/controls.db"
    await _prepare(controls_url)
    async with own_service(url, folder / "serve.log") as service:
        assert service.key is not None
        async with AsyncClient(service.url, service.key) as client:
            await market.set_up(client)
        yield Arena(crew, url, controls_url, AtHttp(service.url, service.key))


async def server_arena(crew: Crew, url: str, controls_url: str) -> Arena:
    """Two empty databases on a server."""
    await migrate(url)
    await _prepare(controls_url)
    return Arena(crew, url, controls_url, None)


async def _prepare(controls_url: str) -> None:
    """All tables of the product, and those of the hand-written service."""
    await migrate(controls_url)
    connection = await sql.connect(controls_url)
    try:
        for table in careless.TABLES:
            await connection.run(table)
    finally:
        await connection.close()


def _drop_checks_of_file(path: Path) -> None:
    """SQLite has no DROP CONSTRAINT: the text of the table is changed, as its manual shows it."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        (text,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'poi_item_stock'").fetchone()
        without, times = re.subn(r",\s*CONSTRAINT ck_stock_(locked|promised) CHECK \([^)]*\)", "", text)
        assert times == 2, text
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'poi_item_stock'", (without,))
        connection.execute("PRAGMA writable_schema = RESET")
    finally:
        connection.close()
