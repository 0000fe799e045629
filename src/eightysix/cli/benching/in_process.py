"""The engine without HTTP, in a process of its own: what the order core itself can do.

Run as ``python -m eightysix.cli.benching.in_process`` with a `Task` as JSON on standard input; the answer is JSON too.
"""

import asyncio
import sys
import time

import msgspec
import uvloop

from eightysix.cli.benching.menu import Menu
from eightysix.cli.benching.process import cpu_seconds
from eightysix.cli.benching.sample import CpuShare, Sample, latency_of
from eightysix.cli.benching.workload import BRAND, CHANNEL, HOLD_SECONDS, Choice, Load, choices, order_id, poi_id
from eightysix.cli.settling import settle
from eightysix.core.command import Actor, DeductStock, Line, LockStock
from eightysix.core.key import StoreKey
from eightysix.core.outcome import OrderDone, Outcome
from eightysix.core.quantity import UNIT
from eightysix.engine import BatchReport, Engine, Limits, Observer
from eightysix.storage.open import open_database

_ACTOR = Actor("bench")


class Task(msgspec.Struct, frozen=True):
    """What this process is to do on the database at `url`."""

    load: Load
    url: str
    database: int | None = None
    """The database's process id, to see what CPU time it uses."""
    lanes: int | None = None
    profile: str | None = None
    """Write a cProfile of the measured time to this file; the rate is then worth nothing."""


class Phases(msgspec.Struct):
    """Where batches spend their time, summed over the measurement, in seconds of the lanes' wall clock."""

    batches: int = 0
    commands: int = 0
    waited: float = 0.0
    begin: float = 0.0
    load: float = 0.0
    decide: float = 0.0
    save: float = 0.0
    commit: float = 0.0


class Run(msgspec.Struct, frozen=True):
    """What came of it."""

    sample: Sample
    phases: Phases


class _Watch(Observer):
    def __init__(self) -> None:
        self.phases = Phases()
        self.trouble: str | None = None

    def batch_done(self, report: BatchReport) -> None:
        phases = self.phases
        phases.batches += 1
        phases.commands += report.commands
        phases.waited += report.waited_sum
        phases.begin += report.begin
        phases.load += report.load
        phases.decide += report.decide
        phases.save += report.save
        phases.commit += report.commit

    def batch_retried(self, lane_no: int, fault: BaseException) -> None:
        self.trouble = f"lane {lane_no}: {fault!r}"


class _Clients:
    """So many clients, each with one order under way."""

    def __init__(self, engine: Engine, load: Load) -> None:
        self._engine = engine
        self._life = load.verb == "life"
        self._run_no = load.run_no
        self._order_no = 0
        self._choices = choices(load)
        self._keys = [StoreKey.of(BRAND, poi_id(number)) for number in range(1, load.stores_asked + 1)]
        self.seconds: list[float] = []
        self.failed = 0
        self.failure: str | None = None
        self.stopping = False

    async def client(self) -> None:
        """Orders until `stopping`."""
        while not self.stopping:
            started_at = time.perf_counter()
            lock, deduct = self._next()
            done = self._accept(await self._engine.submit(lock))
            if done and self._life:
                done = self._accept(await self._engine.submit(deduct))
            if done:
                self.seconds.append(time.perf_counter() - started_at)

    def _next(self) -> tuple[LockStock, DeductStock]:
        self._order_no += 1
        choice: Choice = next(self._choices)
        name = order_id(self._run_no, self._order_no)
        store = self._keys[choice.store - 1]
        lines = (Line(choice.sku_a, 0, UNIT), Line(choice.sku_b, choice.line_b, UNIT))
        return LockStock(store, name, CHANNEL, lines, _ACTOR, HOLD_SECONDS), DeductStock(store, name, None, _ACTOR)

    def _accept(self, outcome: Outcome) -> bool:
        if isinstance(outcome, OrderDone) and not outcome.replayed:
            return True
        self.failed += 1
        self.failure = self.failure or repr(outcome)
        return False


async def run(task: Task) -> Run:
    """Starts an engine, warms it up, measures, stops it."""
    load = task.load
    database = await open_database(task.url, owner=f"bench-{load.run_no}")
    watch = _Watch()
    engine = Engine(database, Menu(load.stores, load.items), Limits(lanes_per_shard=task.lanes), watch)
    await engine.start()
    clients = _Clients(engine, load)
    settle()  # as `serve` does
    tasks = [asyncio.create_task(clients.client()) for _ in range(load.clients)]
    await asyncio.sleep(load.warmup_seconds)
    clients.seconds, watch.phases = [], Phases()
    before, started_at = (time.process_time(), cpu_seconds(task.database)), time.perf_counter()
    await _measured_time(task)
    seconds, phases, clients.seconds = clients.seconds, watch.phases, []
    ended_at, after = time.perf_counter(), (time.process_time(), cpu_seconds(task.database))
    clients.stopping = True
    watch.phases = Phases()
    await asyncio.gather(*tasks)
    await engine.stop()
    await database.close()
    used = None if before[1] is None or after[1] is None else after[1] - before[1]
    sample = Sample(
        len(seconds), ended_at - started_at, clients.failed, clients.failure or watch.trouble, latency_of(seconds),
        CpuShare(service=after[0] - before[0], database=used),
    )  # fmt: skip
    return Run(sample, phases)


async def _measured_time(task: Task) -> None:
    if task.profile is None:
        await asyncio.sleep(task.load.seconds)
        return
    import cProfile  # noqa: PLC0415 - only where a profile is asked for

    profile = cProfile.Profile()
    profile.enable()
    await asyncio.sleep(task.load.seconds)
    profile.disable()
    profile.dump_stats(task.profile)


def main() -> None:
    """Does the task of standard input and prints what was found."""
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run(task))))


if __name__ == "__main__":
    main()
