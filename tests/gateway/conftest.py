"""A service behind a listening server. Most tests publish by hand, so that they say when; some have the relay do it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from eightysix.api import server
from eightysix.app import prepare, running
from eightysix.core.key import StoreKey
from eightysix.settings import Settings
from tests.api.shop import Shop

from .publisher import Publisher
from .receiver import Receiver

S1 = StoreKey.of("fox", "s1")


class Place:
    """A shop, its port and its publisher."""

    def __init__(self, shop: Shop, port: int, publisher: Publisher, stop: asyncio.Event) -> None:
        self.shop = shop
        self.port = port
        self.publisher = publisher
        self.stop = stop
        self.service = shop.service
        self.followers = shop.service.followers
        self.gateway = self.followers.gateway
        self._receivers: list[Receiver] = []

    async def stream(self, key: str | None = None, **more: Any) -> Receiver:
        """A stream of store `s1`."""
        receiver = await Receiver.connect(self.port, key or str(self.shop.key), **more)
        self._receivers.append(receiver)
        return receiver

    def leave(self) -> None:
        """All receivers break off."""
        for receiver in self._receivers:
            receiver.leave()

    async def set(self, object_id: int, real: int, *, poi_id: str = "s1", publish: bool = True) -> None:
        """A stock's count, and the messages about it."""
        await self.shop.stock(object_id, real, poi_id)
        if publish:
            await self.publisher.publish(StoreKey.of("fox", poi_id))

    async def find(self, since: str | None = None, **more: Any) -> Any:
        """What find-to-pos answers."""
        body = {"brandId": "fox", "poiId": "s1", **more} | ({} if since is None else {"since": since})
        answer = await self.shop.post("/api/v1/poi/stock/find-to-pos", body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def ack(self, cursor: str, device_id: str = "pos-1", **more: Any) -> httpx.Response:
        body = {"brandId": "fox", "poiId": "s1", "cursor": cursor, "device_id": device_id, **more}
        return await self.shop.post("/api/v1/poi/stock/ack", body)


@asynccontextmanager
async def open_place(folder: Path, **settings: Any) -> AsyncIterator[Place]:
    """Two brands with stores and a menu; without the setting `relay` nothing is published but by `publisher`."""
    file = folder / "place.db"
    chosen = Settings(
        **({"catalog_refresh_seconds": 0.05, "stream_check_seconds": 60.0, "relay": False} | settings),
        database_url=f"sqlite:///{file}",
    )
    await prepare(chosen, may_migrate=False)
    async with running(chosen) as service:
        with server.reserved("127.0.0.1", 0) as port:
            ready, stop = asyncio.Event(), asyncio.Event()
            serving = asyncio.create_task(server.serve(service.asgi, "127.0.0.1", port, ready.set, stop))
            await asyncio.wait_for(ready.wait(), 30)
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
                shop = Shop(service, http, chosen)
                await shop.furnish()
                publisher = Publisher(service)
                await publisher.messages(S1)
                place = Place(shop, port, publisher, stop)
                yield place
                place.leave()
            stop.set()
            await asyncio.wait_for(serving, 20)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with open_place(tmp_path) as opened:
        yield opened
