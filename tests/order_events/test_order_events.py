"""What each event does and is answered, in whatever order they come."""

import itertools
import json
from typing import Any

import pytest

from eightysix.core.log_query import LogQuery
from eightysix.storage.port import Database
from eightysix.sync.bus import BusUnavailable
from tests.engine.shop import lock, stock

from .desk import (
    HAPPENED_AT,
    NOW,
    STORE,
    Desk,
    Market,
    cancelled,
    event,
    expired,
    open_desk,
    paid,
    placed,
    returned,
    store,
)


async def test_an_order_goes_its_way(desk: Desk) -> None:
    await desk.tell(placed(portions=3))
    assert await desk.stocks() == {1: (10, 3), 2: (10, 0)}
    await desk.tell(paid())
    assert await desk.stocks() == {1: (7, 0), 2: (10, 0)}
    await desk.tell(returned(lines=[{"sku_id": 1, "quantity": 2, "restock": True}]))
    assert await desk.stocks() == {1: (9, 0), 2: (10, 0)}
    assert desk.results() == [(1, "locked"), (2, "deducted"), (3, "returned")]
    first = desk.answers[0]
    assert (first["type"], first["event_type"], first["brandId"], first["poiId"], first["order_id"]) == (
        "order.stock", "order.placed", "noodles", STORE, "order",
    )  # fmt: skip
    assert first["body"]["lines"] == [
        {"sku_id": 1, "line_no": 0, "requested_quantity": 3, "quantity": 3, "state": "LOCKED"}
    ]
    assert desk.events.done == {"locked": 1, "deducted": 1, "returned": 1}
    assert await desk.parked() == {}


async def test_a_refusal_says_what_is_short(desk: Desk) -> None:
    await desk.tell(placed(portions=11), paid(), cancelled(3))
    assert desk.results() == [(1, "refused"), (2, "refund_needed"), (3, "unlocked")]
    body = desk.answers[0]["body"]
    assert body["code"] == "OUT_OF_STOCK"
    assert body["shortages"][0] | {"requested": 11, "available": 10, "blocked_by": "quantity"} == body["shortages"][0]
    assert desk.answers[1]["body"]["code"] == "ORDER_NOT_FOUND"
    assert await desk.stocks() == {1: (10, 0), 2: (10, 0)}


async def test_what_is_paid_is_returned_not_cancelled(desk: Desk) -> None:
    await desk.tell(placed(portions=3), paid(), cancelled(3))
    assert desk.results()[-1] == (3, "refused")
    assert desk.answers[-1]["body"]["code"] == "ALREADY_DEDUCTED"
    await desk.tell(returned(4))
    assert desk.results()[-1] == (4, "returned")
    assert await desk.stocks() == {1: (7, 0), 2: (10, 0)}


async def test_what_is_cancelled_and_paid_has_to_be_paid_back(desk: Desk) -> None:
    await desk.tell(placed(), cancelled(), paid(3))
    assert desk.results() == [(1, "locked"), (2, "unlocked"), (3, "refund_needed")]
    assert await desk.stocks() == {1: (10, 0), 2: (10, 0)}


async def test_a_part_is_locked_where_it_is_asked_for(desk: Desk) -> None:
    await desk.tell(placed(portions=12, partial=True), paid(lines=[{"sku_id": 1, "quantity": 4}]))
    assert desk.answers[0]["body"]["lines"][0]["quantity"] == 10
    assert await desk.stocks() == {1: (6, 0), 2: (10, 0)}


async def test_any_order_of_arrival_ends_the_same(desk: Desk) -> None:
    await desk.engine.submit(stock(STORE, 100))
    ways = list(itertools.permutations(range(4)))
    for number, way in enumerate(ways, 1):
        order_id = f"order-{number}"
        part = [{"sku_id": 1, "quantity": 1, "restock": True}]
        clean = [
            placed(1, order_id, portions=3), paid(2, order_id), returned(3, order_id, lines=part), returned(4, order_id)
        ]  # fmt: skip
        for at in (*way, *way):
            await desk.tell(clean[at])
        last = dict(desk.results(order_id))
        assert last == {1: "locked", 2: "deducted", 3: "returned", 4: "returned"}
        assert await desk.stocks() == {1: (100 - 2 * number, 0), 2: (10, 0)}
    assert await desk.parked() == {}


async def test_a_repeat_is_answered_again_with_the_same_answer(desk: Desk) -> None:
    first, second = placed(portions=3), paid()
    await desk.tell(first, second, first, second, first)
    said = [json.dumps(each) for each in desk.answers]
    assert said == [said[0], said[1], said[0], said[1], said[0]]
    assert desk.events.arrivals["repeated"] == 3
    await desk.tell_together(first, first, second, second)
    assert [json.dumps(each) for each in desk.answers[5:]] == said[:2]


async def test_a_repeat_may_write_its_numbers_otherwise(desk: Desk) -> None:
    first = placed(portions=3)
    await desk.tell(first, {**first, "lines": [{"quantity": 3.0, "sku_id": 1}]})
    assert desk.results() == [(1, "locked"), (1, "locked")]
    assert await desk.parked() == {}


async def test_events_of_several_orders_in_one_call(desk: Desk) -> None:
    events = [placed(order_id=f"o{at}") for at in range(8)] + [paid(order_id=f"o{at}") for at in range(8)]
    await desk.tell_together(*events[::-1])
    assert await desk.stocks() == {1: (2, 0), 2: (10, 0)}
    for at in range(8):
        assert desk.results(f"o{at}") == [(1, "locked"), (2, "deducted")]


async def test_an_early_event_waits_across_restarts(database: Database) -> None:
    third, second, first = returned(), paid(), placed(portions=2)
    async with open_desk(database) as desk:
        await desk.tell(third, second, second)
        assert (desk.answers, await desk.stocks()) == ([], {1: (10, 0), 2: (10, 0)})
        assert desk.events.arrivals["early"] == 2
    async with open_desk(database) as desk:
        await desk.tell(first)
        assert desk.results() == [(1, "locked"), (2, "deducted"), (3, "returned")]
        assert await desk.stocks() == {1: (8, 0), 2: (10, 0)}
        _, rows = await database.order_events.load(store(STORE), ["order"])
        assert {(row.state, row.body) for row in rows} == {(3, "")}


async def test_what_expired_is_locked_anew_when_it_is_paid(desk: Desk) -> None:
    await desk.tell(placed(portions=10, expires_in=1))
    await expired(desk, "order")
    await desk.engine.submit(lock(STORE, "rival", portions=1))
    await desk.tell(paid())
    assert desk.results()[-1] == (2, "refund_needed")
    assert desk.answers[-1]["body"]["code"] == "LOCK_EXPIRED_NO_STOCK"
    assert await desk.stocks() == {1: (10, 1), 2: (10, 0)}
    await desk.tell(placed(1, "other", portions=9, expires_in=1))
    await expired(desk, "other")
    await desk.tell(paid(2, "other"))
    assert desk.results()[-1] == (2, "deducted")
    assert await desk.stocks() == {1: (1, 1), 2: (10, 0)}


async def test_the_log_names_the_event(desk: Desk) -> None:
    first = placed()
    await desk.tell(first)
    page = await desk.database.log.page(store(STORE), LogQuery(order_id="order"), None, 10)
    (row,) = page.rows
    assert (row.actor, row.source, row.event_id) == ("order-events", "bus", first["event_id"])
    assert row.happened_at == HAPPENED_AT


# --- what can't be processed


async def unchanged(desk: Desk) -> None:
    assert await desk.stocks() == {1: (10, 0), 2: (10, 0)}
    assert desk.answers == []


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"order_seq": 0}, "NUMBER_OUT_OF_RANGE", "order_seq"),
        ({"order_seq": None}, "WRONG_TYPE", "order_seq"),
        ({"event_id": " "}, "ID_INVALID", "event_id"),
        ({"occurred_at": NOW.removesuffix("Z")}, "WRONG_TYPE", "occurred_at"),
        ({"type": "order.eaten"}, "UNKNOWN_VALUE", "type"),
        ({"colour": "red"}, "UNKNOWN_FIELD", "colour"),
        ({"lines": [{"sku_id": 1, "quantity": 1}, {"sku_id": 1, "quantity": 0}]}, "QUANTITY_OUT_OF_RANGE",
         "lines[1].quantity"),
        ({"lines": []}, "EMPTY", "lines"),
        ({"order_id": "a\nb"}, "ID_INVALID", "order_id"),
        ({"brandId": 7}, "WRONG_TYPE", "brandId"),
    ],
)  # fmt: skip
async def test_an_unreadable_event_is_parked_with_what_is_wrong(
    desk: Desk, wrong: dict[str, Any], code: str, field: str
) -> None:
    await desk.tell(placed(**wrong))
    await unchanged(desk)
    (parked,) = await desk.database.parked_messages.page(None, None, 10)
    reason = json.loads(parked.reason)
    assert (reason["code"], reason["field"]) == (code, field)
    assert desk.events.arrivals["unreadable"] == 1
    assert parked.store == (None if "brandId" in wrong else store(STORE))


@pytest.mark.parametrize(
    "body", [b"{", b"\xff\x00\xfe", b"[]", b'{"type":"order.paid"}', b"[" * 10_000, b"x" * 300_000, b'"\xed\xa0\x80"']
)
async def test_rubbish_is_parked_and_shown_as_far_as_it_can_be(desk: Desk, body: bytes) -> None:
    await desk.tell(body, body)
    await unchanged(desk)
    (parked,) = await desk.database.parked_messages.page(None, None, 10)
    assert (parked.key.bucket, parked.store, parked.tries) == (0, None, 2)
    assert 0 < len(parked.body) <= 1_100_000
    assert await desk.events.replay(parked.key) == "parked"


async def test_rubbish_amid_others_doesn_t_stand_in_their_way(desk: Desk) -> None:
    await desk.tell_together(b"{", placed(), placed(order_seq=0), paid())
    assert desk.results() == [(1, "locked"), (2, "deducted")]


async def test_another_event_of_the_same_number_is_parked(desk: Desk) -> None:
    first, other = placed(portions=1), placed(portions=2)
    await desk.tell(first, other)
    assert desk.results() == [(1, "locked")]
    assert await desk.parked() == {other["event_id"]: "EVENT_DIFFERS"}
    assert (await desk.stocks())[1] == (10, 1)
    early, another = paid(3), paid(3)
    await desk.tell_together(early, another)
    assert (await desk.parked())[another["event_id"]] == "EVENT_DIFFERS"


async def test_an_event_id_is_used_once(desk: Desk) -> None:
    first = placed()
    await desk.tell(first, paid(event_id=first["event_id"]))
    assert desk.results() == [(1, "locked")]
    assert await desk.parked() == {first["event_id"]: "EVENT_ID_USED"}


async def test_an_event_of_more_than_thirty_days_ago_is_parked(desk: Desk) -> None:
    old = placed(occurred_at="2020-01-01T00:00:00Z")
    await desk.tell(old, old)
    await unchanged(desk)
    assert await desk.parked() == {old["event_id"]: "EVENT_TOO_OLD"}


async def test_an_unknown_store_s_events_wait_and_are_parked(database: Database) -> None:
    async with open_desk(database, Market(())) as desk:
        first, second = placed(), paid()
        await desk.tell(second, first)
        assert desk.market.looks
        assert await desk.look() == 0
        assert await desk.parked() == {}
        assert await desk.look(store_seconds=0.0) == 1
        assert await desk.parked() == {first["event_id"]: "STORE_UNKNOWN"}
        assert await desk.look(store_seconds=0.0, wait_seconds=0.0) == 1
        assert await desk.parked() == {first["event_id"]: "STORE_UNKNOWN", second["event_id"]: "EVENT_EARLY"}
        assert desk.answers == []
        desk.market.coming = [STORE]
        page = await database.parked_messages.page(None, None, 10)
        (key,) = [each.key for each in page if each.key.message_id.startswith(first["event_id"])]
        assert await desk.events.replay(key) == "processed"
        assert desk.results() == [(1, "locked"), (2, "deducted")]
        assert await desk.parked() == {}
        assert await desk.events.replay(key) == "unknown"


async def test_a_store_that_comes_a_moment_later_is_found(database: Database) -> None:
    market = Market(())
    async with open_desk(database, market) as desk:
        await desk.tell(placed())
        market.coming = [STORE]
        await desk.look()
        assert desk.results() == [(1, "locked")]
        market.coming = ["2"]
        await desk.tell(placed(poiId="2", order_id="o2"))
        assert desk.results("o2") == [(1, "locked")]


async def test_what_waits_too_long_is_parked_and_done_all_the_same(desk: Desk) -> None:
    first, second, third = placed(), paid(), returned()
    await desk.tell(third, second)
    assert await desk.look() == 0
    assert await desk.look(wait_seconds=0.0) == 2
    assert await desk.parked() == {second["event_id"]: "EVENT_EARLY", third["event_id"]: "EVENT_EARLY"}
    page = await desk.database.parked_messages.page(None, None, 10)
    assert [json.loads(each.reason)["values"] for each in page] == [{"missing": 1}] * 2
    for each in page:
        assert await desk.events.replay(each.key) == "waiting"
    assert await desk.look(wait_seconds=0.0) == 0
    await unchanged(desk)
    await desk.tell(first)
    assert desk.results() == [(1, "locked"), (2, "deducted"), (3, "returned")]
    assert await desk.parked() == {}


async def test_the_looks_find_every_range(desk: Desk) -> None:
    market = desk.market
    stores = [str(number) for number in range(2, 60)]
    market._stores.update(Market(stores)._stores)
    events = [paid(order_id="o", poiId=poi_id) for poi_id in stores]
    await desk.tell(*events)
    upkeep = desk.upkeep(wait_seconds=0.0, rows=3)
    for range_ in range(64):
        await upkeep.look(range_)
    assert upkeep.overdue == len(stores)
    assert set(await desk.parked()) == {each["event_id"] for each in events}


async def test_old_events_are_forgotten_and_their_order_goes_on(desk: Desk) -> None:
    await desk.tell(placed(portions=2), *(paid(order_id=f"o{at}") for at in range(5)))
    bucket = store(STORE).bucket
    upkeep = desk.upkeep(rows=2)
    assert await upkeep.forget(bucket) == 0
    await desk.tell(paid())
    _, rows = await desk.database.order_events.load(store(STORE), ["order"])
    (first,) = [row for row in rows if row.order_seq == 1]
    await desk.database.order_events.remove([first])
    await desk.tell(returned(), event("paid", 1))
    assert desk.results()[-1] == (3, "returned")
    assert list((await desk.parked()).values()) == ["EVENT_LATE"]
    assert await desk.upkeep(keep_days=-1, rows=2).forget(bucket) == 2
    assert len((await desk.database.order_events.load(store(STORE), ["o1"]))[1]) == 1, "what waits stays"


# --- faults


async def test_a_fault_that_may_pass_has_it_delivered_again(desk: Desk) -> None:
    await desk.engine.stop()
    first = placed()
    with pytest.raises(BusUnavailable):
        await desk.tell(first)
    await unchanged(desk)
    assert await desk.parked() == {}
    assert (await desk.database.order_events.load(store(STORE), ["order"]))[1] == []
