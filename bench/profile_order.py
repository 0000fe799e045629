"""Where the time of an order goes, stage by stage, in CPU microseconds of the service's process.

Each stage runs alone, many times, and is timed by the process's CPU clock; nothing is instrumented, so nothing is made
slower by being watched. The phases of a batch are those of the engine's own report, its wall clock replaced by the CPU
clock; what the database uses meanwhile stands below. The cost of HTTP is that of the same server with an application
that answers at once. Run ``python bench/profile_order.py [--database URL] [--commands 64] [--rounds 20]``.
"""

import argparse
import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast
from unittest import mock

import msgspec
import uvloop

from eightysix.api import orders as orders_room
from eightysix.api.auth import Action, Caller
from eightysix.api.lean import Lean
from eightysix.catalog.snapshot import KeyGrant
from eightysix.cli.benching.child import ask
from eightysix.cli.benching.contestant import prepare
from eightysix.cli.benching.http_client import Assignment, Finding
from eightysix.cli.benching.menu import Menu
from eightysix.cli.benching.postgres import Server, given_server, own_server
from eightysix.cli.benching.process import cpu_seconds
from eightysix.cli.benching.requests import OrderBook
from eightysix.cli.benching.workload import BRAND, CHANNEL, HOLD_SECONDS, Load, choices, order_id, poi_id
from eightysix.core.admission import admit
from eightysix.core.command import Actor, DeductStock, Line, LockStock
from eightysix.core.key import StoreKey
from eightysix.core.quantity import UNIT
from eightysix.engine import batch as batch_room
from eightysix.engine.days import BusinessDays
from eightysix.engine.limits import Limits
from eightysix.engine.queue import LaneQueue
from eightysix.engine.ticket import Ticket, rows_of
from eightysix.storage.open import open_database
from eightysix.storage.port import Database

ACTOR = Actor("bench")
DATABASE = "eightysix_bench_profile"


def commands_of(load: Load, count: int) -> list[tuple[LockStock, DeductStock]]:
    """`count` new orders of the load."""
    drawn = choices(load)
    made = []
    for number in range(count):
        choice = next(drawn)
        store, name = StoreKey.of(BRAND, poi_id(choice.store)), order_id(load.run_no, number)
        lines = (Line(choice.sku_a, 0, UNIT), Line(choice.sku_b, choice.line_b, UNIT))
        lock = LockStock(store, name, CHANNEL, lines, ACTOR, HOLD_SECONDS)
        made.append((lock, DeductStock(store, name, None, ACTOR)))
    return made


def each_us(action: Callable[[], object], count: int, times: int) -> float:
    """CPU microseconds of one of the `count` things that `action` does, the best of `times`."""
    best = float("inf")
    for _ in range(times):
        started = time.process_time()
        action()
        best = min(best, time.process_time() - started)
    return best / count * 1e6


class Profile:
    """One load's stages."""

    def __init__(self, server: Server, database: Database, menu: Menu, rounds: int) -> None:
        self._server = server
        self._database = database
        self._menu = menu
        self._rounds = rounds
        self.stages: dict[str, float] = {}
        self.database_us: dict[str, float] = {}
        self.client_us = 0.0

    async def batches(self, load: Load, commands: int) -> list[Any]:
        """The phases of whole batches, locks and then deducts; gives back the outcomes of the last locks."""
        lane = await self._database.lane(0, 0)
        days, numbers = BusinessDays(), iter(range(1, 1_000_000))
        made = commands_of(load, commands * self._rounds)
        outcomes: list[Any] = []
        with mock.patch.object(batch_room, "perf_counter", time.process_time):
            for verb in (0, 1):
                phases = dict.fromkeys(("begin", "load", "decide", "save", "commit"), 0.0)
                before = cpu_seconds(self._server.postmaster)
                for start in range(0, len(made), commands):
                    tickets = [self._ticket(pair[verb]) for pair in made[start : start + commands]]
                    batch = batch_room.Batch(lane, 0, tickets, self._menu, days)
                    await batch.run(next(numbers), skip_locked=False)
                    for name in phases:
                        phases[name] += getattr(batch.report, name)
                    if verb == 0:
                        outcomes = [ticket.result for ticket in tickets]
                after = cpu_seconds(self._server.postmaster)
                word = ("lock", "deduct")[verb]
                for name, seconds in phases.items():
                    self.stages[f"{word}: {name}"] = seconds / len(made) * 1e6
                if before is not None and after is not None:
                    self.database_us[word] = (after - before) / len(made) * 1e6
        await lane.close()
        return outcomes

    def _ticket(self, command: Any) -> Ticket:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        return Ticket(command.store, command, future, self._menu, 0.0, float("inf"), rows_of(command))

    async def around(self, load: Load, commands: int, outcomes: list[Any]) -> None:
        """What is done for a request besides the batch."""
        made = [lock for lock, _ in commands_of(load, commands)]
        menu, stages, times = self._menu, self.stages, self._rounds
        stages["admit"] = each_us(lambda: [admit(command, menu) for command in made], commands, times)
        queue = LaneQueue(Limits())

        def through_queue() -> None:
            for command in made:
                queue.put(self._ticket(command))
            queue.take(0.0)

        stages["queue: future, ticket, put, take"] = each_us(through_queue, commands, times)
        await self._answering(commands, times)
        book = OrderBook(load, "127.0.0.1:8000", "key")
        bodies = [book.next().lock.split(b"\r\n\r\n", 1)[1] for _ in range(commands)]
        decoder = orders_room._DECODERS["lock"]

        def parse() -> None:
            for body in bodies:
                orders_room.read_json(body, decoder).command(ACTOR)

        stages["parse: JSON to command"] = each_us(parse, commands, times)

        def encode() -> None:
            for outcome in outcomes:
                orders_room.ENCODER.encode(orders_room.outcome_answer(outcome, orders_room.Language.ENGLISH)[1])

        stages["answer: outcome to JSON"] = each_us(encode, commands, times)
        stages["lean layer: headers, key, scope, reply"] = await self._lean(bodies, outcomes) - (
            stages["parse: JSON to command"] + stages["answer: outcome to JSON"]
        )

    async def http(self, load: Load) -> None:
        """The server alone, as the load of 64 clients sees it."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, Path(__file__).with_name("nothing.py"), stdout=asyncio.subprocess.PIPE
        )
        try:
            port = int(await cast(asyncio.StreamReader, process.stdout).readline())
            load = msgspec.structs.replace(load, verb="lock", clients=64, seconds=3)
            assignment = Assignment(load, "127.0.0.1", port, "key", service=process.pid)
            sample = (await ask("eightysix.cli.benching.http_client", assignment, Finding)).sample
        finally:
            process.terminate()
            await process.wait()
        self.stages["HTTP: server, event loop, ASGI"] = cast(float, sample.cpu.service) / sample.done * 1e6
        self.client_us = cast(float, sample.cpu.client) / sample.done * 1e6

    async def _answering(self, commands: int, times: int) -> None:
        """Waking so many tasks that wait for their future."""
        best = float("inf")
        for _ in range(times):
            loop = asyncio.get_running_loop()
            futures = [loop.create_future() for _ in range(commands)]

            async def wait(future: "asyncio.Future[None]") -> None:
                await future

            tasks = [asyncio.create_task(wait(future)) for future in futures]
            await asyncio.sleep(0)
            started = time.process_time()
            for future in futures:
                future.set_result(None)
            await asyncio.wait(tasks)
            best = min(best, time.process_time() - started)
        self.stages["wake the caller"] = best / commands * 1e6

    async def _lean(self, bodies: list[bytes], outcomes: list[Any]) -> float:
        """The whole application without server and engine: requests one after the other, answered at once."""
        caller = Caller(KeyGrant("k", "platform"), ACTOR, frozenset(Action))

        class Door:
            def caller(self, authorization: bytes) -> Caller:
                del authorization
                return caller

        ready = iter(outcomes * (self._rounds + 1))

        def submit(command: Any) -> "asyncio.Future[Any]":
            del command
            future = asyncio.get_running_loop().create_future()
            future.set_result(next(ready))
            return future

        lean = Lean(orders_room.Orders(submit, mock.Mock(), Door()), mock.Mock(), mock.Mock())
        scope = {
            "type": "http", "method": "POST", "path": "/api/v1/stock/lock",
            "headers": [
                (b"host", b"127.0.0.1:8000"), (b"authorization", b"Bearer key"),
                (b"content-type", b"application/json"), (b"content-length", b"220"),
            ],
        }  # fmt: skip

        async def send(message: Any) -> None:
            del message

        async def all_bodies() -> None:
            for body in bodies:

                async def receive(body: bytes = body) -> dict[str, Any]:
                    return {"type": "http.request", "body": body, "more_body": False}

                await lean(scope, receive, send)

        best = float("inf")
        for _ in range(self._rounds):
            started = time.process_time()
            await all_bodies()
            best = min(best, time.process_time() - started)
        return best / len(bodies) * 1e6


@contextlib.asynccontextmanager
async def server_of(url: str | None, folder: Path) -> AsyncIterator[Server]:
    """The given server or one of our own."""
    if url is not None:
        yield await given_server(url)
        return
    async with own_server(folder / "postgres") as server:
        yield server


async def main(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="eightysix-profile-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        async with server_of(arguments.database, folder) as server:
            url = await prepare(server, DATABASE, 2_000, 50)
            database = await open_database(url, owner="profile")
            for spread in ("uniform", "hot"):
                profile = Profile(server, database, Menu(2_000, 50), arguments.rounds)
                load = Load(spread, "life", 1, 1, 1 if spread == "uniform" else 2)
                outcomes = await profile.batches(load, arguments.commands)
                await profile.around(load, arguments.commands, outcomes)
                await profile.http(load)
                print(f"\n{spread}, batches of {arguments.commands}: CPU µs an order in the service's process")
                for stage, us in profile.stages.items():
                    print(f"  {stage:42} {us:7.1f}")
                print(f"  {'the load generator, a request':42} {profile.client_us:7.1f}")
                for verb, us in profile.database_us.items():
                    print(f"  {'PostgreSQL, ' + verb:42} {us:7.1f}")
            await database.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database")
    parser.add_argument("--commands", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=20)
    uvloop.run(main(parser.parse_args()))
