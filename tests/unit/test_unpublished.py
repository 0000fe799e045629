"""A relay's rows: what this process wrote is known, what may be another's is read."""

from collections.abc import Collection, Mapping, Sequence
from typing import cast

import pytest

from eightysix.core.change import OutboxRow
from eightysix.core.key import StoreKey, sku_key
from eightysix.storage.outbox import Outbox, Pending
from eightysix.storage.port import Unavailable
from eightysix.sync import unpublished
from eightysix.sync.unpublished import Unpublished

STORE, OTHER = StoreKey.of("fox", "1"), StoreKey.of("fox", "2")


class Table:
    """Rows as they lie in the database, and which stores were read. `fails`: it can't be had."""

    def __init__(self) -> None:
        self.rows: dict[StoreKey, list[OutboxRow]] = {}
        self.read: list[StoreKey] = []
        self.fails = False

    async def pending(self, stores: Sequence[StoreKey], most: int) -> Pending:
        self.read += stores
        if self.fails:
            raise Unavailable("away")
        return Pending(1_000, {store: self.rows[store][:most] for store in stores if self.rows.get(store)})


def row(seq: int, prev_seq: int) -> OutboxRow:
    return OutboxRow(seq, prev_seq, sku_key(1), 1_000)


class Desk:
    """The table and what is known of it; `write` is what this process does, `others_write` what another does."""

    def __init__(self) -> None:
        self.table = Table()
        self.unpublished = Unpublished(cast(Outbox, self.table))

    def others_write(self, *rows: OutboxRow, store: StoreKey = STORE) -> None:
        self.table.rows.setdefault(store, []).extend(rows)

    def write(self, *rows: OutboxRow, store: StoreKey = STORE) -> None:
        self.others_write(*rows, store=store)
        self.unpublished.note(store, rows)

    async def find(self, *stores: StoreKey, most: int = 10) -> Mapping[StoreKey, Collection[int]]:
        self.table.read.clear()
        found = await self.unpublished.find(stores or (STORE,), most)
        return {store: [each.seq for each in rows] for store, rows in found.rows.items()}

    async def tell(self, *, most: int = 10) -> Collection[int]:
        """Find the store's rows, and they are out of the way."""
        seqs = (await self.find(most=most)).get(STORE, [])
        for seq in seqs:
            self.table.rows[STORE] = [each for each in self.table.rows[STORE] if each.seq != seq]
            self.unpublished.told(STORE, seq)
        return seqs


@pytest.fixture
async def desk() -> Desk:
    """A store whose row 1 was told."""
    desk = Desk()
    desk.write(row(1, 0))
    assert await desk.tell() == [1]
    assert desk.table.read == [STORE], "the first time nobody knows what lies there"
    return desk


async def test_what_follows_what_was_told_last_is_known(desk: Desk) -> None:
    desk.write(row(3, 1), row(4, 3))
    desk.write(row(5, 4))
    assert await desk.tell(most=2) == [3, 4]
    assert desk.table.read == []
    assert await desk.tell() == [5]
    assert desk.table.read == []
    assert await desk.tell() == []
    assert desk.table.read == [STORE], "who is woken for nothing that is known is looked for"


async def test_what_another_wrote_before_it_or_between_is_read(desk: Desk) -> None:
    desk.others_write(row(2, 1))
    desk.write(row(3, 2))
    assert await desk.tell() == [2, 3]
    desk.write(row(4, 3))
    assert await desk.find() == {STORE: [4]}
    desk.others_write(row(5, 4))
    desk.write(row(6, 5))
    assert await desk.tell() == [4, 5, 6]
    assert desk.table.read == [STORE]


async def test_a_store_that_is_doubted_is_read_once(desk: Desk) -> None:
    desk.others_write(row(-7, 0))  # a row that was put back stands outside of the chain
    desk.write(row(2, 1))
    desk.unpublished.doubt(STORE)
    desk.write(row(3, 2))
    assert await desk.tell() == [-7, 2, 3]
    desk.write(row(4, 3))
    assert await desk.find() == {STORE: [4]}
    assert desk.table.read == []


async def test_a_row_that_was_put_back_and_told_leaves_the_chain_to_be_found_again(desk: Desk) -> None:
    desk.others_write(row(-7, 0))
    desk.unpublished.doubt(STORE)
    assert await desk.tell() == [-7]
    desk.write(row(2, 1))
    assert await desk.tell() == [2]
    assert desk.table.read == [STORE]
    desk.write(row(3, 2))
    assert await desk.tell() == [3]
    assert desk.table.read == []


async def test_what_could_not_be_told_is_still_known(desk: Desk) -> None:
    desk.write(row(2, 1), row(3, 2))
    assert await desk.find() == {STORE: [2, 3]}
    desk.unpublished.told(STORE, 2)
    assert await desk.find() == {STORE: [3]}
    assert desk.table.read == []


async def test_a_read_that_failed_leaves_nothing_behind_that_is_believed(desk: Desk) -> None:
    desk.others_write(row(2, 1))
    desk.unpublished.doubt(STORE)
    desk.table.fails = True
    with pytest.raises(Unavailable):
        await desk.find()
    desk.table.fails = False
    desk.write(row(3, 2))
    assert await desk.tell() == [2, 3]


async def test_a_commit_that_is_noted_after_its_rows_were_read_and_told_is_no_second_message(desk: Desk) -> None:
    desk.others_write(row(2, 1))
    desk.unpublished.doubt(STORE)
    assert await desk.tell() == [2]
    desk.unpublished.note(STORE, [row(2, 1)])
    assert await desk.tell() == []


async def test_a_database_that_went_back_is_read(desk: Desk) -> None:
    """Rows 4 and 5 were lost with their commits, and others have their place."""
    desk.write(row(4, 1), row(5, 4))
    await desk.tell()
    desk.write(row(4, 1))
    assert await desk.tell() == [4]
    assert desk.table.read == [STORE]


async def test_a_store_that_was_given_up_is_read_when_it_is_ours_again(desk: Desk) -> None:
    desk.write(row(2, 1))
    desk.unpublished.forget(lambda store: store == STORE)
    desk.write(row(3, 2))
    assert await desk.tell() == [2, 3]
    assert desk.table.read == [STORE]


async def test_too_many_known_rows_are_forgotten_and_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpublished, "ROWS_MOST", 3)
    desk.write(row(2, 1), row(3, 2), row(4, 3))
    assert await desk.find() == {STORE: [2, 3, 4]}
    assert desk.table.read == []
    desk.write(row(1, 0), store=OTHER)
    assert await desk.find(STORE, OTHER) == {STORE: [2, 3, 4], OTHER: [1]}
    assert desk.table.read == [STORE, OTHER]


async def test_too_many_stores_are_forgotten_and_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpublished, "STORES_MOST", 1)
    desk.unpublished.told(OTHER, 1)
    desk.write(row(2, 1))
    assert await desk.tell() == [2]
    assert desk.table.read == [STORE]


async def test_whether_others_may_have_written_is_told(desk: Desk) -> None:
    """What this process has read of its own needs no look at the catalogue."""
    desk.write(row(2, 1))
    assert not (await desk.unpublished.find([STORE], 10)).others
    desk.unpublished.doubt(STORE)
    assert not (await desk.unpublished.find([STORE], 10)).others
    desk.others_write(row(3, 2))
    desk.unpublished.doubt(STORE)
    assert (await desk.unpublished.find([STORE], 10)).others
