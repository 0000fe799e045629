"""What the relay costs the orders beside it: the same load in process, with the relay and without, in turns.

Each measurement is a process of its own on the same database, which grows alike under both. With the relay every change
is published on the bus within the process, to one consumer that counts; the backlog that is left at the end of the
measured time is told, and how long a message was under way. Run ``python bench/relay.py [--database URL] [--rounds 5]
[--seconds 5] [--clients 256] [--verb life] [--spread uniform]``; without a URL it is SQLite in a temporary folder, with
one a PostgreSQL in which it makes a database of its own. `--rate` asks for so many orders a second and not for as many
as there can be: then what is compared is the CPU time.
"""

import argparse
import asyncio
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import asyncpg
import msgspec
import uvloop

from eightysix.cli.benching.child import ask
from eightysix.cli.benching.embedded import _fill
from eightysix.cli.benching.in_process import _Clients
from eightysix.cli.benching.menu import Menu
from eightysix.cli.benching.postgres import with_database
from eightysix.cli.benching.process import cpu_seconds
from eightysix.cli.benching.seeding import fill_stocks, service_key
from eightysix.cli.benching.workload import Load, Spread, Verb
from eightysix.cli.settling import settle
from eightysix.engine import Engine, Limits
from eightysix.storage.migrate import migrate
from eightysix.storage.open import open_database
from eightysix.sync.bus import BusMessage
from eightysix.sync.figures import PUBLISHED
from eightysix.sync.latency import Latency
from eightysix.sync.lease import Leases
from eightysix.sync.local_bus import LocalBus
from eightysix.sync.pace import RelayPace, crowd_batch_seconds
from eightysix.sync.relay import Relay
from eightysix.sync.rendering import Renderer
from eightysix.sync.waking import Waker
from eightysix.wire.message import STOCK_TOPIC

DATABASE = "eightysix_bench_relay"


class Task(msgspec.Struct, frozen=True):
    """One measurement. `rate` 0: as many orders as there can be."""

    url: str
    load: Load
    relay: bool
    rate: float
    profile: str | None = None


class Found(msgspec.Struct, frozen=True):
    """What came of it: lives or locks a second, CPU seconds of this process, and what the relay did meanwhile."""

    rate: float
    cpu: float
    published: int
    left: int
    latency: list[int]


async def measure(task: Task) -> Found:
    load = task.load
    database = await open_database(task.url, owner=f"bench-{load.run_no}")
    menu, bus, leases = Menu(load.stores, load.items), LocalBus(), Leases(database.leases, f"bench-{load.run_no}")
    pace = RelayPace(crowd_batch_seconds=crowd_batch_seconds(database.capabilities))
    relay = Relay(database.outbox, Renderer(database.outbox, menu), bus, leases, pace=pace)
    heard = 0

    async def hear(messages: Sequence[BusMessage]) -> None:
        nonlocal heard
        heard += len(messages)

    if task.relay:
        await bus.subscribe(STOCK_TOPIC, "bench", hear)
        await leases.start()
        await relay.start()
    waker = Waker(relay, database.signals) if task.relay else None
    engine = Engine(database, menu, Limits(), waker)
    await engine.start()
    clients = _Clients(engine, load)
    settle()
    tasks = [asyncio.create_task(_client(clients, task)) for _ in range(load.clients)]
    await asyncio.sleep(load.warmup_seconds)
    clients.seconds, published = [], heard
    relay.figures.latency = Latency(PUBLISHED)
    before, started_at = time.process_time(), time.perf_counter()
    profile = None
    if task.profile and task.relay:
        import cProfile  # noqa: PLC0415 - only where a profile is asked for

        profile = cProfile.Profile()
        profile.enable()
    await asyncio.sleep(load.seconds)
    if profile is not None:
        profile.disable()
        profile.dump_stats(task.profile)
    done, took = len(clients.seconds), time.perf_counter() - started_at
    cpu, heard_then, left = time.process_time() - before, heard - published, relay.waiting_stores
    latency = list(relay.figures.latency.counts)
    clients.stopping = True
    await asyncio.gather(*tasks)
    await engine.stop()
    await relay.stop(20)
    await leases.stop()
    await database.close()
    return Found(done / took, cpu / max(done, 1), heard_then, left, latency)


async def _client(clients: _Clients, task: Task) -> None:
    if not task.rate:
        return await clients.client()
    pause = task.load.clients / task.rate
    while not clients.stopping:
        due_at = time.perf_counter() + pause
        started_at = time.perf_counter()
        lock, deduct = clients._next()
        if clients._accept(await clients._engine.submit(lock)) and clients._life:
            clients._accept(await clients._engine.submit(deduct))
        clients.seconds.append(time.perf_counter() - started_at)
        await asyncio.sleep(max(0.0, due_at - time.perf_counter()))
    return None


async def prepared(options: argparse.Namespace, folder: str) -> str:
    """A filled database of our own."""
    if options.database is None:
        path = Path(folder) / "relay.db"
        await _fill(path, argparse.Namespace(stores=options.stores, items=options.items))
        return f"sqlite:///{path}"
    connection = await asyncpg.connect(options.database)
    await connection.execute(f'DROP DATABASE IF EXISTS "{DATABASE}" WITH (FORCE)')
    await connection.execute(f'CREATE DATABASE "{DATABASE}"')
    await connection.close()
    url = with_database(options.database, DATABASE)
    await migrate(url)
    await fill_stocks(url, options.stores, options.items, service_key)
    return url


async def clear(url: str) -> None:
    """What a measurement without the relay leaves in the outbox isn't for the next one to publish."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file, file:
            file.execute("DELETE FROM poi_stock_outbox")
        return
    connection = await asyncpg.connect(url)
    await connection.execute("TRUNCATE poi_stock_outbox")
    await connection.execute("CHECKPOINT")
    await connection.close()


async def database_cpu(options: argparse.Namespace) -> float:
    """CPU seconds of the PostgreSQL so far; 0 for SQLite, which runs in our process."""
    if options.pid is None:
        return 0.0
    return cpu_seconds(options.pid) or 0.0


async def run(options: argparse.Namespace) -> None:
    found: dict[bool, list[tuple[Found, float]]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as folder:
        url = await prepared(options, folder)
        for round_no in range(options.rounds):
            for relay in (False, True) if round_no % 2 == 0 else (True, False):
                number = round_no * 2 + relay + 1
                load = Load(
                    options.spread,
                    options.verb,
                    options.clients,
                    options.seconds,
                    number,
                    options.stores,
                    options.items,
                )
                await clear(url)
                before = await database_cpu(options)
                one = await ask("bench.relay", Task(url, load, relay, options.rate, options.profile), Found)
                used = await database_cpu(options) - before
                found[relay].append((one, used))
                name = "with" if relay else "without"
                print(f"  {name:8} {one.rate:8.0f}/s {one.cpu * 1e6:6.0f} us CPU of ours an order", end="")
                print(f"; {one.published / options.seconds:.0f} messages/s, {one.left} stores left" if relay else "")
    rates = {relay: statistics.median(one.rate for one, _ in each) for relay, each in found.items()}
    cpu = {relay: statistics.median(one.cpu for one, _ in each) * 1e6 for relay, each in found.items()}
    print(f"{options.database or 'SQLite'}, {options.spread} {options.verb}, {options.clients} clients:")
    print(
        f"  orders {rates[False]:.0f}/s without, {rates[True]:.0f}/s with the relay: {rates[True] / rates[False]:.3f}"
    )
    print(f"  CPU {cpu[False]:.0f} us without, {cpu[True]:.0f} us with: {cpu[True] / cpu[False]:.3f}")
    counts = [sum(one.latency[at] for one, _ in found[True]) for at in range(len(PUBLISHED) + 1)]
    total, passed = sum(counts), 0
    for bound, count in zip([*PUBLISHED, float("inf")], counts, strict=True):
        passed += count
        if count:
            print(f"    {100 * passed / total:6.2f}% of messages out within {bound:g} s")


def main() -> None:
    if len(sys.argv) == 1:  # asked by ourselves
        task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
        sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(measure(task))))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database")
    parser.add_argument("--pid", type=int, help="the PostgreSQL's process, to see its CPU time")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--clients", type=int, default=256)
    parser.add_argument("--stores", type=int, default=2_000)
    parser.add_argument("--items", type=int, default=50)
    parser.add_argument("--rate", type=float, default=0.0, help="orders a second; 0: as many as there can be")
    parser.add_argument("--verb", choices=Verb.__args__, default="lock")
    parser.add_argument("--spread", choices=Spread.__args__, default="uniform")
    parser.add_argument("--profile", help="write a cProfile of the relay's measurements here")
    uvloop.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
