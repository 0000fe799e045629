"""Two processes on one database: a change in one reaches a stream of the other; a new generation reaches both."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from eightysix.cli import build
from tests.crash.serving import Serving

from .receiver import Receiver
from .test_stream import seq_of

BRAND = {"brandId": "fox", "name": "Fox"}
STORE = {"brandId": "fox", "poiId": "s1", "name": "s1", "time_zone": "UTC"}
ITEM = {"brandId": "fox", "object_type": 2, "object_id": 101, "name": {"en": "Rice", "zh": "米饭"}, "decimals": 1}
HERE = {"brandId": "fox", "poiId": "s1"}


class Pair:
    """The two processes, each with a client."""

    def __init__(self, database: str, key: str, clients: list[httpx.AsyncClient]) -> None:
        self.database = database
        self.key = key
        self.clients = clients

    async def post(self, at: int, path: str, body: Any) -> httpx.Response:
        return await self.clients[at].post(f"/api/v1/poi/stock/{path}", json=HERE | body)

    async def set(self, at: int, real: int) -> None:
        answer = await self.post(at, "update", {"object_id": 101, "stock_type": 2, "real_quantity": real})
        assert answer.status_code == 200, answer.text

    async def stream(self, at: int, **more: Any) -> Receiver:
        return await Receiver.connect(self.clients[at].base_url.port or 0, self.key, **more)


@pytest.fixture
async def pair(postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pair]:
    monkeypatch.setenv("EIGHTYSIX_LANG", "en")
    done = await asyncio.to_thread(CliRunner().invoke, build(), ["migrate", "--database", postgres_url])
    assert done.exit_code == 0, done.output
    first, second = (Serving(postgres_url, tmp_path / f"{name}.log") for name in ("first", "second"))
    try:
        await first.start()
        await second.start()
        headers = {"authorization": f"Bearer {first.key}"}
        async with (
            httpx.AsyncClient(base_url=first.url, headers=headers, timeout=30) as one,
            httpx.AsyncClient(base_url=second.url, headers=headers, timeout=30) as two,
        ):
            for kind, body in (("brands", BRAND), ("stores", STORE), ("items", ITEM)):
                assert (await one.put(f"/api/v1/{kind}", json=body)).status_code == 200
            yield Pair(postgres_url, first.key, [one, two])
    finally:
        for serving in (first, second):
            await serving.end()


async def test_a_change_in_one_process_reaches_a_stream_of_the_other(pair: Pair) -> None:
    streams = [await pair.stream(at) for at in (0, 1)]
    for stream in streams:
        assert (await stream.next()).event == "ready"
    for real in (5, 6):
        await pair.set(real % 2, real)
        told = [await stream.next() for stream in streams]
        assert [each.data["data"]["real_quantity"] for each in told] == [real, real]
    for stream in streams:
        stream.leave()


async def test_a_new_generation_begins_anew_everywhere(pair: Pair) -> None:
    await pair.set(0, 5)
    before = (await pair.post(1, "find-to-pos", {})).json()["cursor"]
    assert (await pair.post(1, "ack", {"cursor": before, "device_id": "pos"})).status_code == 200
    streams = [await pair.stream(at, since=before) for at in (0, 1)]
    for stream in streams:
        assert (await stream.next()).id == before
    done = await asyncio.to_thread(CliRunner().invoke, build(), ["new-generation", "--database", pair.database])
    assert done.exit_code == 0, done.output
    for at, stream in enumerate(streams):
        events = await stream.until("current")
        assert events[0].event == "reset"
        assert [event.data["data"]["real_quantity"] for event in events if event.event == "poi.item.stock"] == [5]
        assert seq_of(events[-1].id) == seq_of(before)
        assert events[-1].id != before
        stream.leave()
        answer = (await pair.post(at, "find-to-pos", {"since": before})).json()
        assert (answer["reset"], answer["cursor"], len(answer["data"])) == (True, events[-1].id, 1)
        refused = await pair.post(at, "ack", {"cursor": before, "device_id": "pos"})
        assert (refused.status_code, refused.json()["code"]) == (409, "CURSOR_UNKNOWN")
    taken = await pair.post(0, "ack", {"cursor": events[-1].id, "device_id": "pos"})
    assert taken.json() == {"cursor": events[-1].id, "lag": 0}


def test_without_a_database_it_says_so(tmp_path: Path) -> None:
    done = CliRunner().invoke(build(), ["new-generation", "--database", f"sqlite:///{tmp_path}/none.db"])
    assert (done.exit_code, list(tmp_path.iterdir())) == (2, [])
