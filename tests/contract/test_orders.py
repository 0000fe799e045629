"""What a batch loads of orders: named ones, due ones, remembered requests, the day's takes."""

from eightysix.core.change import DueLock, OrderFact, RequestRecord
from eightysix.core.reservation import State
from eightysix.storage.port import DUE_MOST, OrdersWanted

from .scene import (
    DISH,
    SOUP,
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


def _locked(order_id: str, due_at: int, lines: int = 1) -> dict[str, list[object]]:
    rows = [a_reservation(order_id, line_no=number, expires_at=due_at) for number in range(lines)]
    return {"reservations": [(None, row) for row in rows], "due_added": [DueLock(due_at, order_id)]}


async def test_only_what_is_named_is_loaded(scene: Scene) -> None:
    store, other = scene.stores(2)
    lane = await scene.lane(store)
    rows = changes(
        reservations=[(None, a_reservation(order_id, line_no=no)) for order_id in ("a", "b", "c") for no in (0, 1)],
        facts=[OrderFact("a", 1), OrderFact("z", 2)],
        requests=[RequestRecord(request_id, b"\x01" * 32, b"{}", 3) for request_id in ("r1", "r2")],
    )
    await write(lane, {store: rows, other: rows})
    loaded = await orders_of(lane, store, "a", "b", "z", "unknown", requests=["r2", "r3"])
    assert by_line(loaded.reservations) == [row for _, row in rows.reservations if row.order_id in {"a", "b"}]
    assert sorted(fact.order_id for fact in loaded.facts) == ["a", "z"]
    assert loaded.requests == [rows.requests[1]]


async def test_each_store_gets_its_own(scene: Scene) -> None:
    first, second, third = scene.stores(3)
    lane = await scene.lane(first)
    await write(lane, {store: changes(**_locked("same", 100)) for store in (first, second)})
    await lane.begin([first, second, third], new_batch_number())
    wanted = {
        first: OrdersWanted({"same"}, set()),
        second: OrdersWanted({"else"}, set()),
        third: OrdersWanted({"same"}, set()),
    }
    loaded = await lane.load_orders(wanted, dict.fromkeys(wanted, 0))
    assert [len(loaded[store].reservations) for store in (first, second, third)] == [1, 0, 0]


async def test_due_orders_come_with_all_their_lines_and_facts(scene: Scene) -> None:
    store = scene.store()
    lane = await scene.lane(store)
    await write(lane, {store: changes(**_locked("early", 100, lines=3))})
    await write(
        lane, {store: next_changes(1, **_locked("late", 200), facts=[OrderFact("early", 7), OrderFact("x", 8)])}
    )
    before = await orders_of(lane, store, now=99)
    at = await orders_of(lane, store, now=100)
    both = await orders_of(lane, store, "early", "late", now=200)
    assert (before.reservations, before.due, before.facts) == ([], [], [])
    assert at.due == [DueLock(100, "early")]
    assert [row.line_no for row in by_line(at.reservations)] == [0, 1, 2]
    assert at.facts == [OrderFact("early", 7)]
    assert sorted(due.order_id for due in both.due) == ["early", "late"]
    assert len(both.reservations) == 4, "an order that is both named and due comes once"
    assert len(both.facts) == 1


async def test_each_store_has_its_own_now(scene: Scene) -> None:
    first, second = scene.stores(2)
    lane = await scene.lane(first)
    await write(lane, {store: changes(**_locked("order", 100)) for store in (first, second)})
    await lane.begin([first, second], new_batch_number())
    nothing = OrdersWanted(set(), set())
    loaded = await lane.load_orders({first: nothing, second: nothing}, {first: 100, second: 99})
    assert [len(loaded[store].due) for store in (first, second)] == [1, 0]
    assert [len(loaded[store].reservations) for store in (first, second)] == [1, 0]


async def test_a_removed_due_lock_is_due_no_more(scene: Scene) -> None:
    store = scene.store()
    lane = await scene.lane(store)
    await write(lane, {store: changes(**_locked("order", 100))})
    line = a_reservation("order", expires_at=100)
    after = a_reservation("order", expires_at=100, state=State.EXPIRED, revision=2)
    removed = next_changes(1, reservations=[(line, after)], due_removed=[DueLock(100, "order")])
    await write(lane, {store: removed})
    loaded = await orders_of(lane, store, now=1_000)
    assert (loaded.due, loaded.reservations) == ([], [])


async def test_a_request_keeps_digest_and_outcome(scene: Scene) -> None:
    store = scene.store()
    record = RequestRecord("r", bytes(range(32)), '{"dish":"担担面 🍜","n":1.5}'.encode(), 9)
    long = RequestRecord("long", b"\xff" * 32, b"[" + b"1," * 50_000 + b"1]", 10)
    await scene.write({store: changes(requests=[record, long])})
    loaded = await orders_of(await scene.lane(store), store, requests=["r", "long"])
    assert {row.request_id: row for row in loaded.requests} == {"r": record, "long": long}


async def test_taken_since_counts_what_is_or_was_sold(scene: Scene) -> None:
    store, other = scene.stores(2)
    lane = await scene.lane(store)
    rows = [
        a_reservation(f"{state.name}-{at}", state=state, locked_at=at) for state in State for at in (999, 1_000, 1_001)
    ]
    both = {key: changes(reservations=[(None, row) for row in rows]) for key in (store, other)}
    await write(lane, both)
    await lane.begin([store], new_batch_number())
    sold = {State.LOCKED, State.DEDUCTED, State.RETURNED}
    taken = await lane.load_taken_since(store, 1_000)
    expected = [row for row in rows if row.state is State.LOCKED or (row.locked_at >= 1_000 and row.state in sold)]
    assert by_line(taken) == by_line(expected)


async def test_stocks_come_with_all_their_channels_and_no_others(scene: Scene) -> None:
    store = scene.store()
    lane = await scene.lane(store)
    channels = [a_channel(key, code) for key in (DISH, SOUP) for code in ("POS", "KIOSK")]
    stocks = [a_stock(DISH), a_stock(SOUP)]
    await write(lane, {store: changes(stocks=[(None, s) for s in stocks], channels=[(None, c) for c in channels])})
    loaded = await stocks_of(lane, store, DISH)
    assert loaded.stocks == [stocks[0]]
    assert {(row.key, row.channel_code) for row in loaded.channels} == {(DISH, "POS"), (DISH, "KIOSK")}
    both = await stocks_of(lane, store, DISH, SOUP)
    assert len(both.stocks) == 2
    assert len(both.channels) == 4


async def test_a_batch_sees_what_it_saved(scene: Scene) -> None:
    store = scene.store()
    lane = await scene.lane(store)
    await lane.begin([store], new_batch_number())
    await lane.save({store: changes(stocks=[(None, a_stock())])})
    assert (await lane.load_stocks({store: {DISH}}))[store].stocks == [a_stock()]


async def test_the_oldest_of_many_due_orders_come_first(scene: Scene) -> None:
    store, beside = scene.stores(2)
    lane = await scene.lane(store)
    dues = [DueLock(at, f"o{at}") for at in range(1, 4 * DUE_MOST + 10)]
    few = [DueLock(5, "x")]
    await write(lane, {store: changes(due_added=dues), beside: changes(due_added=few)})
    await lane.begin([store, beside], new_batch_number())
    wanted = {each: OrdersWanted(set(), set()) for each in (store, beside)}
    loaded = await lane.load_orders(wanted, dict.fromkeys(wanted, 10**6))
    given = sorted(loaded[store].due, key=lambda due: due.due_at)
    assert len(given) >= DUE_MOST
    assert given == dues[: len(given)]
    assert loaded[beside].due == few
    await lane.rollback()
