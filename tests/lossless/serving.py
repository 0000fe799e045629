"""Services that this proof starts: `eightysix serve`, overheard, and careless where the checker must find a loss."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg

OVERHEARD = "LOSSLESS_FILE"
"""Where a service with a bus of its own writes down what went over it."""

CARELESS = "LOSSLESS_CARELESS"
"""Set where messages are to be written after the commit of what they tell of."""

PROGRAM = (
    "import sys; from tests.lossless.serving import prepare; prepare(); "
    "from eightysix.cli import main; sys.stdin.readline(); main()"
)
"""What to run; its modules are loaded while the process before it still serves."""

_WINDOW_SECONDS = 0.2
"""How long after the commit. A kill in between loses messages."""


def prepare() -> None:
    """Do what the environment asks for, before the program starts."""
    if os.environ.get(OVERHEARD):
        _overhear(Path(os.environ[OVERHEARD]))
    if os.environ.get(CARELESS):
        _be_careless()


def _overhear(file: Path) -> None:
    from eightysix import app  # noqa: PLC0415 - in the service only
    from eightysix.sync.bus import Bus, BusMessage  # noqa: PLC0415
    from eightysix.wire.message import STOCK_TOPIC  # noqa: PLC0415
    from tests.lossless.bus_listener import note  # noqa: PLC0415

    open_bus = app.open_bus
    log = file.open("a", buffering=1)  # for as long as the process lives

    async def overheard(*arguments: Any) -> Bus:
        bus = await open_bus(*arguments)

        async def handle(messages: Sequence[BusMessage]) -> None:
            note(log, messages)

        await bus.subscribe(STOCK_TOPIC, "lossless", handle)
        return bus

    app.open_bus = overheard  # type: ignore[assignment]


def _be_careless() -> None:
    """Outbox rows are left out of the transaction and written some time after it, by whoever is still there."""
    from msgspec.structs import replace  # noqa: PLC0415

    from eightysix.core.change import StoreChanges  # noqa: PLC0415
    from eightysix.core.key import StoreKey  # noqa: PLC0415
    from eightysix.storage.postgres.lane import PostgresLane  # noqa: PLC0415

    save, commit = PostgresLane.save, PostgresLane.commit
    later: dict[int, list[tuple[Any, ...]]] = {}
    tasks = set()

    async def careless_save(self: PostgresLane, changes: Mapping[StoreKey, StoreChanges]) -> None:
        rows = [
            (*store, row.seq, row.prev_seq, *row.key, row.committed_at)
            for store, change in changes.items()
            for row in change.outbox
        ]
        later[id(self)] = rows
        await save(self, {store: replace(change, outbox=[]) for store, change in changes.items()})

    async def careless_commit(self: PostgresLane) -> None:
        await commit(self)
        task = asyncio.create_task(_write(later.pop(id(self), [])))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    PostgresLane.save, PostgresLane.commit = careless_save, careless_commit  # type: ignore[method-assign]


async def _write(rows: list[tuple[Any, ...]]) -> None:
    await asyncio.sleep(_WINDOW_SECONDS)
    database = urlsplit(sys.argv[sys.argv.index("--database") + 1])
    connection = await asyncpg.connect(database.geturl())
    try:
        await connection.executemany("INSERT INTO poi_stock_outbox VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", rows)
    finally:
        await connection.close()
