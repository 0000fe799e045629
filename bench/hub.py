"""A store's hub with a menu of 2,000 items: how soon it is ready, how much memory it takes, how long a lock takes.

A cloud and its hub run as processes of their own on SQLite. The hub is started for the first time, then again; then
locks, each of an order of its own, come at a fixed rate over the network of this machine: first while the cloud, which
shares the processor here, is told of all of them, then with the cloud gone. A lock is timed from when it was due, so
that waiting counts.

Run ``python -m bench.hub [--items 2000] [--rate 200] [--seconds 30]`` in the project's folder.
"""

import argparse
import asyncio
import os
import re
import statistics
import tempfile
import time
from pathlib import Path

from eightysix.client import AsyncClient
from tests.hub.processes import BRAND, PLACE, POI, POS, Town, eventually, item

_FIRST = 1_000
_PART = 500
_PORTIONS = 100_000


async def furnish(town: Town, items: int) -> None:
    """A menu of limited dishes, so that each has a row and a grant."""
    numbers = range(_FIRST, _FIRST + items)
    for start in range(0, items, _PART):
        some = numbers[start : start + _PART]
        await town.online.ask("PUT", "/api/v1/items", {"items": [item(2, number) for number in some]})
        limited = {"stock_status": 1, "stock_type": 2, "plan_quantity": _PORTIONS, "real_quantity": _PORTIONS}
        settings = [{"object_id": number, **limited} for number in some]
        await town.online.ask("POST", "/api/v1/poi/stock/update", {"brandId": BRAND, "poiId": POI, "items": settings})


async def ready_after(town: Town, *more: str) -> float:
    """Seconds from the start of the process until it takes orders."""
    began = time.perf_counter()
    await town.hub.start(*more)
    return time.perf_counter() - began


async def lock_times(client: AsyncClient, name: str, items: int, rate: float, seconds: float) -> list[float]:
    """Milliseconds of each lock, from when it was due."""
    times: list[float] = []
    began = time.perf_counter()

    async def one(number: int, due: float) -> None:
        await client.lock(PLACE, f"{name}-{number}", POS, {_FIRST + number % items: 1})
        times.append((time.perf_counter() - due) * 1000)

    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * seconds)):
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(one(number, due))
    return times


async def holds_all(town: Town) -> bool:
    """Grants are asked for some hundred at a time."""
    grants = (await town.status())["grants"]
    await asyncio.sleep(1)
    return all(grant["held"] > 0 for grant in grants)


def memory(pid: int, name: str) -> float:
    """Of a process, in MB: `VmRSS` now, `VmHWM` at most so far."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    return int(found[1]) / 1024 if found else 0.0


def processor(pid: int) -> float:
    """Seconds of the processor that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def show_locks(town: Town, name: str, items: int, rate: float, seconds: float) -> None:
    """Lock for so long, and print how it went."""
    used = processor(town.hub.pid)
    times = sorted(await lock_times(town.inside, name, items, rate, seconds))
    used = processor(town.hub.pid) - used
    cuts = statistics.quantiles(times, n=1000)
    print(
        f"{name}: {len(times)} locks at {rate:.0f}/s: p50 {cuts[499]:.1f} ms, p99 {cuts[989]:.1f} ms, "
        f"p99.9 {cuts[998]:.1f} ms, at most {times[-1]:.1f} ms; the hub took {100 * used / seconds:.0f} % of a core"
    )


async def run(items: int, rate: float, seconds: float) -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory() as folder:
        town = Town(Path(folder))
        try:
            await town.open()
            await furnish(town, items)
            code = (await town.online.hub_code(PLACE)).code
            print(f"first start, everything fetched: {await ready_after(town, '--code', code):.2f} s")
            await town.hub.stop()
            print(f"start with {items} items: {await ready_after(town):.2f} s")
            town.inside = town.client(town.hub.url)
            await town.in_step(60)
            await eventually(lambda: holds_all(town), 120)
            print(f"memory at rest: {memory(town.hub.pid, 'VmRSS'):.0f} MB")
            await show_locks(town, "online", items, rate, seconds)
            began = time.perf_counter()
            await town.in_step(60)
            print(f"in step with the cloud after {time.perf_counter() - began:.1f} s more")
            await town.cloud.kill()
            await show_locks(town, "offline", items, rate, seconds)
            print(f"memory at most: {memory(town.hub.pid, 'VmHWM'):.0f} MB")
        finally:
            await town.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=2_000)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    asked = parser.parse_args()
    asyncio.run(run(asked.items, asked.rate, asked.seconds))


if __name__ == "__main__":
    main()
