"""The cloud, the hubs and the lines between them, as processes that can be killed."""

import asyncio
import re
import time
from pathlib import Path
from typing import Any

from tests.crash.wire import Wire
from tests.hub.processes import Process
from tests.outage.guest import Shop
from tests.outage.ledger import Row
from tests.outage.line import Line
from tests.outage.truth import BRAND, CloudRows, HubRows

_KEY = re.compile(r"\be86_[A-Za-z0-9_-]{40,}")
_LOOK_SECONDS = 0.05
_ITEMS_A_CALL = 200


class Store:
    """One shop, its hub, and the line from there to the cloud."""

    def __init__(self, shop: Shop, cloud: Process, folder: Path) -> None:
        self.shop = shop
        self.line = Line(cloud.port)
        self.folder = folder / shop.poi_id
        self.file = self.folder / "hub.db"
        self.rows = HubRows(self.file, shop.poi_id)
        self._log = folder / f"{shop.poi_id}.log"
        self.hub: Process

    async def start(self, code: str) -> None:
        """Pair, and return when the hub is ready."""
        await self.line.start()
        place = ("--store", f"{BRAND}/{self.shop.poi_id}", "--cloud", self.line.url, "--data", str(self.folder))
        self.hub = Process(self._log, "hub", *place)
        await self.hub.start("--code", code)

    async def differences(self, cloud: CloudRows) -> str:
        """What the hub hasn't told, or a stock of which the sides have something else; empty where they agree."""
        if untold := self.rows.untold():
            return f"{untold} events and requests are to be told"
        there, here = await cloud.stocks(self.shop.poi_id), self.rows.stocks()
        return next(
            (
                f"dish {sku}: cloud {there.get(sku)}, hub {here.get(sku)}"
                for sku in there.keys() | here.keys()
                if not _is_same(there.get(sku), here.get(sku))
            ),
            "",
        )

    async def stocked(self, most: float) -> None:
        """Wait until the hub holds something of the favourite."""
        until = time.monotonic() + most
        while (row := self.rows.stocks().get(self.shop.favourite)) is None or row.real <= row.grant:
            assert time.monotonic() < until, f"{self.shop.poi_id}: nothing is granted\n{self.hub.said()}"
            await asyncio.sleep(_LOOK_SECONDS)

    async def healed(self, cloud: CloudRows, most: float) -> float:
        """Seconds until there are none."""
        began = time.monotonic()
        while difference := await self.differences(cloud):
            assert time.monotonic() - began < most, f"{self.shop.poi_id}: {difference}\n{self.hub.said()}"
            await asyncio.sleep(_LOOK_SECONDS)
        return time.monotonic() - began

    async def end(self) -> None:
        if hasattr(self, "hub"):
            await self.hub.end()
        await self.line.end()


class Stage:
    """One cloud on a database, and a hub in each shop."""

    def __init__(self, folder: Path, database: str, shops: list[Shop]) -> None:
        self.database = database
        self.cloud = Process(folder / "cloud.log", "serve", "--database", database)
        self.stores = [Store(shop, self.cloud, folder) for shop in shops]
        self.key = ""
        """Opens the cloud and every hub."""
        self.rows: CloudRows

    async def start(self) -> None:
        """Everything up, paired, in step and full of portions."""
        await self.cloud.start()
        platform = _KEY.search(self.cloud.printed)
        assert platform is not None, self.cloud.printed
        self.rows = await CloudRows.open(self.database)
        wire = Wire(self.cloud.url, platform[0])
        await _furnish(wire, [store.shop for store in self.stores])
        key = {"name": "tills", "role": "brand", "brandId": BRAND}
        self.key = (await _accepted(wire, "POST", "/api/v1/keys", key))["key"]
        for store in self.stores:
            place = {"brandId": BRAND, "poiId": store.shop.poi_id}
            await store.start((await _accepted(wire, "POST", "/api/v1/hubs/code", place))["code"])
        await wire.close()
        for store in self.stores:
            await store.stocked(60)

    async def stop(self) -> list[str]:
        """Stop all as one does; which databases there are to check."""
        for process in (*(store.hub for store in self.stores), self.cloud):
            assert await process.stop() == 0, process.said()
        return [self.database, *(f"sqlite:///{store.file}" for store in self.stores)]

    async def end(self) -> None:
        """Leave nothing behind."""
        for store in self.stores:
            await store.end()
        await self.cloud.end()
        if hasattr(self, "rows"):
            await self.rows.close()


def _is_same(there: Row | None, here: Row | None) -> bool:
    if there is None or here is None:
        return False
    return there.real == here.real and there.grant == max(0, here.real - here.grant)


async def _furnish(wire: Wire, shops: list[Shop]) -> None:
    await _accepted(wire, "PUT", "/api/v1/brands", {"brandId": BRAND, "name": BRAND})
    stores = [
        {"brandId": BRAND, "poiId": shop.poi_id, "name": shop.poi_id, "time_zone": "Europe/London"} for shop in shops
    ]
    await _accepted(wire, "PUT", "/api/v1/stores", {"items": stores})
    menu = {sku: name for shop in shops for sku, name in shop.menu.items()}
    items = [
        {"brandId": BRAND, "object_type": 2, "object_id": sku, "name": {"en": name, "zh": name}, "decimals": 0}
        for sku, name in menu.items()
    ]
    for some in _parts(items):
        await _accepted(wire, "PUT", "/api/v1/items", {"items": some})
    for shop in shops:
        settings = [
            {"object_type": 2, "object_id": sku, "stock_status": 1, "stock_type": 2, "plan_quantity": portions,
             "real_quantity": portions}
            for sku, portions in shop.portions.items()
        ]  # fmt: skip
        for some in _parts(settings):
            body = {"brandId": BRAND, "poiId": shop.poi_id, "items": some}
            await _accepted(wire, "POST", "/api/v1/poi/stock/update", body)


def _parts(all_of_them: list[Any]) -> list[list[Any]]:
    return [all_of_them[at : at + _ITEMS_A_CALL] for at in range(0, len(all_of_them), _ITEMS_A_CALL)]


async def _accepted(wire: Wire, method: str, path: str, body: Any) -> Any:
    status, answer = await wire.call(method, path, body)
    assert 200 <= status < 300, answer
    return answer
