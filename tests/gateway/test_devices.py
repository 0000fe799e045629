"""Acknowledgements, the list of devices, and those that lag."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from eightysix.core.bucket import BUCKETS
from eightysix.storage.device import Ack, Device
from eightysix.sync.compensation import BUCKETS_AT_ONCE, FORGET_DAYS
from eightysix.wire.cursor import Cursor, cursor_text
from tests.api.shop import RICE, SOUP

from .conftest import S1, Place, open_place
from .tampering import tampered
from .test_slow import eventually
from .test_stream import seq_of

DAY_MS = 86_400_000


async def listed(place: Place, **query: Any) -> list[Any]:
    answer = await place.shop.call("GET", "/api/v1/poi/stock/devices", params={"brandId": "fox", **query})
    assert answer.status_code == 200, answer.text
    items: list[Any] = answer.json()["items"]
    return items


async def test_it_says_what_is_known_and_what_is_missing(place: Place) -> None:
    start = (await place.find())["cursor"]
    assert (await place.ack(start)).json() == {"cursor": start, "lag": 0}
    await place.set(RICE, 5)
    await place.set(SOUP, 5)
    assert (await place.ack(start)).json() == {"cursor": start, "lag": 2}
    now = (await place.find())["cursor"]
    assert (await place.ack(now)).json() == {"cursor": now, "lag": 0}
    assert (await place.ack(start)).json() == {"cursor": now, "lag": 0}, "it never goes back"


async def test_what_is_not_of_this_time_changes_nothing(place: Place) -> None:
    now = (await place.find())["cursor"]
    await place.ack(now)
    before = await place.service.database.devices.of_stores([S1])
    generation, seq = place.service.catalog.generation, seq_of(now)
    for cursor in (Cursor(generation, seq + 1), Cursor(generation + 1, 1), Cursor(generation, 1, "hub-1")):
        answer = await place.ack(cursor_text(cursor))
        assert (answer.status_code, answer.json()["code"]) == (409, "CURSOR_UNKNOWN")
    assert await place.service.database.devices.of_stores([S1]) == before


async def test_many_at_once_are_written_together(place: Place) -> None:
    cursor = (await place.find())["cursor"]
    answers = await asyncio.gather(*(place.ack(cursor, f"pos-{at % 40}") for at in range(120)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(await place.service.database.devices.of_stores([S1])) == 40
    assert place.followers.acks.acked == 120


async def test_the_time_from_commit_to_acknowledgement(place: Place) -> None:
    latency = place.followers.acks.latency
    await place.set(RICE, 5)
    middle = (await place.find())["cursor"]
    await place.set(RICE, 6)
    await place.ack(middle)
    assert latency.number == 0, "something has followed it"
    now = (await place.find())["cursor"]
    await place.ack(now)
    await place.ack(now)
    assert latency.number == sum(latency.counts) == 1, "the first time only"
    assert latency.total >= 0


async def test_what_prometheus_is_shown(place: Place) -> None:
    stream = await place.stream()
    await stream.next()
    await place.set(RICE, 5)
    told = await stream.next()
    await place.ack(told.id)
    text = (await place.shop.http.get("/metrics")).text
    families = {sample.name: sample.value for family in text_string_to_metric_families(text)
                for sample in family.samples if sample.labels in ({}, {"le": "+Inf"})}  # fmt: skip
    assert families["eightysix_streams"] == families["eightysix_streams_opened_total"] == 1
    assert families["eightysix_stream_messages_total"] == families["eightysix_acknowledged_total"] == 1
    assert families["eightysix_acknowledged_seconds_bucket"] == families["eightysix_acknowledged_seconds_count"] == 1
    assert families["eightysix_devices_lagging"] == 0


async def test_devices_of_a_store_and_of_a_brand_in_pages(place: Place) -> None:
    cursors = {poi_id: (await place.find(poiId=poi_id))["cursor"] for poi_id in ("s1", "s2")}
    for poi_id, cursor in cursors.items():
        for device_id in ("b", "a"):
            assert (await place.ack(cursor, device_id, poiId=poi_id)).status_code == 200
    names = [("s1", "a"), ("s1", "b"), ("s2", "a"), ("s2", "b")]
    assert [(each["poiId"], each["device_id"]) for each in await listed(place)] == names
    assert [each["device_id"] for each in await listed(place, poiId="s2")] == ["a", "b"]
    found, cursor = [], None
    while True:
        query = {"brandId": "fox", "limit": 3} | ({} if cursor is None else {"cursor": cursor})
        page = (await place.shop.call("GET", "/api/v1/poi/stock/devices", params=query)).json()
        found += [(each["poiId"], each["device_id"]) for each in page["items"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert found == names
    own = await place.shop.make_key("store", brandId="fox", poi_ids=["s2"])
    answer = await place.shop.call("GET", "/api/v1/poi/stock/devices", key=own, params={"brandId": "fox"})
    assert {each["poiId"] for each in answer.json()["items"]} == {"s2"}


async def test_how_far_behind_a_device_is(place: Place) -> None:
    cursor = (await place.find())["cursor"]
    await place.ack(cursor)
    (device,) = await listed(place)
    assert device["lag"] == {"changes": 0, "ms": 0}
    assert (device["cursor"], device["lagging_since"], device["connected"], device["drift"]) == (
        cursor,
        None,
        False,
        None,
    )
    await place.set(RICE, 5)
    await place.stream(device_id="pos-1")
    (device,) = await listed(place)
    assert device["lag"]["changes"] == 1
    assert device["connected"]


async def test_who_lags_is_marked_and_nudged(tmp_path: Path) -> None:
    async with open_place(tmp_path, lag_seconds=0.3) as place:
        await tampered(place.service, lambda _: [])  # nothing is pushed
        start = (await place.find())["cursor"]
        await place.ack(start)
        own, other = await place.stream(device_id="pos-1"), await place.stream(device_id="pos-2")
        for stream in (own, other):
            await stream.next()
        await place.set(RICE, 5)
        nudge = await own.next()
        assert (nudge.event, nudge.id) == ("nudge", start)
        told = await own.next()
        assert told.data["data"]["real_quantity"] == 5
        assert told.data["prev_seq"] == seq_of(start)
        (device,) = await listed(place)
        assert device["lagging_since"] is not None
        assert device["lag"]["ms"] >= 300
        assert place.followers.compensation.lagging == place.followers.compensation.marked == 1
        await place.ack(told.id)
        (device,) = await listed(place)
        assert (device["lagging_since"], device["lag"]) == (None, {"changes": 0, "ms": 0})
        await place.followers.compensation.look()
        assert place.followers.compensation.lagging == place.followers.compensation.oldest_lag_ms == 0
        assert place.gateway.counts.nudged >= 1


async def test_who_lags_without_a_stream_is_seen_in_the_list(tmp_path: Path) -> None:
    async with open_place(tmp_path, lag_seconds=0.2) as place:
        await place.ack((await place.find())["cursor"])
        await place.set(RICE, 5)
        await eventually(lambda: place.followers.compensation.lagging == 1)
        (device,) = await listed(place)
        assert device["lagging_since"] is not None
        assert not device["connected"]
        assert place.followers.compensation.nudged == 0


async def test_a_quiet_device_that_has_everything_does_not_lag(tmp_path: Path) -> None:
    async with open_place(tmp_path, lag_seconds=0.1) as place:
        await place.ack((await place.find())["cursor"])
        (before,) = await place.service.database.devices.of_stores([S1])
        async with asyncio.timeout(10):
            while (await place.service.database.reader.head(S1))[0] < before.acked_at + 500:
                await place.followers.compensation.look()
        assert place.followers.compensation.lagging == place.followers.compensation.marked == 0


async def test_a_device_that_is_silent_for_months_is_forgotten(place: Place) -> None:
    devices = place.service.database.devices
    now, _ = await place.service.database.reader.head(S1)
    await devices.acknowledge([Ack(S1, "old", 1, 1, now - (FORGET_DAYS + 1) * DAY_MS), Ack(S1, "new", 1, 1, now)])
    await place.followers.compensation.look()
    assert await devices.of_stores([S1]) == [Device(S1, "new", 1, 1, now)]
    assert place.followers.compensation.forgotten == 1


async def test_every_bucket_is_looked_at_some_at_a_time(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    devices = place.service.database.devices
    silent, asked = devices.silent, list[Sequence[int]]()

    async def asking(buckets: Sequence[int], before: int) -> list[Device]:
        asked.append(buckets)
        return await silent(buckets, before)

    monkeypatch.setattr(devices, "silent", asking)
    await place.followers.compensation.look()
    assert sorted(bucket for buckets in asked for bucket in buckets) == list(range(BUCKETS))
    assert max(map(len, asked)) <= BUCKETS_AT_ONCE
