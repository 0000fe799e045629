"""The outbox as a relay needs it: order, bounds, resuming, removing, parking, and the states behind the rows."""

import pytest

from eightysix.core.bucket import BUCKETS
from eightysix.core.change import Alert, Head, Incident, OutboxRow
from eightysix.core.key import StockKey, StoreKey
from eightysix.storage.mysql.outbox import MysqlOutbox
from eightysix.storage.mysql.session import Row, Session
from eightysix.storage.outbox import Outbox, ParkedPlace, ParkedRow, Waiting
from eightysix.storage.port import StoreStocks

from .scene import DISH, SOUP, Scene, a_channel, a_stock, changes


def some_rows(*seqs: int, key: StockKey = DISH) -> list[OutboxRow]:
    """A chain of rows."""
    return [OutboxRow(seq, before, key, 1_000 + seq) for before, seq in zip((0, *seqs), seqs, strict=False)]


@pytest.fixture
def outbox(scene: Scene) -> Outbox:
    return scene.database.outbox


async def write_rows(scene: Scene, rows: dict[StoreKey, list[OutboxRow]]) -> None:
    for store, of_store in rows.items():
        last = of_store[-1].seq
        await scene.write({store: changes(head=Head(last, last, 1), outbox=of_store)})


async def every_waiting(outbox: Outbox, scene: Scene, limit: int) -> list[Waiting]:
    """All stores with rows, page by page, shard by shard."""
    shards = scene.database.capabilities.physical_shards
    found: list[Waiting] = []
    for shard in range(shards):
        after: StoreKey | None = None
        while True:
            page = await outbox.waiting(range(shard, BUCKETS, shards), after, limit)
            assert len(page) <= limit
            assert [each.store for each in page] == sorted(each.store for each in page)
            assert after is None or all(each.store > after for each in page)
            found += page
            if len(page) < limit:
                break
            after = page[-1].store
    return found


async def test_the_first_rows_of_each_store_in_order(scene: Scene, outbox: Outbox) -> None:
    one, two, empty = scene.store(), scene.store(brand_id="其他 brand"), scene.store()
    rows = {one: some_rows(2, 3, 7, 9), two: some_rows(1, 5)}
    await write_rows(scene, rows)
    found = await outbox.pending([two, empty, one], 3)
    assert found.rows == {one: rows[one][:3], two: rows[two]}
    assert found.now > 1_700_000_000_000
    assert (await outbox.pending([empty], 3)).rows == {}


async def test_one_store_s_many_rows_don_t_hide_those_of_others(scene: Scene, outbox: Outbox) -> None:
    first, second = sorted(scene.stores(2))
    await write_rows(scene, {first: some_rows(*range(1, 6_001)), second: some_rows(4)})
    found = await outbox.pending([first, second], 50)
    assert [row.seq for row in found.rows[first]] == list(range(1, 51))
    assert found.rows[second] == some_rows(4)
    assert await outbox.remove({first: range(1, 6_001), second: [4]}) == 6_001


@pytest.mark.parametrize("limit", [1, 2, 1_000])
async def test_stores_with_rows_are_found_by_key_and_by_pages(scene: Scene, outbox: Outbox, limit: int) -> None:
    twin = scene.store(brand_id="a")
    stores = [twin, StoreKey.of("b", twin.poi_id), StoreKey.of("c", twin.poi_id), *(scene.store() for _ in range(9))]
    await write_rows(scene, {store: some_rows(3, 4, 8) for store in stores})
    found = [each for each in await every_waiting(outbox, scene, limit) if each.store in stores]
    assert sorted(found) == sorted(Waiting(store, 1_003) for store in stores)
    shards = scene.database.capabilities.physical_shards
    others = set(range(twin.bucket % shards, BUCKETS, shards)) - {twin.bucket}
    assert not {each.store for each in await outbox.waiting(sorted(others), None, 1_000)} & set(stores[:3])
    await outbox.remove({store: [3, 4, 8] for store in stores})
    assert not {each.store for each in await every_waiting(outbox, scene, 1_000)} & set(stores)


async def test_exactly_the_named_rows_are_removed(scene: Scene, outbox: Outbox) -> None:
    one, two = scene.store(), scene.store()
    rows = {one: some_rows(*range(1, 700)), two: some_rows(1, 5)}
    await write_rows(scene, rows)
    assert await outbox.remove({one: range(1, 699), two: [5, 6]}) == 699
    assert (await outbox.pending([one, two], 10)).rows == {one: rows[one][-1:], two: rows[two][:1]}
    assert await outbox.remove({one: range(1, 699), two: [5, 6]}) == 0
    assert await outbox.remove({}) == 0


async def test_rows_between_the_named_ones_stay(scene: Scene, outbox: Outbox) -> None:
    """One that was put back may lie there, unpublished."""
    store = scene.store()
    rows = some_rows(1, 2, 3, 4, 6, 7, 9)
    await write_rows(scene, {store: rows})
    assert await outbox.remove({store: [7, 1, 2, 4, 5]}) == 4
    assert (await outbox.pending([store], 10)).rows == {store: [rows[2], rows[4], rows[6]]}


async def test_a_parked_row_is_out_of_the_way_until_it_is_put_back(scene: Scene, outbox: Outbox) -> None:
    store = scene.store()
    first, second = some_rows(4, 6)
    await write_rows(scene, {store: [first, second]})
    await outbox.park(store, first, 8, 'it\'s 坏的 \\ "poison"')
    assert (await outbox.pending([store], 10)).rows == {store: [second]}
    (parked,) = await outbox.parked(None, 10, store)
    assert parked == ParkedRow(store, first, parked.parked_at, 8, 'it\'s 坏的 \\ "poison"')
    assert parked.parked_at > 1_700_000_000_000
    await outbox.park(store, first, 8, "again")  # it is parked already, by whoever it was
    assert len(await outbox.parked(None, 10, store)) == 1
    assert await outbox.put_back(store, [4, 5]) == 1
    assert await outbox.parked(None, 10, store) == []
    assert (await outbox.pending([store], 10)).rows == {store: [first, second]}
    assert await outbox.put_back(store, [4]) == 0
    assert await outbox.put_back(store, []) == 0


async def test_what_is_parked_is_listed_by_pages(scene: Scene, outbox: Outbox) -> None:
    twin = scene.store(brand_id="a")
    stores = [twin, StoreKey.of("b", twin.poi_id), *(scene.store() for _ in range(4))]
    for store in stores:
        rows = some_rows(1, 2, 3)
        await write_rows(scene, {store: rows})
        for row in rows:
            await outbox.park(store, row, 1, "x")
    for limit in (1, 4, 100):
        found: list[ParkedRow] = []
        after: ParkedPlace | None = None
        while page := await outbox.parked(after, limit):
            assert len(page) <= limit
            found += page
            after = ParkedPlace(page[-1].store, page[-1].row.seq)
        places = [(each.store, each.row.seq) for each in found]
        assert places == sorted(set(places))
        mine = [place for place in places if place[0] in stores]
        assert mine == sorted((store, seq) for store in stores for seq in (1, 2, 3))
    assert [each.row.seq for each in await outbox.parked(ParkedPlace(twin, 1), 10, twin)] == [2, 3]
    for store in stores:
        assert await outbox.put_back(store, [1, 2, 3]) == 3
        await outbox.remove({store: [1, 2, 3]})


async def test_the_states_behind_rows_of_many_stores(scene: Scene, outbox: Outbox) -> None:
    one, two, empty = scene.store(), scene.store(), scene.store()
    channels = [a_channel(SOUP, "POS"), a_channel(SOUP, "KIOSK")]
    rows = changes(
        stocks=[(None, a_stock()), (None, a_stock(SOUP, is_low=True))], channels=[(None, c) for c in channels]
    )
    await scene.write({one: rows})
    await scene.write({two: rows})
    found = await outbox.states({one: [SOUP], two: {DISH, StockKey(1, 5)}, empty: [DISH]})
    assert found[one].stocks == [a_stock(SOUP, is_low=True)]
    assert sorted(found[one].channels, key=repr) == sorted(channels, key=repr)
    assert found[two] == StoreStocks([a_stock()], [])
    assert found[empty] == StoreStocks([], [])
    assert await outbox.states({}) == {}


async def test_incidents_by_their_seq(scene: Scene, outbox: Outbox) -> None:
    one, two = scene.stores(2)
    opened = [Incident(seq, "forced_sale", DISH, 1_500, "o", "me", None, 5) for seq in (3, 4)]
    await scene.write({one: changes(incidents=opened)})
    assert await outbox.incidents({one: [3, 5], two: [3]}) == {one: opened[:1]}
    assert await outbox.incidents({}) == {}


async def test_alerts_by_the_seq_they_were_raised_with(scene: Scene, outbox: Outbox) -> None:
    one, two = scene.store(), scene.store()
    raised = [Alert(3, code, "low_stock", DISH, 900, 1_000, 1) for code in ("", "POS")]
    await scene.write({one: changes(alerts=[*raised, Alert(4, "", "low_stock", DISH, 1, 1_000, 1)])})
    found = await outbox.alerts({one: [3, 5], two: [3]})
    assert {store: sorted(alerts, key=lambda each: each.channel_code) for store, alerts in found.items()} == {
        one: raised
    }


async def test_a_row_published_amid_a_look_does_not_shorten_its_page(
    scene: Scene, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A short page is the last one, so the stores behind it would not be looked at."""
    if not isinstance(outbox, MysqlOutbox):
        pytest.skip("elsewhere a page is one statement")
    first, second = sorted(scene.stores(2))
    await write_rows(scene, {first: some_rows(3, 4), second: some_rows(5)})
    rows, removed = Session.rows, list[int]()

    async def overtaken(session: Session, sql: str) -> list[Row]:
        found = await rows(session, sql)
        if "MIN(seq)" in sql and not removed and any(StoreKey(*row[:3]) == first for row in found):
            removed.append(0)
            removed[0] = await outbox.remove({first: [3]})
        return found

    monkeypatch.setattr(Session, "rows", overtaken)
    found = {each.store: each.committed_at for each in await every_waiting(outbox, scene, 100)}
    assert removed == [1]
    assert found.keys() >= {first, second}
    assert found[first] > 1_700_000_000_000, "as old as the look, for nobody knows better"
    assert found[second] == 1_005
