"""The parts on PostgreSQL: orders side by side, the steady load, the growing table, the memory."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from eightysix.cli.benching import handwritten
from eightysix.cli.benching.arena import Arena
from eightysix.cli.benching.contestant import HTTP_DATABASE, PROCESS_DATABASE, Contestant, InProcess, OverHttp, prepare
from eightysix.cli.benching.handwritten import HandWritten
from eightysix.cli.benching.postgres import Server, find_pgbench
from eightysix.cli.benching.process import memory_mb
from eightysix.cli.benching.result import Cell, MemoryReading, ScaleRow, SteadyRound
from eightysix.cli.benching.seeding import drop_database
from eightysix.cli.benching.service import Service, serve

_PREFIXES = {"sql": "", "function": "function_", "small": "small_"}
_SCALE_DATABASE = "eightysix_bench_scale_{}"
_MEMORY_SECONDS = 5.0


async def compare(arena: Arena, contestants: Mapping[str, Contestant]) -> None:
    """Every contestant under every load, in interleaved rounds: the machine's drift hits all alike."""
    plan = arena.plan
    cells = [
        (name, Cell(name, spread, verb, clients))
        for spread in plan.spreads
        for verb in plan.verbs
        for clients in plan.clients
        for name in contestants
    ]
    arena.result.orders.cells.extend(cell for _, cell in cells)
    with arena.progress.steps("orders", len(cells) * plan.rounds) as step:
        for round_no in range(plan.rounds):
            for name, cell in cells if round_no % 2 == 0 else reversed(cells):
                what = f"{name}, {cell.spread} {cell.verb}, {cell.clients} clients"
                step(what)
                load = arena.load(cell.spread, cell.verb, cell.clients)
                cell.samples.append(arena.note(what, await contestants[name].measure(load)))


@asynccontextmanager
async def field(arena: Arena, server: Server) -> AsyncIterator[dict[str, Contestant]]:
    """The contestants of the plan, ready; their databases are dropped afterwards."""
    plan = arena.plan
    async with AsyncExitStack() as stack:
        urls: dict[str, str] = {}
        found: dict[str, Contestant] = {}
        for name in plan.contestants:
            arena.progress.say(f"preparing: {name}")
            if name in _PREFIXES:
                prefix = _PREFIXES[name]
                database = handwritten.DATABASES[prefix]
                if database not in urls:
                    stack.push_async_callback(drop_database, server, database)
                    urls[database] = await handwritten.prepare(server, database, plan.stores, plan.items)
                found[name] = HandWritten(server, urls[database], find_pgbench(), arena.folder, prefix)
            elif name == "process":
                stack.push_async_callback(drop_database, server, PROCESS_DATABASE)
                found[name] = InProcess(server, await prepare(server, PROCESS_DATABASE, plan.stores, plan.items))
            else:
                over_http, _ = await stack.enter_async_context(served(arena, server))
                found[name] = over_http
        yield found


@asynccontextmanager
async def served(arena: Arena, server: Server) -> AsyncIterator[tuple[OverHttp, Service]]:
    """A service on a filled database of its own."""
    try:
        url = await prepare(server, HTTP_DATABASE, arena.plan.stores, arena.plan.items)
        async with serve(url, arena.folder) as service:
            yield OverHttp(server, url, service), service
    finally:
        await drop_database(server, HTTP_DATABASE)


async def keep_steady(arena: Arena, over_http: OverHttp) -> None:
    """Requests by the clock."""
    plan = arena.plan
    with arena.progress.steps("steady", plan.rounds) as step:
        for _ in range(plan.rounds):
            step(f"{plan.steady_rate} requests/s")
            load = arena.load("uniform", "life", 256, seconds=plan.steady_seconds)
            found = await over_http.find(load, plan.steady_rate)
            arena.note("steady", found.sample)
            arena.result.steady.append(SteadyRound(found.sample, found.lock, found.deduct, found.late))


async def grow(arena: Arena, server: Server) -> None:
    """The engine in process on tables of several sizes."""
    plan = arena.plan
    async with AsyncExitStack() as stack:
        sizes = []
        for stores in plan.scale_stores:
            arena.progress.say(f"preparing: {stores * plan.items:,} stocks")
            name = _SCALE_DATABASE.format(stores)
            stack.push_async_callback(drop_database, server, name)
            row = ScaleRow(stores * plan.items)
            arena.result.scale.append(row)
            sizes.append((stores, row, InProcess(server, await prepare(server, name, stores, plan.items))))
        with arena.progress.steps("scale", len(sizes) * plan.rounds) as step:
            for round_no in range(plan.rounds):
                for stores, row, engine in sizes if round_no % 2 == 0 else reversed(sizes):
                    step(f"{row.stocks:,} stocks")
                    load = arena.load("uniform", "lock", 128, stores=stores)
                    row.samples.append(arena.note(f"{row.stocks} stocks", await engine.measure(load)))


async def weigh(arena: Arena, server: Server) -> None:
    """The memory of a fresh service, before and after a load."""
    plan = arena.plan
    arena.progress.say("memory")
    async with served(arena, server) as (over_http, service):
        started = memory_mb(service.process_id)
        load = arena.load("uniform", "life", 128, seconds=_MEMORY_SECONDS)
        sample = arena.note("memory", await over_http.measure(load))
        loaded = memory_mb(service.process_id)
        arena.result.memory = MemoryReading(plan.stores * plan.items, started, loaded, sample.done)
