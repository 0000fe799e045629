"""A hub's books: begun once, written with the batch, guarded, read in order. Databases that keep none say so."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eightysix.core.hub import GrantChange, GrantRequest, HubBooks, HubChanges, Mirror
from eightysix.core.key import StockKey, StoreKey
from eightysix.storage.hub_books import Entry, HubBooksTable, Waiting
from eightysix.storage.port import Database, GuardFailed, Lane, Rejected

from .rows import idents, instants, quantities, sequences, stock_keys
from .scene import DISH, SOUP, Scene, a_stock, changes, new_batch_number, next_changes, write

HUB = "counter"
MIRRORS = [Mirror(DISH, 3, 2, 1), Mirror(SOUP, 4, 3, 2, pending_seq=7, settled_version=9, untold=5_000, untold_seq=8)]
ASKED = GrantRequest("ask-1", (GrantChange(DISH, 5_000), GrantChange(SOUP, -1_000)), 77)


@pytest.fixture
def table(database: Database) -> HubBooksTable:
    if not database.capabilities.keeps_hub:
        pytest.skip("keeps no hub's books")
    assert database.hub_books is not None
    return database.hub_books


def events(first: int, last: int) -> list[tuple[int, int, bytes]]:
    """A journal's events, each with a body of its own."""
    return [(seq, 1_000 + seq, f'{{"seq":{seq},"menu":"面🍜"}}'.encode()) for seq in range(first, last + 1)]


def book_changes(before: tuple[int, int], after: tuple[int, int], **parts: Any) -> HubChanges:
    """From (last_seq, acked_seq) to another, with the events between, and with `parts`."""
    written = {"events": events(before[0] + 1, after[0])}
    return HubChanges(before[0], after[0], f"chain-{after[0]}", before[1], after[1], **(written | parts))


async def keep(lane: Lane, store: StoreKey, books: HubChanges) -> None:
    """A batch that writes books alone, as an acknowledgement does."""
    head = (await lane.begin([store], new_batch_number())).heads[store]
    await lane.save({store: changes(head_before=head, head=head, books=books)})
    await lane.commit()


async def loaded(lane: Lane, store: StoreKey, keys: Sequence[StockKey] | None = None) -> HubBooks:
    await lane.begin([store], new_batch_number())
    books = await lane.load_books(store, keys)
    await lane.rollback()
    return books


async def test_books_are_begun_once(scene: Scene, table: HubBooksTable) -> None:
    store, other = scene.store(), scene.store()
    assert await table.books(store) is None
    sides = await asyncio.gather(*(table.start(store, HUB) for _ in range(4)))
    assert len(set(sides)) == 1
    assert sides[0].hub_id == HUB
    assert len(sides[0].journal_id) == 32
    assert await table.start(store, HUB) == sides[0]
    assert (await table.start(other, HUB)).journal_id != sides[0].journal_id
    assert await table.books(store) == HubBooks(sides[0], 0, "", 0)


async def test_another_hubs_books_are_left_alone(scene: Scene, table: HubBooksTable) -> None:
    store = scene.store()
    side = await table.start(store, HUB)
    with pytest.raises(Rejected, match="books of the hub 'counter'"):
        await table.start(store, "Counter")
    books = await table.books(store)
    assert books is not None
    assert books.side == side


async def test_a_batch_without_books_is_rejected(scene: Scene, table: HubBooksTable) -> None:
    store = scene.store()
    assert await table.books(store) is None
    with pytest.raises(Rejected, match="were begun"):
        await loaded(await scene.lane(store), store)


async def test_what_a_batch_has_written_is_there(scene: Scene, table: HubBooksTable) -> None:
    store = scene.store()
    side = await table.start(store, HUB)
    lane = await scene.lane(store)
    books = book_changes((0, 0), (3, 0), mirrors=MIRRORS, asked=[ASKED])
    await write(lane, {store: changes(stocks=[(None, a_stock())], books=books)})
    expected = HubBooks(side, 3, "chain-3", 0, {"ask-1": ASKED})
    assert await table.books(store) == expected
    expected.mirrors = {mirror.key: mirror for mirror in MIRRORS}
    assert await loaded(lane, store) == expected
    assert (await loaded(lane, store, [SOUP, StockKey(1, 5)])).mirrors == {SOUP: MIRRORS[1]}
    assert (await loaded(lane, store, [])).mirrors == {}
    assert await table.events(store, 0, 10) == [Entry(*event) for event in events(1, 3)]
    assert await table.waiting(store) == Waiting(3, 1_001)
    entry = await scene.audit(store)
    assert entry is not None
    assert entry.books == expected
    assert entry.events == tuple(Entry(*event) for event in events(1, 3))


async def test_the_journal_is_read_on_from_anywhere(scene: Scene, table: HubBooksTable) -> None:
    store, other = scene.store(), scene.store()
    await table.start(store, HUB)
    await table.start(other, HUB)
    await scene.write({store: changes(books=book_changes((0, 0), (12, 0)))})
    await scene.write({other: changes(books=book_changes((0, 0), (1, 0)))})
    assert [entry.seq for entry in await table.events(store, 0, 5)] == [1, 2, 3, 4, 5]
    assert [entry.seq for entry in await table.events(store, 9, 5)] == [10, 11, 12]
    assert await table.events(store, 12, 5) == []


async def test_only_what_is_acknowledged_goes(scene: Scene, table: HubBooksTable) -> None:
    store = scene.store()
    await table.start(store, HUB)
    lane = await scene.lane(store)
    await keep(lane, store, book_changes((0, 0), (5, 0)))
    await keep(lane, store, book_changes((5, 0), (5, 3)))
    assert [entry.seq for entry in await table.events(store, 0, 10)] == [4, 5]
    assert await table.waiting(store) == Waiting(2, 1_004)
    await keep(lane, store, book_changes((5, 3), (7, 5)))
    assert [entry.seq for entry in await table.events(store, 0, 10)] == [6, 7]
    await keep(lane, store, book_changes((7, 5), (7, 7)))
    assert await table.waiting(store) == Waiting(0, None)
    entry = await scene.audit(store)
    assert entry is not None
    assert entry.events == ()


async def test_a_request_goes_when_it_is_answered_and_a_mirror_is_written_over(
    scene: Scene, table: HubBooksTable
) -> None:
    store = scene.store()
    await table.start(store, HUB)
    lane = await scene.lane(store)
    second = GrantRequest("ask-2", (), 78)
    await keep(lane, store, book_changes((0, 0), (0, 0), asked=[ASKED, second], mirrors=MIRRORS))
    newer = Mirror(DISH, 9, 8, 7, 6, 5)
    await keep(lane, store, book_changes((0, 0), (0, 0), answered=["ask-1"], mirrors=[newer]))
    books = await loaded(lane, store)
    assert books.requests == {"ask-2": second}
    assert books.mirrors == {DISH: newer, SOUP: MIRRORS[1]}


STALE: dict[str, HubChanges] = {
    "somebody else has written to the journal": book_changes((2, 1), (4, 1)),
    "somebody else has acknowledged": book_changes((3, 0), (4, 0)),
    "an event that is there": book_changes((3, 1), (4, 1), events=events(3, 3)),
    "a request that is open": book_changes((3, 1), (3, 1), asked=[GrantRequest("ask-1", (), 5)]),
    "a request that isn't": book_changes((3, 1), (3, 1), answered=["ask-2"]),
    "more acknowledged than was written": book_changes((3, 1), (3, 4)),
}


@pytest.mark.parametrize("stale", STALE.values(), ids=STALE)
async def test_stale_books_fail_the_batch_and_leave_nothing(
    scene: Scene, table: HubBooksTable, stale: HubChanges
) -> None:
    store = scene.store()
    await table.start(store, HUB)
    lane = await scene.lane(store)
    first = changes(stocks=[(None, a_stock())], books=book_changes((0, 0), (3, 0), mirrors=MIRRORS, asked=[ASKED]))
    await write(lane, {store: first})
    await keep(lane, store, book_changes((3, 0), (3, 1)))
    before = await loaded(lane, store)
    await lane.begin([store], new_batch_number())
    with pytest.raises(GuardFailed):
        await lane.save({store: next_changes(1, stocks=[(a_stock(), a_stock(version=2))], books=stale)})
    await lane.rollback()
    assert await loaded(lane, store) == before
    assert [entry.seq for entry in await table.events(store, 0, 10)] == [2, 3]
    assert (await scene.database.reader.store_rows(store, None)).stocks == (a_stock(),)


async def test_books_of_a_journal_that_was_never_begun_fail_the_batch(scene: Scene, table: HubBooksTable) -> None:
    store = scene.store()
    lane = await scene.lane(store)
    await lane.begin([store], new_batch_number())
    with pytest.raises(GuardFailed):
        await lane.save({store: changes(books=book_changes((0, 0), (1, 0)))})
    await lane.rollback()
    assert await table.events(store, 0, 10) == []


_mirrors = st.builds(Mirror, stock_keys, sequences, sequences, instants, sequences, sequences)
_asked = st.builds(
    GrantRequest,
    idents(),
    st.lists(st.builds(GrantChange, stock_keys, quantities | quantities.map(lambda value: -value)), max_size=3).map(
        tuple
    ),
    instants,
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    mirrors=st.lists(_mirrors, max_size=4, unique_by=lambda row: row.key),
    asked=st.lists(_asked, max_size=3, unique_by=lambda row: row.request_id),
    hub_id=idents(),
)
async def test_any_books_come_back_as_they_went_in(
    scene: Scene, table: HubBooksTable, mirrors: list[Mirror], asked: list[GrantRequest], hub_id: str
) -> None:
    store = scene.store()
    side = await table.start(store, hub_id)
    lane = await scene.lane(store)
    await keep(lane, store, book_changes((0, 0), (1, 0), mirrors=mirrors, asked=asked))
    expected = HubBooks(
        side, 1, "chain-1", 0, {row.request_id: row for row in asked}, {row.key: row for row in mirrors}
    )
    assert await loaded(lane, store) == expected


async def test_a_database_of_the_cloud_keeps_no_books(scene: Scene) -> None:
    if scene.database.capabilities.keeps_hub:
        pytest.skip("keeps a hub's books")
    store = scene.store()
    assert scene.database.hub_books is None
    lane = await scene.lane(store)
    await lane.begin([store], new_batch_number())
    with pytest.raises(Rejected, match="keeps a hub's books"):
        await lane.load_books(store, None)
    with pytest.raises(Rejected, match="keeps a hub's books"):
        await lane.save({store: changes(stocks=[(None, a_stock())], books=book_changes((0, 0), (1, 0)))})
    await lane.rollback()
    assert await scene.audit(store) is None
