"""Begin: mark, lock, clock; and the ways a transaction ends."""

import asyncio

from eightysix.core.change import Head
from eightysix.core.key import StoreKey
from eightysix.storage.port import OrdersWanted

from .scene import DISH, Scene, a_stock, changes, new_batch_number, new_lane_number, next_changes, stocks_of, write


async def test_missing_heads_are_made(scene: Scene) -> None:
    stores = scene.stores(3)
    lane = await scene.lane(stores[0])
    opened = await lane.begin(stores, new_batch_number())
    assert dict(opened.heads) == dict.fromkeys(stores, Head())
    await lane.commit()
    for store in stores:
        assert (await scene.audit(store)) is not None


async def test_heads_come_as_they_were_written(scene: Scene) -> None:
    first, second = scene.stores(2)
    lane = await scene.lane(first)
    await write(lane, {first: changes(head=Head(7, 5, 1_700_000_000_000))})
    opened = await lane.begin([second, first], new_batch_number())
    assert dict(opened.heads) == {first: Head(7, 5, 1_700_000_000_000), second: Head()}


async def test_the_clock_is_the_databases_and_near_ours(scene: Scene) -> None:
    store = scene.store()
    lane = await scene.lane(store)
    now = []
    for _ in range(5):
        now.append((await lane.begin([store], new_batch_number())).now)
        await lane.rollback()
    read, _ = await scene.database.reader.head(store)
    assert now == sorted(now)
    assert 0 <= read - now[0] < 60_000
    assert now[0] > 1_600_000_000_000


async def test_rollback_leaves_nothing(scene: Scene) -> None:
    store = scene.store()
    lane = await scene.lane(store)
    await lane.begin([store], new_batch_number())
    await lane.save({store: changes(stocks=[(None, a_stock())])})
    await lane.rollback()
    assert await scene.audit(store) is None
    assert (await stocks_of(lane, store, DISH)).stocks == []


async def test_rollback_may_come_twice_and_without_begin(scene: Scene) -> None:
    store = scene.store()
    lane = await scene.lane(store)
    await lane.rollback()
    await lane.begin([store], new_batch_number())
    await lane.rollback()
    await lane.rollback()
    await write(lane, {store: changes()})


async def test_one_lane_works_batch_after_batch(scene: Scene) -> None:
    store = scene.store()
    lane = await scene.lane(store)
    await write(lane, {store: changes()})
    for seq in range(1, 6):
        await write(lane, {store: next_changes(seq)})
    _, head = await scene.database.reader.head(store)
    assert head == Head(6, 0, 6)


async def test_committed_tells_the_last_batch(scene: Scene) -> None:
    store = scene.store()
    lane = await scene.lane(store)
    done, undone = new_batch_number(), new_batch_number()
    await lane.begin([store], done)
    await lane.save({store: changes()})
    await lane.commit()
    assert await lane.committed(done)
    await lane.begin([store], undone)
    await lane.save({store: next_changes(1)})
    await lane.rollback()
    await lane.reconnect()
    assert not await lane.committed(undone)
    assert await lane.committed(done)
    await lane.begin([store], undone)


async def test_reconnect_forgets_the_open_transaction(scene: Scene) -> None:
    store = scene.store()
    lane = await scene.lane(store)
    batch_no = new_batch_number()
    await lane.begin([store], batch_no)
    await lane.save({store: changes()})
    await lane.reconnect()
    assert not await lane.committed(batch_no)
    assert await scene.audit(store) is None
    await write(lane, {store: changes()})


async def test_a_lane_opened_again_keeps_its_marker(scene: Scene) -> None:
    store = scene.store()
    number, batch_no = new_lane_number(), new_batch_number()
    first = await scene.lane(store, number=number)
    await first.begin([store], batch_no)
    await first.commit()
    second = await scene.lane(store, number=number)
    assert await second.committed(batch_no)


async def test_two_brands_with_the_same_poi_id_do_not_mix(scene: Scene) -> None:
    ours = scene.store(brand_id="brand-a")
    theirs = StoreKey.of("brand-b", ours.poi_id)
    lane = await scene.lane(ours)
    mine, other = a_stock(real=1_000), a_stock(real=2_000)
    await write(lane, {ours: changes(stocks=[(None, mine)]), theirs: changes(stocks=[(None, other)])})
    await lane.begin([ours, theirs], new_batch_number())
    loaded = await lane.load_stocks({ours: {DISH}, theirs: {DISH}})
    assert loaded[ours].stocks == [mine]
    assert loaded[theirs].stocks == [other]
    await lane.save({ours: next_changes(1, stocks=[(mine, a_stock(real=0, version=2))])})
    await lane.commit()
    assert (await stocks_of(lane, theirs, DISH)).stocks == [other]


async def test_many_stores_in_one_batch(scene: Scene) -> None:
    stores = scene.stores(60)
    lane = await scene.lane(stores[0])
    await write(lane, {store: changes(stocks=[(None, a_stock())]) for store in stores})
    opened = await lane.begin(list(reversed(stores)), new_batch_number())
    assert set(opened.heads) == set(stores)
    assert {head.seq for head in opened.heads.values()} == {1}
    orders = await lane.load_orders({store: OrdersWanted({"o"}, {"r"}) for store in stores}, dict.fromkeys(stores, 1))
    assert set(orders) == set(stores)
    loaded = await lane.load_stocks({store: {DISH} for store in stores})
    assert [len(loaded[store].stocks) for store in stores] == [1] * 60


async def test_a_cancelled_call_leaves_the_lane_usable(scene: Scene) -> None:
    store = scene.store()
    lane = await scene.lane(store)
    call = asyncio.ensure_future(lane.begin([store], new_batch_number()))
    await asyncio.sleep(0)  # gives the call its start; nothing is waited for
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    await lane.rollback()
    await lane.reconnect()
    await write(lane, {store: changes()})
