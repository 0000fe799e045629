"""Reads outside of batches, each one consistent snapshot."""

from eightysix.core.change import Alert, DueLock, Head, Journal, OrderFact, Timer
from eightysix.core.hub import Hub
from eightysix.core.key import StoreKey
from eightysix.core.reservation import State

from .scene import DISH, SOUP, Scene, a_channel, a_reservation, a_stock, changes, new_batch_number, next_changes, write


async def test_a_store_that_nobody_touched_is_empty(scene: Scene) -> None:
    store = scene.store()
    reader = scene.database.reader
    assert (await reader.head(store))[1] == Head()
    rows = await reader.store_rows(store, None)
    assert (rows.head, rows.stocks, rows.channels, rows.due, rows.next_due_at) == (Head(), (), (), (), None)
    assert (await reader.order(store, "order"))[1:] == ([], None)
    assert await scene.audit(store) is None


async def test_all_or_the_named_stocks(scene: Scene) -> None:
    store, other = scene.stores(2)
    channels = [a_channel(DISH, "POS"), a_channel(SOUP, "POS"), a_channel(SOUP, "KIOSK")]
    rows = changes(
        head=Head(5, 4, 9),
        stocks=[(None, a_stock(DISH)), (None, a_stock(SOUP))],
        channels=[(None, c) for c in channels],
    )
    await scene.write({store: rows, other: rows})
    everything = await scene.database.reader.store_rows(store, None)
    named = await scene.database.reader.store_rows(store, [SOUP])
    nothing = await scene.database.reader.store_rows(store, [])
    assert {stock.key for stock in everything.stocks} == {DISH, SOUP}
    assert len(everything.channels) == 3
    assert everything.head == named.head == nothing.head == Head(5, 4, 9)
    assert named.stocks == (a_stock(SOUP),)
    assert {(row.key, row.channel_code) for row in named.channels} == {(SOUP, "POS"), (SOUP, "KIOSK")}
    assert (nothing.stocks, nothing.channels) == ((), ())


async def test_locks_past_their_time_and_the_next_to_die(scene: Scene) -> None:
    store = scene.store()
    now, _ = await scene.database.reader.head(store)
    later, much_later = now + 600_000, now + 900_000
    dead = [a_reservation("dead", line_no=number, expires_at=now - 1_000) for number in (0, 1)]
    closed = a_reservation("dead", line_no=2, state=State.UNLOCKED, expires_at=now - 1_000)
    live = [a_reservation("live", expires_at=later), a_reservation("longer", expires_at=much_later)]
    due = [DueLock(now - 1_000, "dead"), DueLock(later, "live"), DueLock(much_later, "longer")]
    await scene.write({store: changes(reservations=[(None, row) for row in [*dead, closed, *live]], due_added=due)})
    rows = await scene.database.reader.store_rows(store, [DISH])
    assert sorted(rows.due, key=lambda row: row.line_no) == dead
    assert rows.next_due_at == later
    assert rows.now >= now


async def test_an_order_by_line(scene: Scene) -> None:
    store, other = scene.stores(2)
    lines = [a_reservation("order", sku, number) for sku in (30, 4, 100) for number in (10, 9)]
    strangers = [a_reservation("Order"), a_reservation("order ")]
    rows = changes(reservations=[(None, row) for row in lines + strangers], facts=[OrderFact("order", 77)])
    await scene.write({store: rows})
    now, found, fact = await scene.database.reader.order(store, "order")
    assert [(row.sku_id, row.line_no) for row in found] == [(4, 9), (4, 10), (30, 9), (30, 10), (100, 9), (100, 10)]
    assert sorted(found, key=repr) == sorted(lines, key=repr)
    assert fact == OrderFact("order", 77)
    assert now > 1_600_000_000_000
    assert (await scene.database.reader.order(other, "order"))[1:] == ([], None)


async def test_the_live_lines_whose_home_this_is(scene: Scene) -> None:
    store, other = scene.stores(2)
    now, _ = await scene.database.reader.head(store)
    later, dead = now + 600_000, now - 1_000
    lines = {
        name: a_reservation(order_id, sku, line_no, **{"expires_at": later, **more})
        for name, order_id, sku, line_no, more in (
            ("b7", "b", 7, 0, {}), ("b4", "b", 4, 0, {}), ("b41", "b", 4, 1, {}), ("a", "a", 4, 0, {}),
            ("B", "B", 4, 0, {}), ("dead", "c", 4, 0, {"expires_at": dead}), ("c", "c", 5, 0, {}),
            ("paid", "d", 4, 0, {"state": State.DEDUCTED}), ("hub", "e", 4, 0, {"hub_id": "hub_1"}),
        )
    }  # fmt: skip
    due = [DueLock(later, order_id) for order_id in "baBcde"]
    due += [DueLock(dead, "c"), DueLock(later + 1, "b")]
    rows = changes(reservations=[(None, line) for line in lines.values()], due_added=due)
    await scene.write({store: rows, other: rows})
    reader = scene.database.reader

    async def read(after: str, limit: int) -> list[str]:
        at, found = await reader.live_lines(store, after, limit)
        assert at >= now
        names = {(line.order_id, line.line): name for name, line in lines.items()}
        return [names[line.order_id, line.line] for line in found]

    assert await read("", 100) == ["B", "a", "b4", "b41", "b7", "c"]
    assert await read("", 4) == ["B", "a", "b4", "b41"]
    assert await read("a", 100) == ["b4", "b41", "b7", "c"]
    assert await read("c", 100) == []


async def test_the_hubs_of_a_store_and_their_journals(scene: Scene) -> None:
    store, other = scene.stores(2)
    hubs = [Hub("hub_1", 77, {"2/102": 500}, 1), Hub("hub_2", None, {}, 1)]
    told, pos = Journal("hub_2", "j", 5, 9, None, "c" * 64), Journal("pos", "j", 5, 9)
    await scene.write({store: changes(hubs=[(None, hub) for hub in hubs], journals=[(None, told), (None, pos)])})
    found = await scene.database.reader.hub_rows(store)
    assert sorted(found.hubs, key=lambda hub: hub.hub_id) == hubs
    assert found.journals == (told,)
    assert await scene.database.reader.hub_rows(other) == ((), ())


async def test_stores_with_a_due_lock(scene: Scene) -> None:
    due, live, none = scene.stores(3)
    twin = StoreKey.of("another brand", due.poi_id)
    now, _ = await scene.database.reader.head(due)
    past = [DueLock(now - 2_000, "a"), DueLock(now - 1_000, "b")]
    await scene.write({
        due: changes(due_added=past), twin: changes(due_added=past),
        live: changes(due_added=[DueLock(now + 600_000, "a")]), none: changes(),
    })  # fmt: skip
    buckets = sorted({due.bucket, live.bucket, none.bucket})
    found = await scene.database.reader.due_stores(buckets, 1_000)
    assert len(found) == len(set(found))
    assert {due, twin} <= set(found)
    assert not {live, none} & set(found)
    assert await scene.database.reader.due_stores([(due.bucket + 512) % 1024], 1_000) != found
    assert len(await scene.database.reader.due_stores([due.bucket], 1)) == 1


async def test_the_next_timers_and_what_each_was_planned_from(scene: Scene) -> None:
    first, second, idle, none = scene.stores(4)
    await scene.write({
        first: changes(timer=(None, Timer(2_000, 7, 1, 1, 31, 4))),
        second: changes(timer=(None, Timer(1_000, 8, 1, 1))),
        idle: changes(timer=(None, Timer(None, 9, 1, 1))), none: changes(),
    })  # fmt: skip
    buckets = sorted({store.bucket for store in (first, second, idle, none)})
    now, found = await scene.database.reader.next_timers(buckets, 1_000)
    mine = [(due_at, store) for due_at, store in found if store in {first, second, idle, none}]
    assert mine == [(1_000, second), (2_000, first)]
    assert [due_at for due_at, _ in found] == sorted(due_at for due_at, _ in found)
    assert now > 1_600_000_000_000
    assert (await scene.database.reader.next_timers(buckets, 1))[1] == found[:1]
    planned = await scene.database.reader.planned_versions(buckets)
    assert {store: planned[store] for store in (first, second, idle, none)} == {
        first: (7, 31), second: (8, 0), idle: (9, 0), none: (0, 0)
    }  # fmt: skip


async def test_alerts_come_newest_first_page_by_page(scene: Scene) -> None:
    store, other = scene.stores(2)
    keys = [(seq, code) for seq in (1, 2, 3) for code in ("", "APP", "POS")]
    rows = [Alert(seq, code, "low_stock", DISH, 1, 2, 5) for seq, code in keys]
    await scene.write({store: changes(alerts=rows), other: changes(alerts=rows[:1])})
    found: list[Alert] = []
    while page := await scene.database.reader.alerts(
        store, (found[-1].seq, found[-1].channel_code) if found else None, 2
    ):
        assert len(page) <= 2
        found += page
    assert found == sorted(rows, key=lambda row: (row.seq, row.channel_code), reverse=True)


async def test_readers_see_only_what_is_committed_and_wait_for_nobody(scene: Scene) -> None:
    store = scene.store()
    lane = await scene.lane(store)
    await write(lane, {store: changes(stocks=[(None, a_stock())])})
    await lane.begin([store], new_batch_number())
    await lane.save({store: next_changes(1, stocks=[(a_stock(), a_stock(real=0, version=2))])})
    during = await scene.database.reader.store_rows(store, None)
    await lane.commit()
    after = await scene.database.reader.store_rows(store, None)
    assert (during.head.seq, during.stocks[0].real) == (1, 10_000)
    assert (after.head.seq, after.stocks[0].real) == (2, 0)


async def test_ping_answers(scene: Scene) -> None:
    await scene.database.ping()
