"""When it can't be done: 503 with Retry-After, in our shape, and nothing is changed by it."""

import asyncio
from pathlib import Path

import httpx

from eightysix.app import prepare, running
from eightysix.settings import Settings

from .shop import Shop


async def test_overload_is_answered_early(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/o.db", queue_commands=2)
    await prepare(settings, may_migrate=False)
    async with running(settings) as service:
        transport = httpx.ASGITransport(service.asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://86") as http:
            shop = Shop(service, http, settings)
            await shop.furnish()
            answers = await asyncio.gather(*(shop.verb("unlock", f"o{n}") for n in range(100)))
            refused = [answer for answer in answers if answer.status_code == 503]
            assert refused
            assert {answer.status_code for answer in answers} == {200, 503}
            for answer in refused:
                assert int(answer.headers["retry-after"]) >= 1
                assert (answer.json()["code"], answer.json()["retryable"]) == ("OVERLOADED", True)
            for number, answer in enumerate(answers):
                query = {"brandId": "fox", "poiId": "s1"}
                held = await shop.call("GET", f"/api/v1/stock/orders/o{number}", params=query)
                assert held.status_code == (200 if answer.status_code == 200 else 404)


async def test_after_the_stop_nothing_is_accepted(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/o.db")
    await prepare(settings, may_migrate=False)
    async with (
        running(settings) as service,
        httpx.AsyncClient(transport=httpx.ASGITransport(service.asgi), base_url="http://86") as http,
    ):
        shop = Shop(service, http, settings)
        await shop.furnish()
        await service.engine.stop()
        answer = await shop.verb("unlock", "late")
        assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
        assert "retry-after" in answer.headers
