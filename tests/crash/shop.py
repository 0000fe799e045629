"""The shop that the load orders from, and the service as its customers see it."""

from typing import Any

from tests.crash.wire import Wire

BRAND = "crash"
STORES = ("north", "south", "east")
CHANNEL = "POS"
POOL = 1
"""A limited SPU whose SKUs share it."""
POOLED = (11, 12)
HOT = 21
SCARCE = 22
"""Runs out soon, so that refusals happen too."""
OTHERS = (31, 32, 33, 34, 35, 36)
SKUS = (*POOLED, HOT, SCARCE, *OTHERS)
PLENTY = 1_000_000.0
FEW = 60.0

STOCKS = {(1, POOL): PLENTY * len(SKUS), (2, SCARCE): FEW} | {(2, sku): PLENTY for sku in SKUS if sku != SCARCE}
"""(object_type, object_id): portions at the start, in each store."""


class Caller:
    """Calls the service with one key; every call may raise NoAnswer."""

    def __init__(self, url: str, key: str) -> None:
        self._wire = Wire(url, key)

    async def verb(self, verb: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """(status, answer) of an order verb."""
        return await self._wire.call("POST", f"/api/v1/stock/{verb}", body)

    async def order(self, poi_id: str, order_id: str) -> dict[str, Any] | None:
        """The order as it stands, None where it isn't known."""
        path = f"/api/v1/stock/orders/{order_id}?brandId={BRAND}&poiId={poi_id}"
        status, answer = await self._wire.call("GET", path)
        assert status in {200, 404}, answer
        return dict(answer) if status == 200 else None

    async def available(self, poi_id: str) -> dict[tuple[int, int], float]:
        """What can be sold of each stock of a store."""
        path = f"/api/v1/stock/availability?brandId={BRAND}&poiId={poi_id}&channel_code={CHANNEL}"
        answer = await self._accepted("GET", path)
        return {(item["object_type"], item["object_id"]): item["available"] for item in answer["items"]}

    async def furnish(self) -> None:
        """Make brand, stores, menu and stock."""
        stores = [{"brandId": BRAND, "poiId": poi_id, "name": poi_id, "time_zone": "UTC"} for poi_id in STORES]
        items = [_item(1, POOL), *(_item(2, sku) for sku in SKUS)]
        await self._accepted("PUT", "/api/v1/brands", {"brandId": BRAND, "name": BRAND})
        await self._accepted("PUT", "/api/v1/stores", {"items": stores})
        await self._accepted("PUT", "/api/v1/items", {"items": items})
        for poi_id in STORES:
            settings = [
                {"object_type": kind, "object_id": object_id, "stock_status": 1, "stock_type": 2,
                 "plan_quantity": portions, "real_quantity": portions}
                for (kind, object_id), portions in STOCKS.items()
            ]  # fmt: skip
            body = {"brandId": BRAND, "poiId": poi_id, "items": settings}
            answer = await self._accepted("POST", "/api/v1/poi/stock/update", body)
            assert {result["status"] for result in answer["results"]} == {200}, answer

    async def close(self) -> None:
        """Close every connection."""
        await self._wire.close()

    async def _accepted(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = await self._wire.call(method, path, body)
        assert 200 <= status < 300, answer
        return answer


def _item(object_type: int, object_id: int) -> dict[str, Any]:
    name = {"en": f"dish {object_id}", "zh": f"菜 {object_id}"}
    item = {"brandId": BRAND, "object_type": object_type, "object_id": object_id, "name": name}
    return item | {"spu_id": POOL} if object_id in POOLED else item
