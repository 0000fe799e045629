"""A real `eightysix serve` in a process of its own, its log in a file, with a small brand set up."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

RICE, SOUP, TEA, CAKE = 101, 102, 103, 104
SPU = 100


class Served:
    """A running service. `key` is the first key; `log` holds everything that it wrote to its standard error."""

    def __init__(self, child: asyncio.subprocess.Process, database: str, log: Path, url: str, key: str) -> None:
        self.child = child
        self.database = database
        self.log = log
        self.url = url
        self.key = key

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def faults(self) -> str:
        """What the service complained about; empty when all is well."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    async def stop(self) -> int:
        """End it gracefully; answers its exit status."""
        self.child.terminate()
        return await asyncio.wait_for(self.child.wait(), 30)

    async def audit(self) -> str:
        """What `eightysix check` has to say against the database; empty when nothing. The service must have stopped."""
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "eightysix", "check", "--database", self.database,
            env=_environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        told, _ = await asyncio.wait_for(child.communicate(), 60)
        return "" if child.returncode == 0 else told.decode()


def _environment() -> dict[str, str]:
    return {**os.environ, "EIGHTYSIX_LANG": "en", "PYTHONPATH": os.pathsep.join(sys.path)}


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Served]:
    """Start it on a free port and a fresh SQLite file, and furnish it. It never outlives the test."""
    database, log = f"sqlite:///{folder}/fuzz.db", folder / "service.log"
    with log.open("wb") as errors:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "eightysix", "serve", "--database", database, "--port", "0",
            env=_environment(), stdout=asyncio.subprocess.PIPE, stderr=errors,
        )  # fmt: skip
    try:
        url, key = await _introduction(child, log)
        served = Served(child, database, log, url, key)
        async with httpx.AsyncClient(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=30) as http:
            await _furnish(http)
        yield served
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def _introduction(child: asyncio.subprocess.Process, log: Path) -> tuple[str, str]:
    printed = ""
    assert child.stdout is not None
    async with asyncio.timeout(60):
        while (ready := re.search(r"Ready: (\S+)", printed)) is None:
            line = await child.stdout.readline()
            assert line, f"it ended; see {log}"
            printed += line.decode()
    key = re.search(r"e86_\S+", printed)
    assert key is not None
    return ready[1], key[0]


async def _furnish(http: httpx.AsyncClient) -> None:
    """Brand `fox` with two stores and a menu (limited, unlimited, sold whole, of an SPU), and brand `owl`.

    Each store has orders: o1 locked, o2 deducted, o3 cancelled, o4 returned in part.
    """

    async def call(method: str, path: str, body: Any) -> None:
        answer = await http.request(method, f"/api/v1/{path}", json=body)
        assert answer.is_success, answer.text

    for brand_id in ("fox", "owl"):
        await call("PUT", "brands", {"brandId": brand_id, "name": brand_id})
        stores = [{"brandId": brand_id, "poiId": poi_id, "name": poi_id, "time_zone": "Asia/Shanghai"}
                  for poi_id in ("s1", "s2")]  # fmt: skip
        await call("PUT", "stores", {"items": stores})
        named = {"brandId": brand_id, "name": {"en": "Dish", "zh": "菜"}}
        skus = [{**named, "object_type": 2, "object_id": sku_id, "decimals": 0 if sku_id == CAKE else 1,
                 "spu_id": SPU if sku_id == SOUP else None} for sku_id in (RICE, SOUP, TEA, CAKE)]  # fmt: skip
        await call("PUT", "items", {"items": [{**named, "object_type": 1, "object_id": SPU}, *skus]})
        for poi_id in ("s1", "s2"):
            limited = [{"object_id": sku_id, "stock_type": 2, "plan_quantity": 50, "real_quantity": 50}
                       for sku_id in (RICE, CAKE)]  # fmt: skip
            await call("POST", "poi/stock/update", {"brandId": brand_id, "poiId": poi_id, "items": limited})
            await _order(call, {"brandId": brand_id, "poiId": poi_id})


async def _order(call: Callable[[str, str, Any], Awaitable[None]], store: dict[str, str]) -> None:
    for order_id in ("o1", "o2", "o3", "o4"):
        lines = [{"sku_id": sku_id, "quantity": 3} for sku_id in (RICE, SOUP, TEA, CAKE)]
        order = {**store, "order_id": order_id}
        await call("POST", "stock/lock", {**order, "channel_code": "POS", "lines": lines, "expires_in": 3600})
        if order_id in {"o2", "o4"}:
            await call("POST", "stock/deduct", order)
    await call("POST", "stock/unlock", {**store, "order_id": "o3"})
    back = {"request_id": "back", "lines": [{"sku_id": RICE, "quantity": 1, "restock": True}]}
    await call("POST", "stock/return", {**store, "order_id": "o4", **back})
