"""The cast of the HTTP tests: brand `fox` with stores s1 and s2, and brand `owl`, a stranger to everybody at `fox`."""

import itertools
from typing import Any

import httpx
import msgspec

from eightysix.app import Service
from eightysix.settings import Settings
from tests.sync.condition import until

RICE, SOUP, TEA, CAKE = 101, 102, 103, 104
"""Rice and soup are limited, tea is unlimited, cake is sold whole (no decimals)."""


class Shop:
    """A running service with a client for its first key."""

    def __init__(self, service: Service, http: httpx.AsyncClient, settings: Settings) -> None:
        self.service = service
        self.http = http
        self.settings = settings
        self.key = service.first_key
        self._orders = itertools.count(1)

    def new_order(self) -> str:
        return f"order-{next(self._orders)}"

    async def call(self, method: str, path: str, *, key: str | None = None, **more: Any) -> httpx.Response:
        """One call with a key (the first one unless said otherwise)."""
        headers = {"authorization": f"Bearer {key or self.key}", **more.pop("headers", {})}
        return await self.http.request(method, path, headers=headers, **more)

    async def post(self, path: str, body: Any, **more: Any) -> httpx.Response:
        """A POST of JSON, or of bytes as they are."""
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return await self.call("POST", path, content=content, **more)

    async def verb(self, verb: str, order_id: str, poi_id: str = "s1", **fields: Any) -> httpx.Response:
        """An order verb at brand `fox`."""
        body = {"brandId": "fox", "poiId": poi_id, "order_id": order_id, **fields}
        return await self.post(f"/api/v1/stock/{verb}", body)

    async def lock(self, order_id: str, *lines: tuple[int, Any], **fields: Any) -> httpx.Response:
        """A lock of (sku_id, quantity) on the channel POS."""
        wanted = [{"sku_id": sku_id, "quantity": quantity} for sku_id, quantity in lines]
        return await self.verb("lock", order_id, **{"channel_code": "POS", "lines": wanted, **fields})

    async def stock(self, object_id: int, real: int, poi_id: str = "s1") -> None:
        """Limit a dish to `real` portions."""
        body = {"brandId": "fox", "poiId": poi_id, "object_id": object_id, "stock_type": 2, "stock_status": 1,
                "plan_quantity": real, "real_quantity": real}  # fmt: skip
        answer = await self.post("/api/v1/poi/stock/update", body)
        assert answer.status_code == 200, answer.text

    async def left(self, object_id: int, poi_id: str = "s1", channel_code: str = "POS") -> Any:
        """What the channel can sell of a dish."""
        query = {"brandId": "fox", "poiId": poi_id, "channel_code": channel_code, "sku_id": object_id}
        answer = await self.call("GET", "/api/v1/stock/availability", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"][0]["available"]

    async def make_key(self, role: str, **scope: Any) -> str:
        answer = await self.post("/api/v1/keys", {"name": role, "role": role, **scope})
        assert answer.status_code == 201, answer.text
        return answer.json()["key"]

    async def books(self) -> list[Any]:
        """Everything that the database holds of stocks and orders, and the catalogue's version, when all is published:
        what is published leaves the outbox by itself. Without the stores' timers, which are planned by themselves."""
        await until(lambda: self.service.relay is None or not self.service.relay.waiting_stores)
        derived = {"now": 0, "timer": None}
        stores = [msgspec.structs.asdict(store) | derived async for store in self.service.database.audit()]
        return [self.service.catalog.current.version, *sorted(stores, key=lambda store: store["store"])]

    async def furnish(self) -> None:
        for brand_id in ("fox", "owl"):
            await self._put("brands", {"brandId": brand_id, "name": brand_id.title()})
            stores = [{"brandId": brand_id, "poiId": poi_id, "name": poi_id, "time_zone": "Asia/Shanghai"}
                      for poi_id in ("s1", "s2")]  # fmt: skip
            await self._put("stores", {"items": stores})
            items = [{"brandId": brand_id, "object_type": 2, "object_id": object_id, "name": {"en": name, "zh": name},
                      "decimals": 0 if object_id == CAKE else 1}
                     for object_id, name in ((RICE, "Rice"), (SOUP, "Soup"), (TEA, "Tea"), (CAKE, "Cake"))]  # fmt: skip
            await self._put("items", {"items": items})
        for object_id in (RICE, SOUP):
            await self.stock(object_id, 1000)

    async def _put(self, kind: str, body: Any) -> None:
        answer = await self.call("PUT", f"/api/v1/{kind}", content=msgspec.json.encode(body))
        assert answer.status_code == 200, answer.text
