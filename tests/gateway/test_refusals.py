"""Who may not follow what; what isn't a cursor; keys that end while their streams run."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from eightysix.core.outcome import Code
from eightysix.wire.problem import Problem
from tests.api.shop import RICE

from .conftest import Place, open_place
from .receiver import Receiver, Refused

FOLLOWERS = ["brand", "order-service", "store", "hub"]
SCOPES: dict[str, Any] = {"store": {"poi_ids": ["s1"]}, "hub": {"poi_ids": ["s1"]}, "channel": {"channel_code": "POS"}}


async def a_key(place: Place, role: str, brand_id: str = "fox") -> str:
    return await place.shop.make_key(role, brandId=brand_id, **SCOPES.get(role, {}))


async def refusal(place: Place, key: str, **query: str) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        await Receiver.connect(place.port, key, **query)
    return refused.value.status, str(refused.value.code)


@pytest.mark.parametrize("role", FOLLOWERS)
async def test_who_may(place: Place, role: str) -> None:
    stream = await place.stream(await a_key(place, role))
    assert (await stream.next()).event == "ready"


async def test_who_may_not(place: Place) -> None:
    for role in ("channel", "auditor"):
        assert await refusal(place, await a_key(place, role)) == (403, Problem.FORBIDDEN)
    assert await refusal(place, "e86_nobody") == (401, Problem.UNAUTHENTICATED)
    stranger, neighbour = await a_key(place, "brand", "owl"), await a_key(place, "store")
    assert await refusal(place, stranger) == (404, Code.BRAND_NOT_FOUND)
    assert await refusal(place, neighbour, poiId="s2") == (404, Code.STORE_NOT_FOUND)
    assert await refusal(place, str(place.shop.key), poiId="nowhere") == (404, Code.STORE_NOT_FOUND)
    assert place.gateway.streams == place.gateway.counts.opened == 0


RUBBISH = ["", "x", "Y2xvdWQvMS8w=", "Y2xvdWQvMS8", "!!", "Y2xvdWQvMC8w", "Y2xvdWQvMS8tMQ", "L zEvMQ", "é", "A" * 500]
"""Nothing, noise, padding, a part of one, generation 0, seq -1, blanks, and far too much."""


@pytest.mark.parametrize("rubbish", RUBBISH)
async def test_what_is_no_cursor(place: Place, rubbish: str) -> None:
    refused = (422, Problem.VALUE_INVALID)
    assert await refusal(place, str(place.shop.key), since=rubbish) == refused
    before = await place.shop.books()
    body = {"brandId": "fox", "poiId": "s1"}
    for path, more in (("find-to-pos", {"since": rubbish}), ("ack", {"cursor": rubbish, "device_id": "d"})):
        answer = await place.shop.post(f"/api/v1/poi/stock/{path}", body | more)
        assert (answer.status_code, answer.json()["code"]) == refused
    if rubbish.isascii() and rubbish:
        with pytest.raises(Refused) as told:
            await Receiver.connect(place.port, str(place.shop.key), last_event_id=rubbish)
        assert (told.value.status, told.value.code) == refused
    assert await place.shop.books() == before
    assert await place.service.database.devices.of_stores([]) == []


async def test_wrong_fields_are_refused_as_everywhere(place: Place) -> None:
    key = str(place.shop.key)
    assert await refusal(place, key, limit="1") == (400, Problem.UNKNOWN_FIELD)
    assert await refusal(place, key, follow="perhaps") == (400, Problem.WRONG_TYPE)
    assert await refusal(place, key, device_id=" ") == (422, Problem.ID_INVALID)
    assert await refusal(place, key, poiId="") == (422, Problem.ID_INVALID)


async def test_a_revoked_key_ends_its_streams(place: Place) -> None:
    answer = await place.shop.post(
        "/api/v1/keys", {"name": "pos", "role": "store", "brandId": "fox", "poi_ids": ["s1"]}
    )
    made = answer.json()
    own, other = await place.stream(made["key"]), await place.stream()
    for stream in (own, other):
        await stream.next()
    await place.shop.call("DELETE", "/api/v1/keys", params={"key_id": made["key_id"]})
    async with asyncio.timeout(5):
        assert [event async for event in own.events()] == []
    assert own.ended
    assert await refusal(place, made["key"]) == (401, Problem.UNAUTHENTICATED)
    await place.set(RICE, 5)
    assert (await other.next()).data["data"]["real_quantity"] == 5
    assert place.gateway.counts.cut_key == 1


async def test_a_key_s_end_is_its_streams_end(place: Place) -> None:
    key = await place.shop.make_key("brand", brandId="fox", expires_in=2)
    stream = await place.stream(key)
    await stream.next()
    async with asyncio.timeout(2 + 5):
        assert [event async for event in stream.events()] == []


async def test_a_store_that_is_taken_away_ends_its_streams(place: Place) -> None:
    await place.shop.call(
        "PUT", "/api/v1/stores", json={"brandId": "fox", "poiId": "s9", "name": "s9", "time_zone": "UTC"}
    )
    stream = await place.stream(poiId="s9")
    await stream.next()
    answer = await place.shop.call("DELETE", "/api/v1/stores", params={"brandId": "fox", "poiId": "s9"})
    assert answer.status_code == 204, answer.text
    assert [event async for event in stream.events() if event.event == "ready"] == []
    assert await refusal(place, str(place.shop.key), poiId="s9") == (404, Code.STORE_NOT_FOUND)


async def test_no_more_streams_than_are_set(tmp_path: Path) -> None:
    async with open_place(tmp_path, streams=2) as place:
        streams = [await place.stream() for _ in range(2)]
        for stream in streams:
            await stream.next()
        assert await refusal(place, str(place.shop.key)) == (503, Problem.OVERLOADED)
        streams[0].leave()
        async with asyncio.timeout(10):
            while True:
                try:
                    again = await place.stream()
                except Refused:
                    continue
                break
        assert (await again.next()).event == "ready"


async def test_opening_streams_counts_for_the_key_s_limit(place: Place) -> None:
    key = await place.shop.make_key("brand", brandId="fox", rate_limit=1)
    await place.stream(key)
    assert await refusal(place, key) == (429, Problem.TOO_MANY_REQUESTS)
