"""Receivers that don't read: they are cut off within bounds, hold up nobody, and resume without a loss."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from eightysix.api import server
from eightysix.storage.port import Unavailable
from eightysix.sync.bus import BusMessage
from eightysix.sync.stream import QUEUE_MOST
from tests.api.shop import RICE, SOUP

from .conftest import S1, Place, open_place
from .follower import Follower
from .receiver import Receiver
from .tampering import padded
from .test_stream import seq_of

PADDING = 100_000
"""More than the kernel keeps for a receiver is soon sent."""


async def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for lies in the program, which tells nobody
            await asyncio.sleep(0.01)


async def large(place: Place, real: int) -> BusMessage:
    """A change, published as a large message."""
    await place.set(RICE, real, publish=False)
    (message,) = await place.publisher.messages(S1)
    message = padded(message, PADDING)
    await place.service.bus.publish(message)
    return message


async def fill(place: Place, reading: Receiver) -> None:
    """Changes until a stream waits for its receiver; `reading` reads them all."""
    for real in range(1, 400):
        await large(place, real)
        assert (await reading.next()).data["data"]["real_quantity"] == real
        if sum(stream.sending_since is not None for stream in place.gateway.of(S1)) == 1:
            return
    raise AssertionError("the kernel took everything")


async def resumed(place: Place, stalled: Receiver) -> Follower:
    """What the cut off receiver knows after it has read what was underway, and has resumed."""
    follower = Follower()
    async for event in stalled.events():
        follower.apply(event, seq_of(event.id))
    stream = await place.stream(last_event_id=stalled.last_id)
    while follower.place < seq_of((await place.find())["cursor"]):
        follower.apply(await stream.next())
    return follower


async def test_a_queue_that_runs_over_cuts_off_who_takes_nothing(tmp_path: Path) -> None:
    async with open_place(tmp_path, stream_stall_seconds=600.0) as place:
        reading, stalled = await place.stream(), await place.stream()
        await reading.next()
        await fill(place, reading)
        (stuck,) = (stream for stream in place.gateway.of(S1) if stream.sending_since is not None)
        since = stuck.sending_since
        async with asyncio.timeout(30):
            real = 1_000
            while place.gateway.counts.cut_slow == 0:
                assert stuck.sending_since == since
                real += 1
                await place.set(RICE, real)
                assert (await reading.next()).data["data"]["real_quantity"] == real  # the other one isn't held up
                assert stuck.waiting <= QUEUE_MOST
        await eventually(lambda: place.gateway.streams == 1)
        follower = await resumed(place, stalled)
        assert not follower.gaps
        assert follower.rows[2, RICE]["real_quantity"] == real


async def test_who_takes_nothing_for_long_is_cut_off_without_more_to_come(tmp_path: Path) -> None:
    async with open_place(tmp_path, stream_stall_seconds=0.5) as place:
        reading, stalled = await place.stream(), await place.stream()
        await reading.next()
        await fill(place, reading)
        await eventually(lambda: place.gateway.counts.cut_slow == 1 and place.gateway.streams == 1)
        await place.set(SOUP, 5)
        follower = await resumed(place, stalled)
        assert not follower.gaps
        assert follower.rows[2, SOUP]["real_quantity"] == 5


async def test_a_burst_within_one_turn_is_caught_up_not_cut_off(place: Place) -> None:
    stream, follower = await place.stream(), Follower()
    ready = await stream.next()
    follower.apply(ready, seq_of(ready.id))
    sent = []
    for real in range(1, QUEUE_MOST + 60):
        await place.set(RICE if real % 2 else SOUP, real, publish=False)
        sent += await place.publisher.messages(S1)
    await place.gateway.handle(sent)  # in one call: the stream gets no turn meanwhile
    while follower.place < seq_of((await place.find())["cursor"]):
        follower.apply(await stream.next())
    assert place.gateway.counts.overflowed == 1
    assert place.gateway.counts.cut_slow == 0
    assert not follower.gaps
    assert follower.rows[2, RICE]["real_quantity"] == QUEUE_MOST + 59


async def test_who_leaves_is_gone_at_once(place: Place) -> None:
    streams = [await place.stream() for _ in range(5)]
    for stream in streams:
        await stream.next()
        stream.leave()
    await eventually(lambda: place.gateway.streams == 0)
    assert place.gateway.stores == []


async def test_an_idle_stream_hears_that_it_lives(tmp_path: Path) -> None:
    async with open_place(tmp_path, stream_heartbeat_seconds=0.2) as place:
        stream = await place.stream()
        await stream.next()
        await stream.beat()
        await stream.beat()
        await place.set(RICE, 4)
        assert (await stream.next()).data["data"]["real_quantity"] == 4


async def test_a_stream_that_waits_for_the_database_hears_that_it_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_place(tmp_path, stream_heartbeat_seconds=0.2) as place:
        stream = await place.stream()
        await stream.next()
        await place.set(RICE, 4, publish=False)
        is_away = asyncio.Event()

        async def gone(*_: object) -> NoReturn:
            is_away.set()
            raise Unavailable("gone")

        with monkeypatch.context() as away:
            away.setattr(place.gateway.catching_up, "since", gone)
            (following,) = place.gateway.of(S1)
            following.catch_up()
            await is_away.wait()
            await stream.beat()
            await stream.beat()
        assert (await stream.next()).data["data"]["real_quantity"] == 4


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux ends such connections by itself")
async def test_the_kernel_ends_the_connection_of_who_takes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SILENT_SECONDS", 1.0)
    async with open_place(tmp_path, stream_stall_seconds=600.0) as place:
        reading, stalled = await place.stream(), await place.stream()
        await reading.next()
        await fill(place, reading)
        await eventually(lambda: place.gateway.streams == 1)
        assert place.gateway.counts.cut_slow == 0
        assert [event async for event in stalled.events()]
        assert not stalled.ended, "cut, not ended"
        await place.set(SOUP, 5)
        assert (await reading.next()).data["data"]["real_quantity"] == 5
