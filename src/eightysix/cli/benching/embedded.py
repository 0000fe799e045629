"""The part on SQLite: the engine in process beside one hand-written transaction an order."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from eightysix.cli.benching.arena import Arena
from eightysix.cli.benching.child import ask
from eightysix.cli.benching.in_process import Run, Task
from eightysix.cli.benching.plan import Plan
from eightysix.cli.benching.result import Cell
from eightysix.cli.benching.sample import Sample
from eightysix.cli.benching.seeding import service_key
from eightysix.cli.benching.sqlite_by_hand import HandTask
from eightysix.cli.benching.workload import PORTIONS
from eightysix.core.quantity import UNIT
from eightysix.storage.migrate import migrate

HAND, ENGINE = "sqlite by hand", "sqlite in process"


async def compare_embedded(arena: Arena) -> None:
    """One connection by hand against the engine with each number of clients, in interleaved rounds."""
    arena.progress.say("preparing: SQLite")
    plan, folder = arena.plan, arena.folder
    hand, engine = folder / "hand.db", folder / "engine.db"
    await _fill(hand, plan)
    shutil.copyfile(hand, engine)
    cells = []
    for spread in plan.spreads:
        for verb in plan.verbs:
            cells.append(Cell(HAND, spread, verb, 1))
            cells.extend(Cell(ENGINE, spread, verb, clients) for clients in plan.clients)
    arena.result.sqlite.cells.extend(cells)
    with arena.progress.steps("sqlite", len(cells) * plan.rounds) as step:
        for round_no in range(plan.rounds):
            for cell in cells if round_no % 2 == 0 else reversed(cells):
                what = f"{cell.contestant}, {cell.spread} {cell.verb}, {cell.clients} clients"
                step(what)
                load = arena.load(cell.spread, cell.verb, cell.clients)
                if cell.contestant == HAND:
                    sample = await ask("eightysix.cli.benching.sqlite_by_hand", HandTask(load, str(hand)), Sample)
                else:
                    task = Task(load, f"sqlite:///{engine}")
                    sample = (await ask("eightysix.cli.benching.in_process", task, Run)).sample
                cell.samples.append(arena.note(what, sample))


async def _fill(path: Path, plan: Plan) -> None:
    await migrate(f"sqlite:///{path}")
    keys = [service_key(store) for store in range(1, plan.stores + 1)]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO poi_stock_head (product_shard_id, brand_id, poi_id, seq, outbox_seq, last_at) "
            "VALUES (?, ?, ?, ?, 0, 0)",
            ((*key, plan.items) for key in keys),
        )
        connection.executemany(
            "INSERT INTO poi_item_stock (product_shard_id, brand_id, poi_id, object_type, object_id, stock_status, "
            "stock_type, manual, plan_quantity, real_quantity, version, settings_version, updated_at) "
            "VALUES (?, ?, ?, 2, ?, 1, 2, 0, ?, ?, ?, ?, 0)",
            (
                (*key, sku, PORTIONS * UNIT, PORTIONS * UNIT, sku, sku)
                for key in keys
                for sku in range(1, plan.items + 1)
            ),
        )
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
