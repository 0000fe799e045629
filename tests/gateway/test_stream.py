"""One stream: it begins, follows, resumes, begins anew, and ends."""

from eightysix.wire.cursor import Cursor, cursor_text, read_cursor
from tests.api.shop import RICE, SOUP, TEA

from .conftest import S1, Place
from .follower import Follower
from .receiver import Receiver


def seq_of(text: str | None) -> int:
    return read_cursor(text or "", "cursor").seq


async def test_it_begins_now_and_says_where_that_is(place: Place) -> None:
    stream = await place.stream()
    ready = await stream.next()
    assert ready.event == "ready"
    assert ready.id == ready.data["cursor"] == (await place.find())["cursor"]
    await place.set(RICE, 7)
    told = await stream.next()
    assert told.event == told.data["eventType"] == "poi.item.stock"
    assert told.data["data"]["object_id"] == RICE
    assert told.data["data"]["available"] == 7
    assert told.data["prev_seq"] == seq_of(ready.id)
    assert told.data["seq"] == seq_of(told.id)


async def test_it_resumes_behind_the_last_event(place: Place) -> None:
    stream = await place.stream()
    ready = await stream.next()
    stream.leave()
    await place.set(RICE, 5)
    await place.set(SOUP, 6)
    await place.set(RICE, 4)
    resumed = await place.stream(last_event_id=ready.id)
    follower = Follower()
    follower.apply(await resumed.next(), seq_of(ready.id))
    while follower.place < seq_of((await place.find())["cursor"]):
        follower.apply(await resumed.next())
    assert not follower.gaps
    assert {key: row["real_quantity"] for key, row in follower.rows.items()} == {(2, SOUP): 6, (2, RICE): 4}
    await place.set(TEA, 3)
    follower.apply(await resumed.next())
    assert not follower.gaps


async def test_the_last_event_goes_before_since(place: Place) -> None:
    start = (await place.find())["cursor"]
    await place.set(RICE, 5)
    now = (await place.find())["cursor"]
    stream = await place.stream(last_event_id=now, since=start)
    assert (await stream.next()).id == now
    await place.set(RICE, 4)
    assert (await stream.next()).data["data"]["real_quantity"] == 4


async def test_a_cursor_of_another_time_begins_anew(place: Place) -> None:
    everything = (await place.find())["data"]
    head = seq_of((await place.find())["cursor"])
    generation = place.service.catalog.generation
    others = [
        Cursor(generation, head + 1), Cursor(generation + 1, 1), Cursor(generation, 1, "hub-7"),
    ]  # fmt: skip
    for cursor in others:
        stream = await place.stream(since=cursor_text(cursor))
        events = await stream.until("current")
        assert [event.event for event in events[:2]] == ["ready", "reset"]
        follower = Follower()
        for event in events:
            follower.apply(event)
        assert sorted(follower.rows) == sorted((row["object_type"], row["object_id"]) for row in everything)
        assert not follower.gaps
        assert seq_of(events[-1].id) == head
        stream.leave()


async def test_a_stream_that_does_not_follow_ends(place: Place) -> None:
    start = (await place.find())["cursor"]
    await place.set(RICE, 3, publish=False)
    stream = await place.stream(since=start, follow="false")
    events = [event async for event in stream.events()]
    assert stream.ended
    assert events[0].event == "ready"
    assert any(event.data.get("data", {}).get("real_quantity") == 3 for event in events)


async def test_two_streams_of_a_store_and_one_of_another(place: Place) -> None:
    first, second = await place.stream(), await place.stream()
    elsewhere = await place.stream(poiId="s2")
    for stream in (first, second, elsewhere):
        assert (await stream.next()).event == "ready"
    await place.set(RICE, 9)
    assert (await first.next()).data == (await second.next()).data
    await place.set(RICE, 2, poi_id="s2")
    assert (await elsewhere.next()).data["data"]["real_quantity"] == 2
    first.leave()
    await place.set(RICE, 8)
    assert (await second.next()).data["data"]["real_quantity"] == 8


async def test_the_server_ends_streams_when_it_stops(place: Place) -> None:
    streams: list[Receiver] = [await place.stream() for _ in range(20)]
    for stream in streams:
        await stream.next()
    place.stop.set()
    for stream in streams:
        assert [event async for event in stream.events()] == []
        assert stream.ended
    assert place.gateway.streams == 0


async def test_a_change_right_after_a_new_generation_began_comes_behind_the_reset(place: Place) -> None:
    """A cursor of the new one would hide that what the receiver has is of the old one."""
    stream = await place.stream()
    await stream.next()
    await place.set(RICE, 4, publish=False)
    (message,) = await place.publisher.messages(S1)
    place.service.catalog.generation += 1  # and the ticker has no turn before the message comes
    await place.gateway.handle([message])
    assert (await stream.next()).event == "reset"
