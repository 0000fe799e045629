"""Recalls of grants reach the streams of their store, of whatever process on the bus, and of no other."""

import asyncio
from pathlib import Path

from eightysix.core.key import StoreKey
from eightysix.sync.bus import BusMessage
from eightysix.sync.catching_up import CatchingUp
from eightysix.sync.gateway import Gateway
from eightysix.sync.stream import RECALLS_MOST, Stream
from eightysix.wire.grant import RECALL, RECALLS_TOPIC, GrantRecall, encode_recall
from eightysix.wire.message import group_of
from tests.api.shop import RICE

from .conftest import S1, Place, open_place
from .receiver import Receiver

S2 = StoreKey.of("fox", "s2")


def recall(store: StoreKey, wanted: int = 3) -> BusMessage:
    told = GrantRecall(store.brand_id, store.poi_id, 2, RICE, wanted)
    return BusMessage(RECALLS_TOPIC, encode_recall(told), group_of(store))


async def test_a_recall_is_told_to_its_store_alone_and_moves_no_place(place: Place) -> None:
    here, there = await place.stream(), await place.stream(poiId="s2")
    start = (await here.next()).id
    await there.next()
    await place.service.bus.publish(recall(S1, 2))
    told = await here.next()
    assert (told.event, told.id) == (RECALL, start)
    assert told.data == {"brandId": "fox", "poiId": "s1", "object_type": 2, "object_id": RICE, "wanted": 2}
    await place.set(RICE, 5)
    assert (await here.next()).event == "poi.item.stock"
    await place.service.bus.publish(recall(S2))
    assert (await there.next()).data["poiId"] == "s2", "the first that it hears of"


async def test_every_gateway_on_the_bus_hears_it(place: Place) -> None:
    """As of a second process: its streams hear what this one tells."""
    service = place.service
    catching_up = CatchingUp(service.database.following, service.database.reader, service.catalog)
    other = Gateway(service.database.following, service.catalog, catching_up)
    await other.start(service.bus, "other")
    stream = Stream(S1, None, lambda: True, catching_up, other.counts)
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    with other.joined(stream):
        running = asyncio.create_task(stream.run(None, heard.put))
        assert b"event: ready" in await asyncio.wait_for(heard.get(), 20)
        await service.bus.publish(recall(S1))
        assert b"event: grant.recall" in await asyncio.wait_for(heard.get(), 20)
        stream.close()
        await running
    await other.close()


async def test_of_too_many_the_oldest_go(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        receiver: Receiver = await place.stream()
        await receiver.next()
        [stream] = place.gateway.of(S1)
        for wanted in range(RECALLS_MOST + 5):
            stream.recall(encode_recall(GrantRecall("fox", "s1", 2, RICE, wanted)))
        told = [(await receiver.next()).data["wanted"] for _ in range(RECALLS_MOST)]
        assert told == list(range(5, RECALLS_MOST + 5))
