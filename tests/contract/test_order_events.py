"""The order service's events and parked messages, the same on every database."""

import asyncio
import random
import secrets
from typing import Any

import pytest
from msgspec.structs import replace

from eightysix.core.key import StoreKey
from eightysix.storage.message_parked import ParkedKey, ParkedMessage
from eightysix.storage.order_event import EventState, OrderEventRow
from eightysix.storage.port import DAY_MS, Database, GuardFailed
from tests.engine.shop import BRAND, stock
from tests.order_events.desk import Market, cancelled, open_desk, paid, placed, returned

from .scene import Scene

WAITING, DECIDED, DONE, OVERDUE = EventState.WAITING, EventState.DECIDED, EventState.DONE, EventState.OVERDUE
ODD = "早餐 'a' \\ \"b\" \N{STEAMING BOWL} % _ ;"


def an_event(store: StoreKey, order_seq: int, state: EventState = DONE, **fields: Any) -> OrderEventRow:
    """An event of one order."""
    waits = state in {WAITING, OVERDUE}
    usual: dict[str, Any] = {
        "order_id": "order", "event_id": f"event-{order_seq}", "type": "order.placed",
        "digest": bytes([order_seq % 256]) * 32,
        "body": f'{{"seq": {order_seq}}}' if waits else "", "answer": None if waits else f'{{"of": {order_seq}}}',
        "received_at": 1_000 + order_seq,
    }  # fmt: skip
    return OrderEventRow(store=store, order_seq=order_seq, state=state, **(usual | fields))


async def events_of(scene: Scene, store: StoreKey, *order_ids: str) -> list[OrderEventRow]:
    _, rows = await scene.database.order_events.load(store, order_ids or ("order",))
    return sorted(rows, key=lambda row: (row.order_id, row.order_seq))


async def test_events_come_back_as_they_were_kept(scene: Scene) -> None:
    store, other = scene.stores(2)
    table = scene.database.order_events
    rows = [
        an_event(store, 1, digest=bytes(range(32)), answer=ODD),
        an_event(store, 2, WAITING, body=ODD, event_id=ODD[:40].strip()),
        an_event(store, 3, OVERDUE),
        an_event(store, 4, DECIDED),
        an_event(store, 1, order_id=ODD[:40].strip()),
        an_event(store, 2**53 - 1, WAITING, order_id="ORDER", digest=bytes(32)),
    ]
    await table.add(rows)
    await table.add([an_event(other, 1, event_id="another")])
    now, found = await table.load(store, ["order", "ORDER", ODD[:40].strip(), "nobody"])
    assert sorted(found, key=rows.index) == rows
    assert abs(now - (await scene.database.reader.head(store))[0]) < 60_000
    assert await events_of(scene, other) == [an_event(other, 1, event_id="another")]
    assert await events_of(scene, scene.store()) == []


async def test_events_are_added_all_or_none(scene: Scene) -> None:
    store = scene.store()
    table = scene.database.order_events
    await table.add([an_event(store, 2, WAITING)])
    with pytest.raises(GuardFailed):
        await table.add([an_event(store, 1), an_event(store, 2), an_event(store, 3)])
    assert await events_of(scene, store) == [an_event(store, 2, WAITING)]


async def test_what_waited_is_settled_once(scene: Scene) -> None:
    store = scene.store()
    table = scene.database.order_events
    waiting = [an_event(store, 1, WAITING), an_event(store, 2, OVERDUE), an_event(store, 3, WAITING)]
    await table.add(waiting)
    settled = [replace(row, state=DECIDED, answer=f"{ODD}{row.order_seq}", body="") for row in waiting[:2]]
    await table.settle(settled)
    assert await events_of(scene, store) == [*settled, waiting[2]]
    with pytest.raises(GuardFailed):
        await table.settle([replace(settled[0], answer="another")])
    with pytest.raises(GuardFailed):
        await table.settle([an_event(store, 4, DECIDED)])
    assert await events_of(scene, store) == [*settled, waiting[2]]


async def test_a_state_moves_only_from_the_one_that_was_seen(scene: Scene) -> None:
    store = scene.store()
    table = scene.database.order_events
    rows = [an_event(store, 1, DECIDED), an_event(store, 2, WAITING), an_event(store, 3, OVERDUE)]
    await table.add(rows)
    await table.move([rows[0], replace(rows[1], state=DECIDED), replace(rows[2], state=WAITING)], DONE)
    assert await events_of(scene, store) == [replace(rows[0], state=DONE), *rows[1:]]
    await table.move([rows[1]], OVERDUE)
    assert [row.state for row in await events_of(scene, store)] == [DONE, OVERDUE, OVERDUE]


async def test_unfinished_ones_are_found_by_their_age(scene: Scene) -> None:
    first, *others = scene.stores(4)
    table = scene.database.order_events
    now = (await scene.database.reader.head(first))[0]
    for store in (first, *others):
        states = (WAITING, DECIDED, DONE, OVERDUE)
        await table.add([an_event(store, at, state, received_at=now - 60_000) for at, state in enumerate(states, 1)])
        await table.add([an_event(store, 9, WAITING, received_at=now + 60_000)])
    buckets = sorted({store.bucket for store in (first, *others)})
    clock, found = await table.unfinished(buckets, 30_000, 1_000)
    ours = [row for row in found if row.store in {first, *others}]
    assert abs(clock - now) < 60_000
    assert sorted((row.store, row.order_seq) for row in ours) == sorted(
        (store, seq) for store in (first, *others) for seq in (1, 2)
    )
    assert len((await table.unfinished(buckets, 30_000, 3))[1]) <= 3
    assert len(await events_of(scene, first)) == 5


async def test_of_one_bucket_the_oldest_come_first(scene: Scene) -> None:
    store = scene.store()
    table = scene.database.order_events
    ages = (5, 3, 9, 1, 7)
    await table.add([an_event(store, age, WAITING, received_at=age) for age in ages])
    _, found = await table.unfinished([store.bucket], 0, 3)
    assert [row.received_at for row in found if row.state is WAITING and row.store == store] == [1, 3, 5]


async def test_old_ones_that_are_done_are_removed(scene: Scene) -> None:
    store = scene.store()
    table = scene.database.order_events
    done = [an_event(store, seq, received_at=seq * DAY_MS) for seq in (1, 2, 3)]
    waiting = an_event(store, 4, WAITING, received_at=1)
    await table.add([*done, waiting])
    old = await table.done_before(store.bucket, 3 * DAY_MS, 2)
    assert [row.order_seq for row in old if row.store == store] == [1, 2]
    await table.remove([*old, replace(waiting, state=DONE)])
    assert await events_of(scene, store) == [done[2], waiting]


async def test_several_writers_add_an_event_once(scene: Scene) -> None:
    store = scene.store()
    table = scene.database.order_events
    rows = [an_event(store, 1, answer=str(number)) for number in range(8)]
    results = await asyncio.gather(*(table.add([row]) for row in rows), return_exceptions=True)
    assert sum(result is None for result in results) == 1
    assert len(await events_of(scene, store)) == 1


# --- parked messages


def parked(store: StoreKey | None, message_id: str, **fields: Any) -> ParkedMessage:
    """A parked message of the topic of events."""
    key = ParkedKey(0 if store is None else store.bucket, "order_events", message_id)
    return ParkedMessage(key=key, store=store, **({"body": "{}", "reason": '{"code":"X"}'} | fields))


async def test_parked_messages_come_back_and_go(scene: Scene) -> None:
    store, table = scene.store(), scene.database.parked_messages
    one, nobody = parked(store, f"{ODD}1", body=ODD, reason=ODD), parked(None, secrets.token_hex(8))
    await table.park([one])
    await table.park([nobody])
    (found,) = await table.parked([one.key])
    assert found.parked_at > 0
    assert replace(found, parked_at=0) == one
    assert [each.store for each in await table.parked([nobody.key, nobody.key._replace(message_id="none")])] == [None]
    await table.park([replace(one, reason="again")])
    (again,) = await table.parked([one.key])
    assert (again.reason, again.tries, again.parked_at, again.body) == ("again", 2, found.parked_at, ODD)
    await table.unpark([one.key])
    assert await table.parked([one.key]) == []
    assert len(await table.parked([nobody.key])) == 1


async def test_pages_of_parked_messages_hold_each_once(scene: Scene) -> None:
    table = scene.database.parked_messages
    stores = [scene.store() for _ in range(12)]
    messages = [parked(store, f"m{number}") for store in stores for number in range(3)]
    for message in messages:
        await table.park([message])
    seen: list[ParkedKey] = []
    after: ParkedKey | None = None
    while page := await table.page(after, None, 7):
        seen += [message.key for message in page]
        after = page[-1].key
    assert seen == sorted(set(seen))
    assert {message.key for message in messages} <= set(seen)
    of_store = await table.page(None, stores[0], 2)
    rest = await table.page(of_store[-1].key, stores[0], 2)
    assert [each.key for each in of_store + rest] == [message.key for message in messages[:3]]


async def test_what_is_parked_stays_when_the_database_is_opened_anew(database: Database, scene: Scene) -> None:
    message = parked(scene.store(), "kept")
    await database.parked_messages.park([message, message])
    (found,) = await database.parked_messages.parked([message.key])
    assert found.tries == 1


# --- the consumer


async def test_orders_by_messages_on_this_database(scene: Scene) -> None:
    """Shuffled and doubled, one after the other and together: each order ends as it should, and so does the stock."""
    stores = [scene.store(brand_id=BRAND) for _ in range(4)]
    async with open_desk(scene.database, Market([store.poi_id for store in stores])) as desk:
        for store in stores:
            await desk.engine.submit(stock(store.poi_id, 20))
        disorder = random.Random(7)
        events = []
        for store in stores:
            for order_id in ("o1", "o2", "o3"):
                fields = {"poiId": store.poi_id}
                part = [{"sku_id": 1, "quantity": 1, "restock": True}]
                events += [
                    placed(1, order_id, portions=3, **fields),
                    paid(2, order_id, **fields),
                    returned(3, order_id, lines=part, **fields),
                    cancelled(4, order_id, **fields),
                ]
        events += disorder.choices(events, k=len(events))
        disorder.shuffle(events)
        half = len(events) // 2
        for event in events[:half]:
            await desk.tell(event)
        await desk.tell_together(*events[half:])
        last = {(each["poiId"], each["order_id"], each["order_seq"]): each["result"] for each in desk.answers}
        results = ("locked", "deducted", "returned", "refused")
        assert last == {
            (store.poi_id, order_id, seq): result
            for store in stores
            for order_id in ("o1", "o2", "o3")
            for seq, result in enumerate(results, 1)
        }
        for store in stores:
            rows = await scene.database.reader.store_rows(store, None)
            assert [(row.real, row.locked) for row in rows.stocks] == [(14_000, 0)]
            _, found = await scene.database.order_events.load(store, ["o1", "o2", "o3"])
            assert {row.state for row in found} == {DONE}
            assert await scene.database.parked_messages.page(None, store, 1) == []
