"""The service as a whole: consumed where that is wanted, seen in the metrics, ended in good order."""

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from eightysix.app import Service, prepare, running
from eightysix.settings import Settings
from eightysix.sync.bus import BusMessage
from eightysix.wire.order_event import ANSWERS_TOPIC
from tests.api.shop import TEA, Shop

from .desk import message, paid, placed

FOX = {"brandId": "fox", "poiId": "s1"}


class Counter:
    """Who speaks with the service: by HTTP without a network, and by its bus."""

    def __init__(self, service: Service, shop: Shop) -> None:
        self.service = service
        self.shop = shop
        self.answers: list[Any] = []

    async def keep(self, messages: Sequence[BusMessage]) -> None:
        self.answers += [json.loads(each.body) for each in messages]


@pytest.fixture(params=[True, None], ids=["wanted", "not said"])
async def counter(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Counter]:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/shop.db", order_events=request.param)
    await prepare(settings, may_migrate=False)
    async with running(settings) as service:
        transport = httpx.ASGITransport(service.asgi)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as http:
            shop = Shop(service, http, settings)
            await shop.furnish()
            opened = Counter(service, shop)
            await service.bus.subscribe(ANSWERS_TOPIC, "order service", opened.keep)
            yield opened


async def test_events_are_consumed_where_it_is_wanted(counter: Counter) -> None:
    lines = [{"sku_id": TEA, "quantity": 2}]
    for event in (placed(order_id="o1", channel_code="POS", lines=lines, **FOX), paid(order_id="o1", **FOX)):
        await counter.service.bus.publish(message(event))
    page = (await counter.shop.call("GET", "/metrics")).text
    held = (await counter.shop.call("GET", "/api/v1/stock/orders/o1", params=FOX)).json()
    if counter.shop.settings.order_events:
        assert [each["result"] for each in counter.answers] == ["locked", "deducted"]
        assert held["state"] == "DEDUCTED"
        assert 'eightysix_order_events_done_total{result="deducted"} 1.0' in page
        assert "eightysix_order_events_overdue_total 0.0" in page
    else:
        assert counter.answers == []
        assert held["code"] == "ORDER_NOT_FOUND"
        assert "eightysix_order_events" not in page
