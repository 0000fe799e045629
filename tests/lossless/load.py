"""A load of orders and settings over many stores, which goes on whatever happens to the service."""

import asyncio
import random
from itertools import count
from typing import Any

from tests.crash.wire import NoAnswer, Wire

BRAND = "flood"
SKUS = (11, 12, 13, 14, 15)
_SENDERS = 8
_ORDERS = 25
"""In one batch: each is locked, and most are paid or cancelled at once."""


class Load:
    """`services` are the addresses to send to, changed from outside when one moves."""

    def __init__(self, services: list[str], key: str, stores: int, seed: int) -> None:
        self.services = services
        self._key = key
        self._stores = stores
        self._chance = random.Random(seed)
        self._numbers = count(1)
        self.answered = 0
        self.unanswered = 0

    async def furnish_stores(self) -> None:
        """Make brand, stores and menu."""
        wire = Wire(self.services[0], self._key)
        stores = [
            {"brandId": BRAND, "poiId": f"s{number}", "name": "store", "time_zone": "UTC"}
            for number in range(self._stores)
        ]
        items = [
            {"brandId": BRAND, "object_type": 2, "object_id": sku, "name": {"en": f"dish {sku}", "zh": f"菜 {sku}"}}
            for sku in SKUS
        ]
        await _accepted(wire, "PUT", "/api/v1/brands", {"brandId": BRAND, "name": BRAND})
        for at in range(0, len(stores), 500):
            await _accepted(wire, "PUT", "/api/v1/stores", {"items": stores[at : at + 500]})
        await _accepted(wire, "PUT", "/api/v1/items", {"items": items})
        await wire.close()

    async def furnish_stocks(self) -> None:
        """Count each dish in each store."""
        wire = Wire(self.services[0], self._key)
        settings = [{"object_id": sku, "stock_status": 1, "stock_type": 2, "real_quantity": 500} for sku in SKUS]
        for at in range(0, self._stores, 200):
            some = [f"s{number}" for number in range(at, min(at + 200, self._stores))]
            body = {"brandId": BRAND, "poiIds": some, "items": settings}
            answer = await _accepted(wire, "POST", "/api/v1/poi/stock/update", body)
            assert {result["status"] for result in answer["results"]} == {200}, answer["results"][0]
        await wire.close()

    async def run(self, stop: asyncio.Event, pause: float) -> None:
        """Send until `stop`; each sender rests `pause` seconds between two calls."""
        await asyncio.gather(*(self._sender(number, stop, pause) for number in range(_SENDERS)))

    async def _sender(self, number: int, stop: asyncio.Event, pause: float) -> None:
        while not stop.is_set():
            wire = Wire(self.services[number % len(self.services)], self._key)
            try:
                while not stop.is_set():
                    path, body = self._call()
                    await asyncio.wait_for(wire.call("POST", path, body), 20)
                    self.answered += 1
                    await asyncio.sleep(pause)
            except (NoAnswer, TimeoutError):
                self.unanswered += 1
                await asyncio.sleep(0.2)
            finally:
                await wire.close()

    def _call(self) -> tuple[str, dict[str, Any]]:
        chance = self._chance
        if chance.random() < 0.1:
            sku, poi_id = chance.choice(SKUS), f"s{chance.randrange(self._stores)}"
            if chance.random() < 0.5:
                body: dict[str, Any] = {"brandId": BRAND, "poiId": poi_id, "object_id": sku, "real_quantity": 500}
                return "/api/v1/poi/stock/update", body
            body = {"brandId": BRAND, "poiId": poi_id, "object_ids": [sku], "sold_out": chance.random() < 0.5}
            return "/api/v1/poi/stock/86", body
        operations: list[dict[str, Any]] = []
        for _ in range(_ORDERS):
            store = {"brandId": BRAND, "poiId": f"s{chance.randrange(self._stores)}"}
            order = store | {"order_id": f"o{next(self._numbers)}"}
            lines = [{"sku_id": sku, "quantity": 1} for sku in chance.sample(SKUS, 2)]
            operations.append({"op": "lock", **order, "channel_code": "POS", "expires_in": 86400, "lines": lines})
            if (end := chance.random()) < 0.9:
                operations.append({"op": "deduct" if end < 0.7 else "unlock", **order})
        return "/api/v1/stock/batch", {"operations": operations}


async def _accepted(wire: Wire, method: str, path: str, body: Any) -> Any:
    status, answer = await wire.call(method, path, body)
    assert 200 <= status < 300, answer
    return answer
