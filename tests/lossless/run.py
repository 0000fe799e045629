"""One run from beginning to end, the same for the tests and for the large proof."""

import asyncio
import random
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import httpx

from tests.lossless.checker import Seen, complaints, read
from tests.lossless.load import BRAND, Load
from tests.lossless.stage import Stage
from tests.lossless.truth import changes, truth


class Plan(NamedTuple):
    """How large a run is, at least. `settle_seconds`: how long all may take to agree once nothing is disturbed."""

    changes: int
    faults: int
    stores: int
    seed: int
    fault_seconds: tuple[float, float] = (2.0, 6.0)
    pause_seconds: float = 0.0
    settle_seconds: float = 120.0
    most_seconds: float = 1_200.0
    kills_only: bool = False


class Report(NamedTuple):
    """What came of it. `complaints` empty: all is well."""

    complaints: list[str]
    changes: int
    stream_messages: int
    bus_messages: int
    faults: Counter[str]
    load_seconds: float
    settled_seconds: float


async def run(stage: Stage, plan: Plan) -> Report:
    """Start everything, disturb it until so many changes are made, let it settle, check."""
    try:
        key = await stage.start()
        load = Load(stage.addresses, key, plan.stores, plan.seed)
        buses = await stage.overhear()
        await load.furnish_stores()
        since = await _cursor(stage.addresses[0], key)
        streams = await stage.follow(key, plan.stores, since)
        await load.furnish_stocks()
        started = time.monotonic()
        await _amid_faults(stage, load, plan)
        loaded = time.monotonic()
        found = await _settle(stage, plan, streams, buses)
        made = await changes(stage.database)
        counts = [sum(len(read(file)) for file in files) for files in (streams, buses)]
        return Report(found, made, *counts, stage.done, loaded - started, time.monotonic() - loaded)
    finally:
        await stage.end()


async def _amid_faults(stage: Stage, load: Load, plan: Plan) -> None:
    chance = random.Random(plan.seed)
    stop = asyncio.Event()
    sending = asyncio.create_task(load.run(stop, plan.pause_seconds))
    deadline = time.monotonic() + plan.most_seconds
    try:
        while stage.faults < plan.faults or await changes(stage.database) < plan.changes:
            assert time.monotonic() < deadline, "the load is too slow"
            await asyncio.sleep(chance.uniform(*plan.fault_seconds))
            await stage.disturb(chance, kills_only=plan.kills_only)
    finally:
        stop.set()
        await sending


async def _settle(stage: Stage, plan: Plan, streams: list[Path], buses: list[Path]) -> list[str]:
    """What is still wrong when nothing moves any more, or the time is over."""
    deadline = time.monotonic() + plan.settle_seconds
    while True:
        there = await truth(stage.database, BRAND)
        found = complaints(there, _seen(streams), _seen(buses))
        if not found or time.monotonic() > deadline:
            return found
        await asyncio.sleep(2)


def _seen(files: list[Path]) -> list[Seen]:
    return [each for file in files if file.exists() for each in read(file)]


async def _cursor(url: str, key: str) -> str:
    """The cursor of a store in which nothing has happened yet: the same for every store."""
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client:
        query = {"brandId": BRAND, "poiId": "s0", "channel_code": "POS"}
        answer = await client.get("/api/v1/stock/availability", params=query)
        return str(answer.raise_for_status().json()["cursor"])
