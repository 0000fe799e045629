"""The relay on a real database: order, patience, what is in nobody's way, and nothing lost."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import pytest

from eightysix.core.bucket import BUCKETS
from eightysix.core.key import StoreKey
from eightysix.engine import Engine, Limits
from eightysix.storage.open import open_database
from eightysix.storage.port import Database, Unavailable
from eightysix.sync.bus import BusUnavailable, MessageRefused
from eightysix.sync.pace import RelayPace
from eightysix.wire.message import StockMessage
from tests.engine.shop import stock

from .condition import until
from .station import QUICK, ObstructedBus, Station, everywhere, refuses, station


async def changed(here: Station, key: StoreKey, times: int = 1) -> None:
    for portions in range(1, times + 1):
        await here.set(key, portions)


async def test_every_change_is_published_in_order_and_then_gone(any_database: Database) -> None:
    async with station(any_database) as here:
        stores = here.open_stores(str(number) for number in range(20))
        await here.relay.start()
        await until(lambda: len(here.leases.held) == 64)
        await asyncio.gather(*(changed(here, key, 5) for key in stores))
        await until(lambda: all(here.seqs(key)[-1:] == [5] for key in stores))
        for key in stores:
            told = here.heard[key]
            assert [(each.seq, each.prev_seq) for each in told] == [(seq, seq - 1) for seq in range(1, 6)]
            assert all(each.data.version >= each.seq for each in told)
            assert told[-1].data.real_quantity == 5
        await until(lambda: here.relay.figures.removed >= 100)
        assert await here.unpublished(stores) == {}
        assert here.relay.figures.published == here.relay.figures.latency.number == 100
        await until(lambda: here.relay.waiting_stores == 0)


async def test_what_lay_there_before_the_relay_began_is_found(any_database: Database) -> None:
    async with station(any_database) as here:
        stores = here.open_stores(["a", "b", "c"])
        for key in stores:
            await changed(here, key, 40)  # more than is read at once
        await here.relay.start()
        await until(lambda: all(here.seqs(key) == list(range(1, 41)) for key in stores))


async def test_a_change_while_an_older_one_is_stuck_comes_behind_it(database: Database) -> None:
    """Both arrive, or the newer: never only the older."""
    async with station(database, pace=RelayPace(wait_seconds_first=0.01, wait_seconds_max=0.05, tries=1_000)) as here:
        (key,) = here.open_stores(["a"])
        stuck = True

        async def obstacle(message: StockMessage) -> None:
            if stuck:
                raise MessageRefused("not now")

        here.bus.obstacle = obstacle
        await here.relay.start()
        await changed(here, key)
        await until(lambda: len(here.bus.tried) > 3)
        await here.set(key, 77)
        await until(lambda: len(here.bus.tried) > 6)
        assert set(here.bus.tried) == {(key, 1)}, "the second waits behind the first"
        stuck = False
        await until(lambda: len(here.heard[key]) == 2)
        assert [(told.seq, told.data.version, told.data.real_quantity) for told in here.heard[key]] == [
            (1, 2, 77),
            (2, 2, 77),
        ]


@pytest.mark.parametrize("fault", [MessageRefused, BusUnavailable, RuntimeError])
async def test_a_stuck_message_in_each_of_all_buckets_is_retried_while_others_flow(
    database: Database, fault: type[Exception]
) -> None:
    pace = RelayPace(wait_seconds_first=0.05, wait_seconds_max=1.0, tries=1_000_000, poll_seconds=0.5)
    async with station(database, pace=pace) as here:
        stuck = everywhere()
        flowing = [f"flow {number}" for number in range(50)]
        keys = here.open_stores([*stuck, *flowing])
        stuck_keys, flowing_keys = set(keys[:BUCKETS]), keys[BUCKETS:]
        assert {key.bucket for key in stuck_keys} == set(range(BUCKETS))

        async def obstacle(message: StockMessage) -> None:
            if StoreKey.of(message.brand_id, message.poi_id) in stuck_keys:
                raise fault("stuck")

        here.bus.obstacle = obstacle
        await here.relay.start()
        await asyncio.gather(*(changed(here, key) for key in stuck_keys))

        def tries() -> Counter[StoreKey]:
            return Counter(key for key, _ in here.bus.tried if key in stuck_keys)

        portions = 0
        while len(tries()) < BUCKETS or min(tries().values()) < 3:
            portions += 1
            assert portions < 2_000
            await asyncio.gather(*(here.set(key, portions) for key in flowing_keys))
            await until(lambda last=portions: all(here.seqs(key)[-1:] == [last] for key in flowing_keys))
        assert portions > 1
        assert all(here.seqs(key) == list(range(1, portions + 1)) for key in flowing_keys), "in order, once each"
        assert not any(here.heard[key] for key in stuck_keys)
        await until(lambda: here.relay.figures.swept_in_last_minute() == BUCKETS)
        await until(lambda: min(here.relay.figures.oldest_seconds) > 0)
        assert here.relay.figures.parked == 0

        async def cleared(message: StockMessage) -> None:
            return

        here.bus.obstacle = cleared
        await until(lambda: all(here.seqs(key) == [1] for key in stuck_keys))
        await until(lambda: max(here.relay.figures.oldest_seconds) == 0)
        assert await here.unpublished(keys) == {}


async def test_a_message_that_is_never_taken_is_parked_and_its_store_goes_on(any_database: Database) -> None:
    async with station(any_database) as here:
        key, other = here.open_stores(["a", "b"])
        poison = 2

        async def obstacle(message: StockMessage) -> None:
            if (message.poi_id, message.seq) == ("a", poison):
                raise MessageRefused("such a message is refused")

        here.bus.obstacle = obstacle
        await here.relay.start()
        await changed(here, key, 4)
        await changed(here, other, 2)
        await until(lambda: here.seqs(key) == [1, 3, 4])
        await until(lambda: here.seqs(other) == [1, 2])
        (parked,) = await here.database.outbox.parked(None, 10, key)
        assert (parked.row.seq, parked.row.prev_seq, parked.tries) == (2, 1, QUICK.tries)
        assert parked.reason == "MessageRefused: such a message is refused"
        assert here.bus.tried.count((key, 2)) == QUICK.tries
        assert here.heard[key][1].prev_seq == 2, "who listens sees the gap"
        assert here.relay.figures.parked == 1
        poison = 0
        assert await here.database.outbox.put_back(key, [2]) == 1
        here.relay.wake([key])
        await until(lambda: here.seqs(key) == [1, 3, 4, 2])
        replayed = here.heard[key][-1]
        assert (replayed.prev_seq, replayed.data.version) == (1, 4)
        await until(lambda: here.relay.waiting_stores == 0)
        assert await here.unpublished([key, other]) == {}


async def test_tries_are_counted_on_while_what_was_in_front_is_still_removed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait of a message that failed is over before the ones in front of it are out of the outbox."""
    outbox = database.outbox
    remove = outbox.remove

    async def remove_slowly(rows: Mapping[StoreKey, Sequence[int]]) -> int:
        await asyncio.sleep(2 * QUICK.wait_seconds_max)
        return await remove(rows)

    monkeypatch.setattr(outbox, "remove", remove_slowly)
    async with station(database) as here:
        (key,) = here.open_stores(["a"])
        here.bus.obstacle = refuses(2)
        await changed(here, key, 2)
        await here.relay.start()
        await until(lambda: here.relay.figures.parked == 1)
        assert here.bus.tried.count((key, 2)) == QUICK.tries


async def test_a_bus_that_is_away_is_waited_for_and_nothing_is_parked(database: Database) -> None:
    async with station(database) as here:
        stores = here.open_stores(str(number) for number in range(100))
        away = True

        async def obstacle(message: StockMessage) -> None:
            if away:
                raise BusUnavailable("nobody there")

        here.bus.obstacle = obstacle
        await here.relay.start()
        await asyncio.gather(*(changed(here, key, 3) for key in stores))
        await until(lambda: here.relay.bus_is_down)
        before = len(here.bus.tried)
        await until(lambda: here.relay.figures.unavailable > before + 20)
        assert len(here.bus.tried) - before < 300, "a few try for all"
        assert here.relay.figures.parked == 0
        away = False
        await until(lambda: all(here.seqs(key) == [1, 2, 3] for key in stores))
        assert not here.relay.bus_is_down
        assert await here.database.outbox.parked(None, 10) == []


async def test_a_bus_that_never_answers_holds_up_its_stores_alone(database: Database) -> None:
    pace = RelayPace(publish_seconds=0.3, wait_seconds_first=0.01, wait_seconds_max=0.1)
    async with station(database, pace=pace) as here:
        hung, *others = here.open_stores(["hung", *(str(number) for number in range(10))])

        async def obstacle(message: StockMessage) -> None:
            if message.poi_id == "hung":
                await asyncio.Event().wait()

        here.bus.obstacle = obstacle
        await here.relay.start()
        await asyncio.gather(*(changed(here, key, 3) for key in (hung, *others)))
        await until(lambda: all(here.seqs(key) == [1, 2, 3] for key in others))
        await until(lambda: here.bus.tried.count((hung, 1)) >= 3)
        assert here.seqs(hung) == []
        assert here.relay.figures.parked == 0


async def test_one_message_of_a_store_is_in_flight_at_a_time(database: Database) -> None:
    async with station(database) as here:
        stores = here.open_stores(["a", "b", "c"])
        under_way: Counter[str] = Counter()
        most: Counter[str] = Counter()
        together = 0

        async def obstacle(message: StockMessage) -> None:
            nonlocal together
            under_way[message.poi_id] += 1
            most[message.poi_id] = max(most[message.poi_id], under_way[message.poi_id])
            together = max(together, sum(under_way.values()))
            await asyncio.sleep(0.002)
            under_way[message.poi_id] -= 1

        here.bus.obstacle = obstacle
        await here.relay.start()
        await asyncio.gather(*(changed(here, key, 30) for key in stores))
        await until(lambda: all(here.seqs(key) == list(range(1, 31)) for key in stores))
        assert set(most.values()) == {1}
        assert together == 3


async def test_what_is_published_together_is_told_apart_where_one_of_it_is_refused(database: Database) -> None:
    bus = ObstructedBus()
    bus.at_once = 8
    async with station(database, bus=bus) as here:
        (key,) = here.open_stores(["a"])
        here.bus.obstacle = refuses(3)
        await changed(here, key, 6)
        await here.relay.start()
        await until(lambda: here.seqs(key)[-3:] == [4, 5, 6])
        assert here.seqs(key) == [1, 2, 4, 5, 6], "each once, and in order"
        assert here.bus.tried[:3] == [(key, 1), (key, 2), (key, 3)], "together first"
        (parked,) = await here.database.outbox.parked(None, 10, key)
        assert (parked.row.seq, parked.tries) == (3, QUICK.tries)
        await until(lambda: here.relay.waiting_stores == 0)
        assert await here.unpublished([key]) == {}
    await bus.close()


async def test_what_another_process_writes_between_comes_in_its_place(any_database: Database, any_url: str) -> None:
    """A process without a relay changes the stores, too, and its signals don't arrive: what is known of a store stays
    right all the same."""
    if not any_database.capabilities.several_processes:
        pytest.skip("one process only")
    other_database = await open_database(any_url, owner=uuid.uuid4().hex)
    try:
        async with station(any_database) as here:
            stores = here.open_stores(["a", "b", "c"])
            other = Engine(other_database, here.shop, Limits(sweep_seconds=3600, deadline_seconds=60))
            await other.start()
            await here.relay.start()
            await until(lambda: len(here.leases.held) == 64)
            for portions in range(1, 21):
                engine = here.engine if portions % 3 else other
                await asyncio.gather(*(engine.submit(stock(key.poi_id, portions, sku_ids=(1,))) for key in stores))
            await other.stop()
            await until(lambda: all(here.seqs(key)[-1:] == [20] for key in stores))
            for key in stores:
                told = here.heard[key]
                assert [(each.seq, each.prev_seq) for each in told] == [(seq, seq - 1) for seq in range(1, 21)]
            await until(lambda: here.relay.waiting_stores == 0)
            assert await here.unpublished(stores) == {}
    finally:
        await other_database.close()


async def test_what_can_t_be_rendered_is_parked_too(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async with station(database) as here:
        key, other = here.open_stores(["a", "b"])
        real = here.shop.item

        def item(brand_id: str, object_type: int, object_id: int) -> object:
            if object_id == 13:
                raise RuntimeError("a broken item")
            return real(brand_id, object_type, object_id)

        await here.set(key, 5, 13)
        await here.set(key, 5, 2)
        await changed(here, other)
        monkeypatch.setattr(here.shop, "item", item)
        await here.relay.start()
        await until(lambda: here.seqs(other) == [1])
        await until(lambda: here.seqs(key) == [2])
        (parked,) = await here.database.outbox.parked(None, 10)
        assert parked.reason == "RuntimeError: a broken item"
        monkeypatch.undo()
        await here.database.outbox.put_back(key, [1])
        await until(lambda: here.seqs(key) == [2, 1])


async def test_the_end_publishes_what_is_there(database: Database) -> None:
    async with station(database) as here:
        stores = here.open_stores(str(number) for number in range(50))
        await here.relay.start()
        await asyncio.gather(*(changed(here, key, 3) for key in stores))
        await here.engine.stop()
        await here.relay.stop(20)
        assert all(here.seqs(key) == [1, 2, 3] for key in stores)
        assert await here.unpublished(stores) == {}


async def test_the_end_doesn_t_wait_for_a_bus_that_is_away(database: Database) -> None:
    async with station(database) as here:
        (key,) = here.open_stores(["a"])

        async def obstacle(message: StockMessage) -> None:
            raise BusUnavailable("nobody there")

        here.bus.obstacle = obstacle
        await here.relay.start()
        await changed(here, key)
        await until(lambda: here.relay.bus_is_down)
        await asyncio.wait_for(here.relay.stop(60), 20)
        assert await here.unpublished([key]) == {key: [1]}


async def test_what_was_published_but_not_removed_comes_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relay that dies between the two."""
    outbox = database.outbox

    async def remove(rows: object) -> int:
        raise Unavailable("gone")

    async with station(database, owner="first") as here:
        stores = here.open_stores(["a", "b"])
        monkeypatch.setattr(outbox, "remove", remove)
        await here.relay.start()
        for key in stores:
            await changed(here, key, 3)
        await until(lambda: all(here.seqs(key) for key in stores) and here.relay.figures.database_faults)
        assert set(await here.unpublished(stores)) == set(stores)
        firsts = {key: here.seqs(key) for key in stores}
    monkeypatch.undo()
    async with station(database, owner="second") as after:
        after.open_stores(["a", "b"])
        await after.relay.start()
        await until(lambda: all(after.seqs(key) == [1, 2, 3] for key in stores))
        assert all(firsts[key] for key in stores), "so each came twice, and in order both times"
        await until(lambda: after.relay.waiting_stores == 0)
        assert await after.unpublished(stores) == {}


async def test_a_database_that_is_away_for_a_while_loses_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = database.outbox
    real = {name: getattr(outbox, name) for name in ("pending", "states", "remove", "waiting")}
    away = False

    def tampered(name: str) -> object:
        async def call(*args: object) -> object:
            if away:
                raise Unavailable("gone")
            return await real[name](*args)

        return call

    async with station(database, pace=RelayPace(database_pause=0.05, poll_seconds=0.2)) as here:
        stores = here.open_stores(str(number) for number in range(20))
        for name in real:
            monkeypatch.setattr(outbox, name, tampered(name))
        await here.relay.start()
        for key in stores:
            await changed(here, key, 2)
        away = True
        for key in stores:
            await here.set(key, 3)
        await until(lambda: here.relay.figures.database_faults > 3)
        away = False
        await until(lambda: all(here.seqs(key)[-1:] == [3] for key in stores))
        for key in stores:
            assert list(dict.fromkeys(here.seqs(key))) == [1, 2, 3]
        await until(lambda: here.relay.waiting_stores == 0)
        assert await here.unpublished(stores) == {}


async def test_a_bus_that_gives_a_message_up_is_asked_again(database: Database) -> None:
    """A call that its library cancels, as it does when it closes a channel, is no reason for the store to wait for
    ever."""
    async with station(database) as here:
        (key,) = here.open_stores(["a"])

        async def obstacle(message: StockMessage) -> None:
            if len(here.bus.tried) < 3:
                raise asyncio.CancelledError

        here.bus.obstacle = obstacle
        await here.relay.start()
        await changed(here, key)
        await until(lambda: here.seqs(key) == [1])
        assert here.relay.figures.unavailable == 2


async def test_rows_that_can_t_be_removed_hold_up_their_store_alone(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with station(database) as here:
        stuck, *others = here.open_stores(["a", "b", "c", "d"])
        remove, fails = database.outbox.remove, True

        async def removing(rows: Mapping[StoreKey, Collection[int]]) -> int:
            if fails and stuck in rows:
                raise RuntimeError("a bug")
            return await remove(rows)

        monkeypatch.setattr(database.outbox, "remove", removing)
        await here.relay.start()
        await asyncio.gather(*(changed(here, key, 5) for key in (stuck, *others)))
        await until(lambda: all(here.seqs(key)[-1:] == [5] for key in others))
        await until(lambda: here.relay.waiting_stores == here.relay.troubled_stores == 1)
        assert list(await here.unpublished([stuck, *others])) == [stuck]
        fails = False
        await until(lambda: here.relay.waiting_stores == 0)
        assert here.seqs(stuck)[-1] == 5
        assert await here.unpublished([stuck, *others]) == {}
