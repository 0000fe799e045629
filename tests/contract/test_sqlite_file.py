"""What only SQLite promises: one process at a time, and a file that survives."""

import asyncio
import os
import sqlite3
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from eightysix.core.change import RequestRecord
from eightysix.storage.migrate import migrate
from eightysix.storage.open import open_database
from eightysix.storage.port import Database, LockTimeout, LostConnection, Rejected, Unavailable
from eightysix.storage.sqlite.lockfile import DatabaseInUse

from .scene import Scene, a_stock, changes, new_batch_number, next_changes, write

OPEN_AND_HOLD = """
import asyncio, sys
from eightysix.storage.open import open_database
from tests.contract.scene import Scene, a_stock, changes, write

async def main():
    database = await open_database(sys.argv[1], owner="child")
    scene = Scene(database)
    store = scene.store()
    lane = await scene.lane(store)
    await write(lane, {store: changes(stocks=[(None, a_stock())])})
    await lane.begin([store], 99)
    print(store.poi_id, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
async def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'one.db'}"
    await migrate(url)
    return url


@pytest.fixture
async def opened(url: str) -> AsyncIterator[Database]:
    database = await open_database(url, owner="me")
    yield database
    await database.close()


async def test_a_second_opener_is_told_who_has_it(url: str, opened: Database) -> None:
    assert opened
    with pytest.raises(DatabaseInUse, match=rf"process {os.getpid()} .*one\.db\.lock") as raised:
        await open_database(url, owner="other")
    assert not raised.value.retryable


async def test_closing_lets_the_file_go(url: str) -> None:
    for _ in range(3):
        database = await open_database(url, owner="me")
        await database.ping()
        await database.close()
        await database.close()


async def test_kill_9_frees_the_file_and_keeps_what_was_committed(url: str) -> None:
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(root / "src"), str(root)])}
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", OPEN_AND_HOLD, url, stdout=PIPE, env=environment)
    assert child.stdout is not None
    poi_id = (await child.stdout.readline()).decode().strip()
    with pytest.raises(DatabaseInUse, match=f"process {child.pid} "):
        await open_database(url, owner="me")
    child.kill()
    await child.wait()
    database = await open_database(url, owner="me")
    try:
        entries = [entry async for entry in database.audit()]
        assert [(entry.store.poi_id, entry.stocks) for entry in entries] == [(poi_id, (a_stock(),))]
        await write(await database.lane(1, 0), {Scene(database).store(): changes()})
    finally:
        await database.close()


async def test_commits_are_durable(opened: Database, url: str) -> None:
    """synchronous=FULL is 2; WAL is the file's own."""
    lane = await opened.lane(1, 0)
    settings = await lane._thread.run(
        lambda connection: [
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
        ]
    )
    assert settings == ["wal", 2]
    assert url


async def test_another_writer_makes_begin_time_out(opened: Database, url: str) -> None:
    scene = Scene(opened)
    store = scene.store()
    lane = await scene.lane(store)
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LockTimeout):
        await lane.begin([store], new_batch_number())
    await lane.rollback()
    other.execute("ROLLBACK")
    other.close()
    await write(lane, {store: changes()})


async def test_a_closed_lane_says_so(opened: Database) -> None:
    scene = Scene(opened)
    store = scene.store()
    lane = await scene.lane(store)
    await lane.close()
    await lane.close()
    with pytest.raises(LostConnection):
        await lane.begin([store], new_batch_number())
    await lane.rollback()


async def test_a_database_without_tables_is_rejected(tmp_path: Path) -> None:
    database = await open_database(f"sqlite:///{tmp_path / 'empty.db'}", owner="me")
    try:
        with pytest.raises(Rejected, match="no such table"):
            await database.lane(1, 0)
    finally:
        await database.close()


async def test_a_folder_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="lock file"):
        await open_database(f"sqlite:///{tmp_path / 'no' / 'such.db'}", owner="me")


async def test_a_file_that_is_no_database_is_unavailable_and_let_go(tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    path.write_text("not a database, not by any means, and longer than a header of a hundred bytes" * 3)
    for _ in range(2):
        with pytest.raises(Unavailable, match="not a database"):
            await open_database(f"sqlite:///{path}", owner="me")


async def test_a_full_disk_loses_the_connection_and_nothing_else(opened: Database) -> None:
    scene = Scene(opened)
    store = scene.store()
    lane = await scene.lane(store)
    await write(lane, {store: changes(stocks=[(None, a_stock())])})
    await lane._thread.run(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchone())
    record = RequestRecord("request", b"\x00" * 32, b'"' + b"x" * 1_000_000 + b'"', 1)
    batch_no = new_batch_number()
    await lane.begin([store], batch_no)
    with pytest.raises(LostConnection, match="full") as raised:
        await lane.save({store: next_changes(1, requests=[record])})
    assert raised.value.retryable
    await lane.rollback()
    await lane.reconnect()
    assert not await lane.committed(batch_no)
    await write(lane, {store: next_changes(1, requests=[record])})
    assert (await opened.reader.head(store))[1].seq == 2
