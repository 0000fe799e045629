"""The rows of devices: an acknowledgement never takes one back; what was decided about an older row isn't written."""

import asyncio

from msgspec.structs import replace

from eightysix.storage.device import Ack, Device

from .scene import Scene

OLD, NEW = 1, 1_795_435_200_000


async def test_an_acknowledgement_makes_a_row_and_moves_it_on(scene: Scene) -> None:
    devices, store = scene.database.devices, scene.store()
    await devices.acknowledge([Ack(store, "pos-1", OLD, 5, 100)])
    assert await devices.of_stores([store]) == [Device(store, "pos-1", OLD, 5, 100)]
    await devices.acknowledge([Ack(store, "pos-1", OLD, 8, 110)])
    assert await devices.of_stores([store]) == [Device(store, "pos-1", OLD, 8, 110)]


async def test_a_lower_one_and_an_older_generation_change_nothing(scene: Scene) -> None:
    devices, store = scene.database.devices, scene.store()
    await devices.acknowledge([Ack(store, "pos-1", NEW, 5, 100)])
    await devices.acknowledge([Ack(store, "pos-1", NEW, 4, 110)])
    await devices.acknowledge([Ack(store, "pos-1", OLD, 99, 120)])
    assert await devices.of_stores([store]) == [Device(store, "pos-1", NEW, 5, 100)]


async def test_a_newer_generation_replaces_whatever_its_seq(scene: Scene) -> None:
    devices, store = scene.database.devices, scene.store()
    await devices.acknowledge([Ack(store, "pos-1", OLD, 99, 100)])
    await devices.acknowledge([Ack(store, "pos-1", NEW, 2, 110)])
    assert await devices.of_stores([store]) == [Device(store, "pos-1", NEW, 2, 110)]


async def test_acknowledgements_side_by_side_leave_the_highest(scene: Scene) -> None:
    devices, stores = scene.database.devices, [scene.store() for _ in range(6)]
    await asyncio.gather(
        *(devices.acknowledge([Ack(store, "pos", OLD, seq, seq) for store in stores]) for seq in (3, 9, 1, 7, 5))
    )
    assert {each.acked_seq for each in await devices.of_stores(stores)} == {9}


async def test_devices_are_told_apart_by_every_character(scene: Scene) -> None:
    devices, store = scene.database.devices, scene.store()
    names = ["pos", "Pos", "pos ", "池'\\%"]
    await devices.acknowledge([Ack(store, name, OLD, at, at) for at, name in enumerate(names)])
    found = {each.device_id: each.acked_seq for each in await devices.of_stores([store])}
    assert found == {name: at for at, name in enumerate(names)}


async def test_the_silent_ones_of_some_buckets(scene: Scene) -> None:
    devices, (store, other) = scene.database.devices, scene.stores(2)
    await devices.acknowledge(
        [Ack(store, "a", OLD, 1, 100), Ack(store, "b", OLD, 1, 200), Ack(other, "a", OLD, 1, 100)]
    )
    found = await devices.silent([store.bucket], 200)
    assert Device(store, "a", OLD, 1, 100) in found
    assert not [each for each in found if each.store == store and each.device_id == "b"]
    assert (other.bucket == store.bucket) == any(each.store == other for each in found)


async def test_a_mark_is_written_where_nothing_came_meanwhile(scene: Scene) -> None:
    devices, (store, other) = scene.database.devices, scene.stores(2)
    await devices.acknowledge(
        [Ack(store, "a", OLD, 1, 100), Ack(store, "b", OLD, 1, 100), Ack(other, "a", OLD, 1, 100)]
    )
    seen = await devices.of_stores([store, other])
    await devices.acknowledge([Ack(store, "b", OLD, 1, 150)])
    await devices.mark([replace(each, lagging_since=77) for each in seen])
    marked = {(each.store, each.device_id): each.lagging_since for each in await devices.of_stores([store, other])}
    assert marked == {(store, "a"): 77, (store, "b"): None, (other, "a"): 77}
    await devices.mark([replace(each, lagging_since=None) for each in await devices.of_stores([other])])
    assert [each.lagging_since for each in await devices.of_stores([other])] == [None]


async def test_who_gets_on_lags_no_more(scene: Scene) -> None:
    devices, store = scene.database.devices, scene.store()
    await devices.acknowledge([Ack(store, "a", OLD, 1, 100)])
    await devices.mark([replace(each, lagging_since=77) for each in await devices.of_stores([store])])
    await devices.acknowledge([Ack(store, "a", OLD, 2, 200)])
    assert [each.lagging_since for each in await devices.of_stores([store])] == [None]


async def test_the_forgotten_and_those_who_came_back_in_time(scene: Scene) -> None:
    devices, (store, other) = scene.database.devices, scene.stores(2)
    await devices.acknowledge(
        [Ack(store, "a", OLD, 1, 100), Ack(store, "b", OLD, 1, 100), Ack(other, "a", OLD, 1, 100)]
    )
    seen = await devices.of_stores([store, other])
    await devices.acknowledge([Ack(store, "b", OLD, 2, 150)])
    await devices.remove(seen)
    assert [each.device_id for each in await devices.of_stores([store, other])] == ["b"]
    await devices.remove([])
    await devices.mark([])
    await devices.acknowledge([])


async def test_what_a_reconciliation_found_stands_with_its_device_alone(scene: Scene) -> None:
    devices, (store, other) = scene.database.devices, scene.stores(2)
    await devices.acknowledge(
        [Ack(store, "a", OLD, 1, 100), Ack(store, "b", OLD, 1, 100), Ack(other, "a", OLD, 1, 100)]
    )
    await devices.reconciled(store, "a", 3, 150)
    await devices.reconciled(store, "nobody", 3, 150)
    found = {
        (each.store, each.device_id): (each.drift, each.reconciled_at)
        for each in await devices.of_stores([store, other])
    }
    assert found == {(store, "a"): (3, 150), (store, "b"): (0, None), (other, "a"): (0, None)}
