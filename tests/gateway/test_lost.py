"""Messages that get lost, come twice, come in any order: the receiver ends with what there is, along one chain."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from eightysix.core.key import StoreKey
from eightysix.storage.following import SeenHead
from eightysix.sync.bus import BusMessage
from tests.api.shop import CAKE, RICE, SOUP, TEA

from .conftest import S1, Place, open_place
from .follower import Follower
from .receiver import Receiver
from .tampering import Shuffler, tampered
from .test_stream import seq_of


async def rows_of(place: Place) -> dict[tuple[int, int], Any]:
    """What there is, by find-to-pos."""
    return {(row["object_type"], row["object_id"]): row for row in (await place.find())["data"]}


async def followed(stream: Receiver, follower: Follower, until: int) -> None:
    """Apply what comes, up to a place."""
    while follower.place < until:
        follower.apply(await stream.next())


async def test_a_gap_is_filled_from_the_database(place: Place) -> None:
    await tampered(place.service, lambda message: [message] if b'"real_quantity":77' in message.body else [])
    stream, follower = await place.stream(), Follower()
    ready = await stream.next()
    follower.apply(ready, seq_of(ready.id))
    for object_id, real in ((RICE, 1), (SOUP, 2), (RICE, 3), (TEA, 77)):
        await place.set(object_id, real)
    await followed(stream, follower, seq_of((await place.find())["cursor"]))
    assert not follower.gaps
    assert {key[1]: row["real_quantity"] for key, row in follower.rows.items()} == {RICE: 3, SOUP: 2, TEA: 77}
    assert place.gateway.counts.gaps == 1


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_doubled_and_out_of_order(place: Place, seed: int) -> None:
    await tampered(place.service, Shuffler(seed))
    stream, follower = await place.stream(), Follower()
    ready = await stream.next()
    follower.apply(ready, seq_of(ready.id))
    chosen = random.Random(seed)
    for at in range(80):
        await place.set(chosen.choice([RICE, SOUP, TEA, CAKE]), at)
    head = seq_of((await place.find())["cursor"])
    await place.gateway.check()
    async with asyncio.timeout(20):
        while follower.place < head:
            reading = asyncio.create_task(stream.next())
            while not reading.done():
                await place.gateway.check()  # the net, whose own pace is a minute here
                await asyncio.wait((reading,), timeout=0.05)
            follower.apply(reading.result())
    assert not follower.gaps
    told = {key: row["version"] for key, row in follower.rows.items()}
    assert told == {key: row["version"] for key, row in (await rows_of(place)).items() if key in told}
    assert follower.rows == {key: row for key, row in (await rows_of(place)).items() if key in told}


async def test_the_last_message_is_lost_and_the_net_finds_it(tmp_path: Path) -> None:
    async with open_place(tmp_path, stream_check_seconds=0.1) as place:
        await tampered(place.service, lambda _: [])
        stream = await place.stream()
        await stream.next()
        await place.set(RICE, 42)
        told = await stream.next()
        assert told.data["data"]["real_quantity"] == 42
        assert place.gateway.counts.repaired == 1
        assert told.id == (await place.find())["cursor"]


async def test_without_the_net_it_would_be_missing(place: Place) -> None:
    """The negative control: the same loss, and no look of the net."""
    await tampered(place.service, lambda _: [])
    stream = await place.stream()
    await stream.next()
    await place.set(RICE, 42)
    with pytest.raises(TimeoutError):
        await stream.next(1.0)
    assert place.gateway.counts.repaired == 0


async def test_a_message_that_can_t_be_read_stands_in_nobody_s_way(place: Place) -> None:
    await tampered(place.service, lambda sent: [BusMessage(sent.topic, b"{" + sent.body[:20], sent.group)])
    stream = await place.stream()
    await stream.next()
    await place.set(RICE, 42)
    assert (await stream.next()).data["data"]["real_quantity"] == 42


async def test_the_net_takes_nobody_for_ahead_who_got_on_meanwhile(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads, read, told = place.service.database.following.heads, asyncio.Event(), asyncio.Event()

    async def late(stores: Sequence[StoreKey]) -> Mapping[StoreKey, SeenHead]:
        seen = await heads(stores)
        read.set()
        await told.wait()
        return seen

    stream = await place.stream()
    await stream.next()
    monkeypatch.setattr(place.service.database.following, "heads", late)
    looking = asyncio.create_task(place.gateway.check())
    await read.wait()
    await place.set(RICE, 42)
    assert (await stream.next()).data["data"]["real_quantity"] == 42
    told.set()
    await looking
    await place.set(RICE, 43)
    assert (await stream.next()).data["data"]["real_quantity"] == 43
    assert place.gateway.counts.resets == 0


async def test_one_look_is_not_enough_for_a_message_on_its_way(place: Place) -> None:
    stream = await place.stream()
    await stream.next()
    await place.set(RICE, 42, publish=False)
    await place.gateway.check()
    await place.publisher.publish(S1)
    assert (await stream.next()).data["data"]["real_quantity"] == 42
    await place.gateway.check()
    await place.gateway.check()
    assert place.gateway.counts.repaired == place.gateway.counts.caught_up == 0


async def test_what_another_process_tells_of_is_read_where_the_bus_brings_nothing(place: Place) -> None:
    await tampered(place.service, lambda _: [])
    stream = await place.stream()
    await stream.next()
    await place.set(RICE, 42)
    place.gateway.hear([S1])
    assert (await stream.next()).data["data"]["real_quantity"] == 42
    await place.set(RICE, 43)
    place.gateway.hear([])  # some signals may have been missed
    assert (await stream.next()).data["data"]["real_quantity"] == 43


async def test_a_database_put_back_to_an_earlier_state_begins_anew(place: Place) -> None:
    stream = await place.stream()
    await stream.next()
    (followed_by_nobody_else,) = place.gateway.of(S1)
    followed_by_nobody_else.place += 1_000
    await place.gateway.check()
    assert (await stream.next()).event == "reset"
    events = await stream.until("current")
    assert events[-1].id == (await place.find())["cursor"]


async def test_cut_at_random_amid_changes(tmp_path: Path) -> None:
    """Behind the real relay: whoever resumes where it was has everything in the end, along one chain, through losses,
    doubles and whatever order."""
    chosen = random.Random(86)
    async with open_place(tmp_path, stream_check_seconds=0.1, relay=True) as place:
        await tampered(place.service, Shuffler(86, lost=0.05))
        follower, done = Follower(), asyncio.Event()
        connections = 0

        async def follow() -> None:
            nonlocal connections
            last: str | None = (await place.find())["cursor"]
            follower.place = seq_of(last)
            while not (done.is_set() and follower.place >= head):
                stream = await place.stream(last_event_id=last)
                connections += 1
                life = chosen.randrange(1, 60)
                try:
                    while life and not (done.is_set() and follower.place >= head):
                        event = await stream.next(2.0)
                        follower.apply(event)
                        last, life = event.id, life - (event.event != "ready")
                except TimeoutError:
                    continue  # there is nothing more, or the stream hangs: the one that follows will tell
                finally:
                    stream.leave()

        head = 0
        task = asyncio.create_task(follow())
        for at in range(1_000):
            await place.set(chosen.choice([RICE, SOUP, TEA, CAKE]), at, publish=False)
        head = seq_of((await place.find())["cursor"])
        done.set()
        await asyncio.wait_for(task, 60)
        assert connections > 5
        assert not follower.gaps
        assert follower.rows == {key: row for key, row in (await rows_of(place)).items() if key in follower.rows}
        assert len(follower.rows) == 4
