"""How long after its commit a change reaches the endpoints of webhooks, a tenth of which are dead.

    python -m bench.webhooks [--database URL] [--rate 200] [--seconds 20] [--endpoints 200] [--dead 20]

Changes are set through the engine, published by the relay on the bus within this process, and told to real HTTP
servers on this machine, which run in a process of their own and note when each request came. Of the dead endpoints a
third never answers, a third refuses connections, a third says 500. Each endpoint is about its share of the stores, so
that a change is told to one of them; `--everything` has each told of every store.
"""

import argparse
import asyncio
import itertools
import json
import multiprocessing
import random
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import uvloop

from eightysix.catalog.catalog import Catalog
from eightysix.catalog.kinds import BRAND, ITEM, STORE
from eightysix.core.command import Actor, SetStock, Setting
from eightysix.core.key import StoreKey, sku_key
from eightysix.engine import Engine, Limits
from eightysix.storage import catalog as catalog_rows
from eightysix.storage.migrate import migrate
from eightysix.storage.open import open_database
from eightysix.sync.lease import Leases
from eightysix.sync.local_bus import LocalBus
from eightysix.sync.relay import Relay
from eightysix.sync.rendering import Renderer
from eightysix.sync.waking import Waker
from eightysix.sync.webhooks.address import Addresses, Rules
from eightysix.sync.webhooks.service import Webhooks
from eightysix.wire.administration import BrandBody, ItemBody, ItemName, StoreBody
from eightysix.wire.webhook import WebhookBody

ACTOR = Actor("bench")
SKUS = range(1, 11)


class Server(asyncio.Protocol):
    """Answers each request at once with `answer`; never where that is empty."""

    def __init__(self, answer: bytes, arrivals: list[tuple[float, bytes]]) -> None:
        self.answer = answer
        self.arrivals = arrivals
        self.buffer = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            start = head.index(b"content-length:") + 15
            length = int(head[start:].split(b"\r\n", 1)[0])
            if len(self.buffer) < end + 4 + length:
                return
            body, self.buffer = self.buffer[end + 4 : end + 4 + length], self.buffer[end + 4 + length :]
            if self.answer:
                if self.answer.startswith(b"HTTP/1.1 2"):
                    self.arrivals.append((time.time(), body))
                self.transport.write(self.answer)


async def receive(pipe: Connection, live: int, hanging: int, failing: int) -> None:
    """Open the servers, tell their ports, and at the end what arrived when."""
    loop = asyncio.get_running_loop()
    arrivals: list[tuple[float, bytes]] = []
    good, bad = b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n"
    servers = [
        await loop.create_server(lambda answer=answer: Server(answer, arrivals), "127.0.0.1", 0)
        for answer in [good] * live + [b""] * hanging + [bad] * failing
    ]
    pipe.send([server.sockets[0].getsockname()[1] for server in servers])
    await loop.run_in_executor(None, pipe.recv)
    found = [
        (at, event["data"]["poiId"], event["data"]["object_id"], event["data"]["seq"], event["timestamp"])
        for at, event in ((at, json.loads(body)) for at, body in arrivals)
    ]
    pipe.send(found)


def receiver(pipe: Connection, live: int, hanging: int, failing: int) -> None:
    asyncio.run(receive(pipe, live, hanging, failing))


async def furnish(catalog: Catalog, stores: Sequence[str]) -> None:
    await catalog.write(BRAND, [BrandBody("fox", "fox")], "bench", replace=True)
    await catalog.write(STORE, [StoreBody("fox", each, each, "UTC") for each in stores], "bench", replace=True)
    items = [ItemBody("fox", 2, sku_id, ItemName("x", "x")) for sku_id in SKUS]
    await catalog.write(ITEM, items, "bench", replace=True)


async def subscribe(webhooks: Webhooks, ports: Sequence[int], stores: Sequence[str], *, everything: bool) -> None:
    order = list(ports)
    random.Random(86).shuffle(order)
    bodies = [
        WebhookBody(
            "fox",
            f"w{at}",
            f"http://127.0.0.1:{port}/hook",
            None if everything else list(stores[at :: len(order)]) or None,
        )
        for at, port in enumerate(order)
    ]
    await webhooks.subscriptions.write(bodies, "bench", replace=True)


async def change(engine: Engine, stores: Sequence[str], rate: float, seconds: float) -> int:
    """Set stocks at an even rate; how many."""
    made, tasks = 0, set()
    chance = random.Random(86)
    began = time.monotonic()
    for number in itertools.count():
        due = began + number / rate
        if due > began + seconds:
            break
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        store = StoreKey.of("fox", chance.choice(stores))
        real = number * 1000 + 1000

        async def one(store: StoreKey = store, real: int = real) -> None:
            setting = Setting(sku_key(chance.choice(SKUS)), type=2, plan=real, real=real)
            await engine.submit(SetStock(store, (setting,), ACTOR))

        task = asyncio.create_task(one())
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        made += 1
    await asyncio.gather(*tasks)
    return made


async def settled(webhooks: Webhooks, seconds: float) -> None:
    """Wait until nothing more is delivered."""
    end = time.monotonic() + seconds
    before = -1
    while webhooks.figures.delivered != before and time.monotonic() < end:
        before = webhooks.figures.delivered
        await asyncio.sleep(1.0)


def report(found: Sequence[Any], webhooks: Webhooks, made: int, arguments: argparse.Namespace) -> None:
    waits = sorted(at - datetime.fromisoformat(timestamp).timestamp() for at, _, _, _, timestamp in found)
    figures = webhooks.figures
    print(f"{made} changes at {arguments.rate:g}/s, {arguments.endpoints} endpoints, {arguments.dead} of them dead")
    print(f"queued {figures.queued}, delivered {figures.delivered}, failed {figures.failed}")
    print(f"endpoints failing at the end: {figures.endpoints_failing}")
    if waits:
        shares = {name: waits[min(len(waits) - 1, int(len(waits) * share))] for name, share in
                  (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0))}  # fmt: skip
        print(
            "from the commit to the endpoint: "
            + ", ".join(f"{name} {wait * 1000:.0f} ms" for name, wait in shares.items())
        )


async def main(arguments: argparse.Namespace) -> None:
    hanging = refusing = failing = arguments.dead // 3
    failing += arguments.dead - 3 * failing
    live = arguments.endpoints - arguments.dead
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    child = multiprocessing.get_context("spawn").Process(target=receiver, args=(theirs, live, hanging, failing))
    child.start()
    ports = await asyncio.to_thread(ours.recv)
    ports += [1_025 + at for at in range(refusing)]
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = arguments.database or f"sqlite:///{folder}/bench.db"
        await migrate(url)
        database = await open_database(url, owner="bench")
        stack.push_async_callback(database.close)
        catalog = Catalog(catalog_rows.connect(url))
        await catalog.start()
        stack.push_async_callback(catalog.stop)
        stores = [f"s{at}" for at in range(arguments.stores)]
        await furnish(catalog, stores)
        leases = Leases(database.leases, "bench")
        await leases.start()
        stack.push_async_callback(leases.stop)
        bus = LocalBus()
        webhooks = Webhooks(database, catalog, Addresses(Rules(private=True, plain_http=True)), leases=leases)
        await subscribe(webhooks, ports, stores, everything=arguments.everything)
        await webhooks.start(bus)
        stack.push_async_callback(webhooks.stop)
        shards = database.capabilities.physical_shards
        relay = Relay(database.outbox, Renderer(database.outbox, catalog), bus, leases, physical_shards=shards)
        await relay.start()
        stack.push_async_callback(relay.stop, 5.0)
        engine = Engine(database, catalog, Limits(), Waker(relay, database.signals))
        await engine.start()
        stack.push_async_callback(engine.stop)
        made = await change(engine, stores, arguments.rate, arguments.seconds)
        await settled(webhooks, 60)
        ours.send("end")
        report(await asyncio.to_thread(ours.recv), webhooks, made, arguments)
    child.join()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--database")
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--endpoints", type=int, default=200)
    parser.add_argument("--dead", type=int, default=20)
    parser.add_argument("--stores", type=int, default=1000)
    parser.add_argument("--everything", action="store_true")
    uvloop.run(main(parser.parse_args()))
