"""Behind the real relay: a change reaches streams by itself, in order, once; a full store after a burst."""

import asyncio
from pathlib import Path

from tests.api.shop import CAKE, RICE, SOUP, TEA

from .conftest import open_place
from .follower import Follower
from .test_lost import followed, rows_of
from .test_stream import seq_of


async def test_changes_of_many_at_once(tmp_path: Path) -> None:
    async with open_place(tmp_path, relay=True) as place:
        streams = [await place.stream() for _ in range(3)]
        followers = [Follower() for _ in streams]
        for stream, follower in zip(streams, followers, strict=True):
            ready = await stream.next()
            follower.apply(ready, seq_of(ready.id))
        dishes = (RICE, SOUP, TEA, CAKE)
        await asyncio.gather(*(place.set(dishes[at % 4], at, publish=False) for at in range(100)))
        head = seq_of((await place.find())["cursor"])
        for stream, follower in zip(streams, followers, strict=True):
            await followed(stream, follower, head)
            assert not follower.gaps
            assert follower.rows == await rows_of(place)
        assert place.gateway.counts.caught_up == 0, "all of it was pushed"


async def test_a_store_that_closes_is_told_as_a_whole(tmp_path: Path) -> None:
    async with open_place(tmp_path, relay=True) as place:
        stream, follower = await place.stream(), Follower()
        ready = await stream.next()
        follower.apply(ready, seq_of(ready.id))
        body = {"brandId": "fox", "poiId": "s1", "name": "s1", "time_zone": "Asia/Shanghai", "status": "closed"}
        answer = await place.shop.call("PUT", "/api/v1/stores", json=body)
        assert answer.status_code == 200, answer.text
        told = await stream.next()
        follower.apply(told)
        assert told.event == "poi.store"
        assert follower.store == (await place.find())["store"]
        assert follower.store["open"] is False
        assert not follower.gaps
        assert told.id == (await place.find())["cursor"]


async def test_who_missed_that_a_store_closed_is_told_by_catching_up(tmp_path: Path) -> None:
    async with open_place(tmp_path, relay=True) as place:
        before = (await place.find())["cursor"]
        watching = await place.stream()
        await watching.next()
        body = {"brandId": "fox", "poiId": "s1", "name": "s1", "time_zone": "Asia/Shanghai", "status": "closed"}
        assert (await place.shop.call("PUT", "/api/v1/stores", json=body)).status_code == 200
        assert (await watching.next()).event == "poi.store"
        await place.set(RICE, 3, publish=False)
        await watching.next()
        stream, follower = await place.stream(since=before), Follower()
        ready = await stream.next()
        follower.apply(ready, seq_of(ready.id))
        await followed(stream, follower, seq_of((await place.find())["cursor"]))
        assert not follower.gaps
        assert follower.store is not None
        assert follower.store["open"] is False
        assert follower.rows[2, RICE]["real_quantity"] == 3
