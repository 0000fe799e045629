"""Every field of every row comes back as it went in, and a rewrite changes just what it says."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eightysix.core.change import Incident, StoreChanges
from eightysix.core.hub import Hub
from eightysix.core.key import StockKey, StoreKey
from eightysix.core.quantity import MAX_QUANTITY
from eightysix.core.reservation import State, Take
from eightysix.core.stock import UNLIMITED
from eightysix.storage.port import OrdersWanted

from . import rows
from .scene import (
    DISH,
    Scene,
    a_channel,
    a_reservation,
    a_stock,
    by_line,
    changes,
    new_batch_number,
    next_changes,
    orders_of,
    stocks_of,
    write,
)

_random = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@_random
@given(data=st.data())
async def test_loaded_rows_are_what_was_saved(scene: Scene, data: st.DataObject) -> None:
    store = scene.store(brand_id=data.draw(rows.idents()))
    lane = await scene.lane(store)
    first = data.draw(rows.new_store_rows())
    await write(lane, {store: first})
    await _assert_loads(scene, store, first)
    second = data.draw(rows.rewritten(first))
    await write(lane, {store: second})
    assert (await scene.database.reader.head(store))[1] == second.head
    second.facts, second.requests = first.facts, first.requests
    ended = {row.seq: row for row in second.resolved}
    second.incidents = [ended.get(row.seq, row) for row in first.incidents]
    await _assert_loads(scene, store, second)


async def _assert_loads(scene: Scene, store: StoreKey, saved: StoreChanges) -> None:
    lane = await scene.lane(store)
    reservations = [row for _, row in saved.reservations]
    order_ids = {row.order_id for row in reservations} | {fact.order_id for fact in saved.facts}
    opened = await lane.begin([store], new_batch_number())
    assert opened.heads[store] == saved.head
    wanted = OrdersWanted(order_ids, {row.request_id for row in saved.requests})
    orders = (await lane.load_orders({store: wanted}, {store: -1}))[store]
    stocks = (await lane.load_stocks({store: {row.key for _, row in saved.stocks}}))[store]
    whole = (await lane.load_whole([store]))[store]
    timers = await lane.load_timers([store])
    journals = await lane.load_journals({store: {row.key for _, row in saved.journals}})
    hubs = await lane.load_hubs({store: {row.hub_id for _, row in saved.hubs}})
    incidents = await lane.load_incidents({store: {row.seq for row in saved.incidents}})
    await lane.rollback()
    assert by_line(orders.reservations) == by_line(reservations)
    assert {row.order_id: row for row in orders.facts} == {row.order_id: row for row in saved.facts}
    assert {row.request_id: row for row in orders.requests} == {row.request_id: row for row in saved.requests}
    assert orders.due == []
    assert {row.key: row for row in stocks.stocks} == {row.key: row for _, row in saved.stocks}
    channels = {(row.key, row.channel_code): row for _, row in saved.channels}
    assert {(row.key, row.channel_code): row for row in stocks.channels} == channels
    assert {row.key: row for row in whole.stocks} == {row.key: row for _, row in saved.stocks}
    assert {(row.key, row.channel_code): row for row in whole.channels} == channels
    assert {row.key: row for row in journals[store]} == {row.key: row for _, row in saved.journals}
    assert {row.hub_id: row for row in hubs[store]} == {row.hub_id: row for _, row in saved.hubs}
    assert {row.seq: row for row in incidents[store]} == {row.seq: row for row in saved.incidents}
    assert whole.timer == timers[store] == (None if saved.timer is None else saved.timer[1])


@settings(_random, max_examples=8)
@given(first=rows.new_store_rows())
async def test_the_audit_yields_everything(scene: Scene, first: StoreChanges) -> None:
    store = scene.store()
    await scene.write({store: first})
    entry = await scene.audit(store)
    assert entry is not None
    assert entry.head == first.head
    assert entry.now > 1_600_000_000_000
    pairs = [
        (entry.stocks, [row for _, row in first.stocks]),
        (entry.channels, [row for _, row in first.channels]),
        (entry.reservations, [row for _, row in first.reservations]),
        (entry.facts, first.facts),
        (entry.logs, first.logs),
        (entry.outbox, first.outbox),
        (entry.incidents, first.incidents),
        (entry.due, first.due_added),
        (entry.alerts, first.alerts),
        (entry.journals, [row for _, row in first.journals]),
        (entry.hubs, [row for _, row in first.hubs]),
    ]
    assert entry.timer == (None if first.timer is None else first.timer[1])
    for found, saved in pairs:
        assert sorted(found, key=rows.describe) == sorted(saved, key=rows.describe)


async def test_the_audit_goes_bucket_by_bucket(scene: Scene) -> None:
    stores = [scene.store() for _ in range(5)]
    for store in stores:
        await scene.write({store: changes()})
    found = [entry.store async for entry in scene.database.audit()]
    assert [store.bucket for store in found] == sorted(store.bucket for store in found)
    assert len(found) == len(set(found))
    assert set(stores) <= set(found)


async def test_the_largest_numbers_fit(scene: Scene) -> None:
    store = scene.store()
    stock = a_stock(
        real=MAX_QUANTITY, plan=MAX_QUANTITY, locked=MAX_QUANTITY, oversold=MAX_QUANTITY, grant=MAX_QUANTITY,
        version=2**53 - 1,
    )  # fmt: skip
    negative = a_stock(StockKey(1, 2**53 - 1), type=UNLIMITED, real=-MAX_QUANTITY)
    await scene.write({store: changes(stocks=[(None, stock), (None, negative)])})
    loaded = await stocks_of(await scene.lane(store), store, DISH, negative.key)
    assert sorted(loaded.stocks, key=rows.describe) == sorted([stock, negative], key=rows.describe)


async def test_ids_that_differ_by_case_or_spaces_or_accents_are_different(scene: Scene) -> None:
    store = scene.store()
    order_ids = ["a", "A", "a ", "a  ", " a", "á", "a\u0301", "🍜", "🍝", "🍜" * 64, "x" * 64, "%", "_", "\\", "'", '"']
    lines = [a_reservation(order_id, quantity=at) for at, order_id in enumerate(order_ids)]
    await scene.write({store: changes(reservations=[(None, line) for line in lines])})
    lane = await scene.lane(store)
    for line in lines:
        assert (await orders_of(lane, store, line.order_id)).reservations == [line]
    assert by_line((await orders_of(lane, store, *order_ids)).reservations) == by_line(lines)
    assert (await orders_of(lane, store, "b", "A ", "🍞")).reservations == []


async def test_brands_and_channels_that_differ_by_case_or_spaces_are_different(scene: Scene) -> None:
    poi_id = scene.store().poi_id
    brands = [StoreKey.of(brand_id, poi_id) for brand_id in ("Noodle", "noodle", "noodle ", "NOODLE")]
    channels = [a_channel(channel_code=code, weight=at) for at, code in enumerate(("web", "Web", "web ", " web"))]
    rows_of = {
        store: changes(stocks=[(None, a_stock(version=at))], channels=[(None, row) for row in channels])
        for at, store in enumerate(brands, start=1)
    }
    await scene.write(rows_of)
    lane = await scene.lane(brands[0])
    await lane.begin(brands, new_batch_number())
    loaded = await lane.load_stocks({store: {DISH} for store in brands})
    for at, store in enumerate(brands, start=1):
        assert [row.version for row in loaded[store].stocks] == [at]
        assert {row.channel_code: row for row in loaded[store].channels} == {row.channel_code: row for row in channels}


async def test_each_shape_of_takes_survives(scene: Scene) -> None:
    store = scene.store()
    shapes = [
        (),
        (Take(2, 1),),
        (Take(2, 1, counted=False),),
        (Take(2, 1, ratio=500),),
        (Take(1, 1),),
        (Take(2, 99),),
        (Take(2, 1), Take(1, 7), Take(2, 5, ratio=2_000, counted=False)),
    ]
    lines = [a_reservation(f"order-{at}", sku_id=1, takes=takes) for at, takes in enumerate(shapes)]
    await scene.write({store: changes(reservations=[(None, line) for line in lines])})
    loaded = await orders_of(await scene.lane(store), store, *(line.order_id for line in lines))
    assert by_line(loaded.reservations) == by_line(lines)


async def test_a_rewritten_line_leaves_its_neighbours_alone(scene: Scene) -> None:
    store, other = scene.stores(2)
    lane = await scene.lane(store)
    lines = [a_reservation(order_id, sku, no) for order_id in ("o1", "o2") for sku in (1, 2) for no in (0, 1)]
    both = {key: changes(reservations=[(None, line) for line in lines]) for key in (store, other)}
    await write(lane, both)
    after = a_reservation("o1", 2, 1, state=State.DEDUCTED, quantity=500, revision=2, takes=())
    await write(lane, {store: next_changes(1, reservations=[(lines[3], after)])})
    expected = [after if line.line == after.line and line.order_id == "o1" else line for line in lines]
    assert by_line((await orders_of(lane, store, "o1", "o2")).reservations) == by_line(expected)
    assert by_line((await orders_of(lane, other, "o1", "o2")).reservations) == by_line(lines)


async def test_an_empty_save_and_an_empty_load_are_fine(scene: Scene) -> None:
    store = scene.store()
    lane = await scene.lane(store)
    await lane.begin([store], new_batch_number())
    orders = await lane.load_orders({store: OrdersWanted(set(), set())}, {store: 0})
    stocks = await lane.load_stocks({store: set()})
    hubs, incidents = await lane.load_hubs({store: set()}), await lane.load_incidents({store: set()})
    await lane.save({})
    head = (await scene.database.reader.head(store))[1]
    await lane.save({store: changes(head=head)})
    await lane.commit()
    assert (orders[store].reservations, orders[store].facts, orders[store].requests, orders[store].due) == ([],) * 4
    assert (stocks[store].stocks, stocks[store].channels) == ([], [])
    assert (hubs, incidents) == ({store: []}, {store: []})


async def test_hubs_and_incidents_are_those_of_their_store_that_were_asked_for(scene: Scene) -> None:
    store, other = scene.stores(2)
    hubs = {store: [Hub("counter", revision=1), Hub("Counter", 5, {"2/1": 7}, 2)], other: [Hub("counter", revision=9)]}
    incidents = {
        each: [Incident(seq, "oversold", DISH, seq, None, each.poi_id, None, 5) for seq in (1, 2, 3)]
        for each in (store, other)
    }
    both = {
        each: changes(hubs=[(None, hub) for hub in hubs[each]], incidents=incidents[each]) for each in (store, other)
    }
    await scene.write(both)
    lane = await scene.lane(store)
    await lane.begin([store, other], new_batch_number())
    found = await lane.load_hubs({store: {"counter", "gone"}, other: {"counter", "Counter"}})
    opened = await lane.load_incidents({store: {2, 4}, other: {3, 1}})
    await lane.rollback()
    assert found == {store: hubs[store][:1], other: hubs[other]}
    assert {each: sorted(row.seq for row in rows) for each, rows in opened.items()} == {store: [2], other: [1, 3]}
    assert {row.actor for row in opened[store]} == {store.poi_id}


async def test_a_line_that_moves_on_keeps_its_home_and_a_new_lock_may_change_it(scene: Scene) -> None:
    store = scene.store()
    lane = await scene.lane(store)
    line = a_reservation(hub_id="counter")
    await write(lane, {store: changes(reservations=[(None, line)])})
    sold = a_reservation(hub_id="counter", state=State.DEDUCTED, revision=2)
    await write(lane, {store: next_changes(1, reservations=[(line, sold)])})
    assert (await orders_of(lane, store, "order")).reservations == [sold]
    moved = a_reservation(hub_id=None, state=State.DEDUCTED, revision=3)
    await write(lane, {store: next_changes(2, reservations=[(sold, moved)])})
    assert (await orders_of(lane, store, "order")).reservations == [moved]
