"""What streams cost, and how long a change takes to those who follow.

`idle`: many streams without a change, several to a store, and the memory of the service before, with them, and after
some heartbeats. `follow`: a stream a store, changes at a steady rate, spread over all stores; each is timed from its
commit (the message's `committed_at`, the database's clock on this machine) to its arrival, and to the answer of its
acknowledgement. A store has one acknowledgement underway; what arrives meanwhile is acknowledged with the next one.
The changes are locks, 50 a call of /stock/batch, as an order service for many stores sends them; each store's device
acknowledges by itself. Before it counts there are changes at the same rate for `--warm-seconds`: a fresh broker
compiles itself for a while. With EIGHTYSIX_BUS_URL the messages go over that bus, whose topics are made first: without
them the service works all the same, but what is measured then is the net that finds what no bus has brought.

Run ``python bench/streams.py idle [--streams 5000]`` or ``python bench/streams.py follow [--streams 1000] [--rate 1000]
[--seconds 30] [--warm-seconds 3]``, both with ``[--database URL]``: a migrated, empty database; without it an SQLite
file.
"""

import argparse
import asyncio
import os
import re
import resource
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
import psutil
import uvloop

from eightysix.sync.bus_url import set_up_bus

HOST = "127.0.0.1"
BRAND = "bench"
DISHES = range(1, 21)
_PRINTED = {"url": re.compile(r"Ready: (\S+)"), "key": re.compile(r"\b(e86_[\w-]{40,})")}
_CONNECTIONS = 32
"""Acknowledging connections."""

_QUIET_SECONDS = 3.0


class Service(NamedTuple):
    """A service in a process of its own."""

    url: str
    key: str
    process: psutil.Process

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


@asynccontextmanager
async def serving(database: str) -> AsyncIterator[Service]:
    """Start it; it ends with the block."""
    environment = {
        **os.environ,
        "EIGHTYSIX_LANG": "en",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "eightysix", "serve", "--database", database, "--port", "0",
        stdout=asyncio.subprocess.PIPE, env=environment,
    )  # fmt: skip
    assert child.stdout is not None
    found: dict[str, str] = {}
    while "url" not in found:
        line = (await child.stdout.readline()).decode()
        if not line:
            raise SystemExit("the service did not start")
        found |= {name: match[1] for name, pattern in _PRINTED.items() if (match := pattern.search(line))}
    try:
        yield Service(found["url"], found["key"], psutil.Process(child.pid))
    finally:
        with suppress(ProcessLookupError):
            child.terminate()
        await child.wait()


async def furnish(http: httpx.AsyncClient, stores: int) -> None:
    """A brand, its menu, its stores; each dish limited in each store."""
    await _put(http, "brands", {"brandId": BRAND, "name": BRAND})
    items = [{"brandId": BRAND, "object_type": 2, "object_id": dish, "name": {"en": "x", "zh": "x"}} for dish in DISHES]
    await _put(http, "items", {"items": items})
    for at in range(0, stores, 500):
        some = [{"brandId": BRAND, "poiId": str(each), "name": "x", "time_zone": "UTC"}
                for each in range(at, min(stores, at + 500))]  # fmt: skip
        await _put(http, "stores", {"items": some})
        limited = [{"object_id": dish, "stock_type": 2, "real_quantity": 1_000_000} for dish in DISHES]
        for start in range(0, len(some), 100):
            poi_ids = [each["poiId"] for each in some[start : start + 100]]
            body = {"brandId": BRAND, "poiIds": poi_ids, "items": limited}
            answer = await http.post("/api/v1/poi/stock/update", json=body)
            assert answer.status_code == 200, answer.text


async def _put(http: httpx.AsyncClient, kind: str, body: Any) -> None:
    answer = await http.put(f"/api/v1/{kind}", json=body)
    assert answer.status_code == 200, answer.text


class Wire(asyncio.Protocol):
    """One stream; `arrived(poi_id, event)` is called with each message's `id` and data."""

    def __init__(self, service: Service, poi_id: str, follower: "Follower | None") -> None:
        self._service = service
        self._poi_id = poi_id
        self._follower = follower
        self._rest = b""
        self.ready = asyncio.get_running_loop().create_future()
        self.ended = False

    def connection_made(self, transport: Any) -> None:
        query = f"brandId={BRAND}&poiId={self._poi_id}&device_id=bench"
        transport.write(
            f"GET /api/v1/poi/stock/stream?{query} HTTP/1.1\r\nhost: 86\r\n"
            f"authorization: Bearer {self._service.key}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        *whole, self._rest = data.split(b"\n\n")
        for event in whole:
            if b"event: ready" in event:
                self.ready.set_result(None)
            elif self._follower is not None and (at := event.find(b"data: ")) >= 0:
                start = event.rindex(b"id: ", 0, at) + 4
                self._follower.arrived(self._poi_id, event[start : event.index(b"\n", start)], event[at + 6 :])

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.ended = True


async def connected(service: Service, number: int, stores: int, follower: "Follower | None" = None) -> list[Wire]:
    """So many streams, opened some at a time, spread over the stores."""
    loop, wires = asyncio.get_running_loop(), []
    for at in range(0, number, 100):
        some = []
        for each in range(at, min(number, at + 100)):
            wire = Wire(service, str(each % stores), follower)
            await loop.create_connection(lambda wire=wire: wire, HOST, service.port)
            some.append(wire)
        await asyncio.gather(*(wire.ready for wire in some))
        wires += some
    return wires


def memory(process: psutil.Process) -> float:
    """Of the service, in kB: what it has to itself."""
    return float(process.memory_full_info().uss) / 1000


async def idle(service: Service, http: httpx.AsyncClient, number: int, seconds: float) -> None:
    stores = min(1_000, number)
    await furnish(http, stores)
    for poi_id in range(stores):  # whatever it keeps of a store it keeps by now
        await http.post("/api/v1/poi/stock/find-to-pos", json={"brandId": BRAND, "poiId": str(poi_id), "limit": 1})
    before, files = memory(service.process), service.process.num_fds()
    started = time.monotonic()
    wires = await connected(service, number, stores)
    took = time.monotonic() - started
    opened = memory(service.process)
    cpu = service.process.cpu_times()
    await asyncio.sleep(seconds)
    spent = sum(service.process.cpu_times()[:2]) - sum(cpu[:2])
    after = memory(service.process)
    assert not any(wire.ended for wire in wires)
    print(
        f"{number} streams of {stores} stores, opened in {took:.1f} s; {service.process.num_fds() - files} more files"
    )
    print(f"memory of the service: {before / 1000:.1f} MB before, {opened / 1000:.1f} MB with them, ", end="")
    print(f"{after / 1000:.1f} MB after {seconds:.0f} s: {(after - before) / number:.1f} kB a stream")
    print(f"CPU while idle: {100 * spent / seconds:.1f}% of a core")


class Follower:
    """Times what arrives and acknowledges it."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._head = (
            b"POST /api/v1/poi/stock/ack HTTP/1.1\r\nhost: 86\r\nauthorization: Bearer %b\r\n" % service.key.encode()
            + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n"
        )
        self._read = msgspec.json.Decoder(_Message).decode
        self._pending: dict[str, list[float]] = {}
        self._newest: dict[str, bytes] = {}
        self._turn: deque[str] = deque()
        self._busy: set[str] = set()
        self._more = asyncio.Event()
        self.received: list[float] = []
        self.acked: list[float] = []
        self.failed = 0
        self._arrived_at = time.monotonic()
        self.counting = False

    def arrived(self, poi_id: str, cursor: bytes, data: bytes) -> None:
        message = self._read(data)
        committed = datetime.fromisoformat(message.committed_at).timestamp()
        if self.counting:
            self.received.append(time.time() - committed)
        self._arrived_at = time.monotonic()
        self._newest[poi_id] = cursor
        waiting = self._pending.setdefault(poi_id, [])
        waiting.append(committed)
        if len(waiting) == 1 and poi_id not in self._busy:
            self._turn.append(poi_id)
            self._more.set()

    @property
    def is_done(self) -> bool:
        """Whether nothing has come for a while and all is acknowledged."""
        return time.monotonic() - self._arrived_at > _QUIET_SECONDS and not self._busy and not self._turn

    async def acknowledge(self) -> None:
        """One connection's work."""
        reader, writer = await asyncio.open_connection(HOST, self._service.port)
        while True:
            while not self._turn:
                self._more.clear()
                await self._more.wait()
            poi_id = self._turn.popleft()
            self._busy.add(poi_id)
            committed = self._pending.pop(poi_id)
            body = msgspec.json.encode({
                "brandId": BRAND, "poiId": poi_id, "cursor": self._newest[poi_id].decode(), "device_id": "bench",
            })  # fmt: skip
            writer.write(self._head % len(body) + body)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
            now = time.time()
            if not head.startswith(b"HTTP/1.1 200"):
                self.failed += 1
            elif self.counting:
                self.acked += [now - each for each in committed]
            self._busy.discard(poi_id)
            if self._pending.get(poi_id):
                self._turn.append(poi_id)


class _Message(msgspec.Struct):
    committed_at: str


async def change(http: httpx.AsyncClient, name: str, stores: int, rate: int, seconds: float) -> int:
    """Locks of one portion, `rate` a second over all stores, 50 in a call; how many were made. `name` begins the ids of
    the orders."""
    calls, made, started, order = set(), 0, time.monotonic(), 0
    each_call = 50

    async def call(operations: list[Any]) -> None:
        nonlocal made
        answer = await http.post("/api/v1/stock/batch", content=msgspec.json.encode({"operations": operations}))
        made += sum(result["status"] == 200 for result in answer.json()["results"])

    while (now := time.monotonic() - started) < seconds:
        due = int(now * rate)
        while order + each_call <= due:
            operations = [
                {"op": "lock", "brandId": BRAND, "poiId": str(number % stores), "order_id": f"{name}{number}",
                 "channel_code": "POS", "lines": [{"sku_id": number // stores % len(DISHES) + 1, "quantity": 1}]}
                for number in range(order, order + each_call)
            ]  # fmt: skip
            order += each_call
            task = asyncio.create_task(call(operations))
            calls.add(task)
            task.add_done_callback(calls.discard)
        await asyncio.sleep(0.005)
    await asyncio.gather(*calls)
    return made


async def follow(service: Service, http: httpx.AsyncClient, options: argparse.Namespace) -> None:
    streams, rate, seconds = options.streams or 1_000, options.rate, options.seconds
    await furnish(http, streams)
    follower = Follower(service)
    wires = await connected(service, streams, streams, follower)
    tasks = [asyncio.create_task(follower.acknowledge()) for _ in range(_CONNECTIONS)]
    await change(http, "warm", streams, rate, options.warm_seconds)
    follower.counting = True
    cpu = sum(service.process.cpu_times()[:2])
    made = await change(http, "o", streams, rate, seconds)
    cpu = sum(service.process.cpu_times()[:2]) - cpu
    while not follower.is_done:  # noqa: ASYNC110 - it comes from many tasks
        await asyncio.sleep(0.05)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert not any(wire.ended for wire in wires)
    bus = os.environ.get("EIGHTYSIX_BUS_URL", "").partition(":")[0] or "in process"
    print(f"bus: {bus}; not counted: the first {options.warm_seconds:.0f} s of changes")
    print(f"{made} changes in {seconds:.0f} s over {streams} streams; {follower.failed} acknowledgements failed")
    for name, times in (("received", follower.received), ("acknowledged", follower.acked)):
        ordered = sorted(times)
        shown = ", ".join(f"p{q} {1000 * ordered[len(ordered) * q // 100]:.0f} ms" for q in (50, 90, 99))
        print(f"committed to {name}: {shown}, most {1000 * ordered[-1]:.0f} ms ({len(ordered)})")
    print(f"CPU of the service: {100 * cpu / seconds:.0f}% of a core")


async def main(options: argparse.Namespace) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    set_up_bus(os.environ.get("EIGHTYSIX_BUS_URL", ""))
    with tempfile.TemporaryDirectory() as folder:
        database = options.database or f"sqlite:///{Path(folder) / 'streams.db'}"
        async with serving(database) as service:
            headers = {"authorization": f"Bearer {service.key}"}
            async with httpx.AsyncClient(base_url=service.url, headers=headers, timeout=60) as http:
                if options.what == "idle":
                    await idle(service, http, options.streams or 5_000, options.seconds)
                else:
                    await follow(service, http, options)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("idle", "follow"))
    parser.add_argument("--streams", type=int)
    parser.add_argument("--rate", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--warm-seconds", type=float, default=3.0)
    parser.add_argument("--database")
    uvloop.run(main(parser.parse_args()))
