"""What a batch puts on the shelf for the commands of cloud and hub: all that their rules read, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from eightysix.core.change import Head, Incident, Journal, Kind, StoreChanges
from eightysix.core.command import (
    AckEvents,
    Command,
    DeductStock,
    MirrorStock,
    MoveGrants,
    ResolveIncident,
    TellHubEvent,
    WriteOffHub,
)
from eightysix.core.hub import GrantChange, Hub, HubBooks, HubChanges, Mirror, MirrorRow, Side
from eightysix.core.hub_event import HubEvent, Move
from eightysix.core.invariant import InvariantError
from eightysix.core.key import StockKey, sku_key
from eightysix.core.outcome import BooksKept
from eightysix.core.reservation import Reservation, State, Take
from eightysix.core.shelf import Decision, Shelf
from eightysix.core.stock import LIMITED, Stock
from eightysix.engine import CommandFailed, Engine, batch
from eightysix.storage.port import Database
from tests.engine.shop import ACTOR, Shop, lock, store
from tests.engine.tampering import Tampered

POI = "s1"
STORE = store(POI)
SIDE = Side("counter", "journal")
FAR = 4_000_000_000_000


class Looked:
    """Stands for the rules: keeps the shelf of each command, and changes nothing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shelves: list[Shelf] = []
        monkeypatch.setattr(batch, "decide", self._decide)

    def _decide(self, _: Command, shelf: Shelf) -> Decision:
        self.shelves.append(shelf)
        return Decision(BooksKept())


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> Looked:
    return Looked(monkeypatch)


@asynccontextmanager
async def running(database: Database, side: Side | None = None) -> AsyncIterator[Engine]:
    engine = Engine(database, Shop([POI]), side=side)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()


def line(order_id: str, sku_id: int, *, takes: Iterable[int] = (), **fields: Any) -> Reservation:
    usual: dict[str, Any] = {
        "channel_code": "ONLINE_ORDER", "state": State.LOCKED, "requested": 1_000, "quantity": 1_000, "locked_at": 1,
        "expires_at": FAR, "takes": tuple(Take(2, each) for each in (sku_id, *takes)), "revision": 1,
    }  # fmt: skip
    return Reservation(order_id, sku_id, 0, **(usual | fields))


def stock(sku_id: int, **fields: Any) -> Stock:
    return Stock(sku_key(sku_id), **({"type": LIMITED, "real": 90_000, "locked": 9_000, "version": 1} | fields))


async def have(database: Database, **parts: Any) -> None:
    """The store's first rows."""
    nothing: dict[str, Any] = {
        name: [] for name in ("stocks", "channels", "reservations", "facts", "requests", "logs", "outbox", "incidents",
                              "due_added", "due_removed")
    }  # fmt: skip
    lane = await database.lane(99, STORE.bucket)
    await lane.begin([STORE], 1)
    await lane.save({STORE: StoreChanges(**({"head_before": Head(), "head": Head(1, 0, 1)} | nothing | parts))})
    await lane.commit()
    await lane.close()


def told(event: HubEvent, hub_id: str = "counter", journal_id: str = "journal") -> TellHubEvent:
    return TellHubEvent(STORE, Side(hub_id, journal_id), event.seq, "", event, b"{}", ACTOR)


async def test_an_event_of_a_hub_finds_its_hub_its_journal_its_order_and_its_stocks(
    database: Database, looked: Looked
) -> None:
    journal, hub = Journal("counter", "journal", 4, 5, None, "chain"), Hub("counter", 5, {"2/1": 7}, 2)
    mine = line("order", 3, hub_id="counter")
    await have(
        database,
        stocks=[(None, stock(sku_id)) for sku_id in (1, 2, 3, 4)],
        reservations=[(None, mine), (None, line("other", 4))],
        journals=[(None, journal), (None, Journal("counter", "older", 9)), (None, Journal("till", "journal", 8))],
        hubs=[(None, hub), (None, Hub("other", revision=1))],
    )
    move = Move(sku_key(1), Kind.DEDUCT, 1_000, -1_000, -1_000, 0)
    async with running(database) as engine:
        await engine.submit(told(HubEvent(5, 7, "me", "api", order_id="order", moves=(move,))))
    (shelf,) = looked.shelves
    assert shelf.hubs == {"counter": hub}
    assert shelf.journals == {journal.key: journal}
    assert shelf.orders == {"order": {mine.line: mine}}
    assert set(shelf.stocks) == {sku_key(1), sku_key(3)}
    assert shelf.books is None


async def test_events_of_two_hubs_in_one_batch_find_both(database: Database, looked: Looked) -> None:
    await have(database, hubs=[(None, Hub("counter", revision=1)), (None, Hub("other", 5, {}, 2))])
    async with running(database) as engine:
        events = [told(HubEvent(1, 7, "me", "api"), hub_id) for hub_id in ("counter", "other", "unheard of")]
        await asyncio.gather(*map(engine.submit, events))
    assert all(set(shelf.hubs) <= {"counter", "other"} for shelf in looked.shelves)
    assert {hub_id for shelf in looked.shelves for hub_id in shelf.hubs} == {"counter", "other"}


async def test_a_request_for_grants_finds_the_stocks_it_names_or_all(database: Database, looked: Looked) -> None:
    await have(
        database, stocks=[(None, stock(sku_id)) for sku_id in (1, 2, 3)], hubs=[(None, Hub("counter", revision=1))]
    )
    async with running(database) as engine:
        await engine.submit(MoveGrants(STORE, "counter", "r1", (GrantChange(sku_key(2), 5_000),), ACTOR))
        await engine.submit(MoveGrants(STORE, "counter", "r2", (), ACTOR))
    named, whole = looked.shelves
    assert set(named.stocks) == {sku_key(2)}
    assert set(whole.stocks) == {sku_key(1), sku_key(2), sku_key(3)}
    assert set(named.hubs) == set(whole.hubs) == {"counter"}


async def test_a_write_off_finds_the_whole_store_and_what_is_locked(database: Database, looked: Looked) -> None:
    mine = line("order", 3, hub_id="counter")
    await have(
        database, stocks=[(None, stock(sku_id)) for sku_id in (1, 2, 3)], reservations=[(None, mine)],
        hubs=[(None, Hub("counter", revision=1))],
    )  # fmt: skip
    async with running(database) as engine:
        await engine.submit(WriteOffHub(STORE, "counter", ACTOR, "stolen"))
    (shelf,) = looked.shelves
    assert set(shelf.stocks) == {sku_key(1), sku_key(2), sku_key(3)}
    assert shelf.taken == [mine]
    assert set(shelf.hubs) == {"counter"}


async def test_an_incident_finds_its_stock_its_order_and_the_orders_that_hold_the_stock(
    database: Database, looked: Looked
) -> None:
    incidents = [
        Incident(7, "oversold", sku_key(1), 1_000, "culprit", "me", None, 5),
        Incident(8, "oversold", sku_key(4), 1_000, None, "me", None, 5),
    ]
    lines = [
        line("culprit", 2, state=State.DEDUCTED),
        line("holder", 5, takes=(1,)),
        line("late", 1, locked_at=0, expires_at=FAR + 1),
        line("paid", 1, state=State.DEDUCTED),
        line("elsewhere", 3),
    ]
    second = line("holder", 6)
    await have(
        database,
        stocks=[(None, stock(sku_id)) for sku_id in range(1, 8)],
        reservations=[(None, each) for each in (*lines, second)],
        incidents=incidents,
    )
    async with running(database) as engine:
        await engine.submit(ResolveIncident(STORE, 7, "cancel", ACTOR, "too many"))
        await engine.submit(ResolveIncident(STORE, 9, "cancel", ACTOR, "there is none"))
    shelf, nothing = looked.shelves
    assert shelf.incidents == {7: incidents[0]}
    assert set(shelf.orders) == {"culprit", "holder", "late"}
    assert shelf.orders["holder"] == {lines[1].line: lines[1], second.line: second}
    assert set(shelf.stocks) == {sku_key(sku_id) for sku_id in (1, 2, 5, 6)}
    assert (nothing.incidents, nothing.orders, nothing.stocks) == ({}, {}, {})


async def begun(database: Database, **parts: Any) -> Side:
    """A hub's books, and its rows."""
    assert database.hub_books is not None
    side = await database.hub_books.start(STORE, "counter")
    await have(database, **parts)
    return side


async def test_a_hubs_batch_finds_its_books_and_the_mirrors_of_its_stocks(database: Database, looked: Looked) -> None:
    mirrors = {sku_key(sku_id): Mirror(sku_key(sku_id), sku_id) for sku_id in (1, 2, 3)}
    side = await begun(
        database,
        stocks=[(None, stock(sku_id)) for sku_id in (1, 2, 3)],
        reservations=[(None, line("order", 3))],
        books=HubChanges(0, 1, "chain", 0, 0, [(1, 5, b"{}")], list(mirrors.values())),
    )
    async with running(database, side) as engine:
        await engine.submit(lock(POI, "new"))
        await engine.submit(DeductStock(STORE, "order", None, ACTOR))
        await engine.submit(MirrorStock(STORE, (MirrorRow(stock(2)), MirrorRow(stock(9)))))
        await engine.submit(AckEvents(STORE, 1))
    keys: list[set[StockKey]] = [{sku_key(1)}, {sku_key(3)}, {sku_key(2)}, set()]
    for shelf, mirrored in zip(looked.shelves, keys, strict=True):
        expected = HubBooks(side, 1, "chain", 0, {}, {key: mirrors[key] for key in mirrored})
        assert shelf.books == expected


async def test_the_books_of_another_hub_stop_every_command(
    database: Database, looked: Looked, caplog: pytest.LogCaptureFixture
) -> None:
    await begun(database)
    async with running(database, SIDE) as engine:
        with pytest.raises(CommandFailed):
            await engine.submit(lock(POI, "order"))
    assert looked.shelves == []
    assert "keeps its own books" in caplog.text


async def test_a_hub_whose_books_were_never_begun_sells_nothing(database: Database, looked: Looked) -> None:
    async with running(database, SIDE) as engine:
        with pytest.raises(CommandFailed):
            await engine.submit(lock(POI, "order"))
    assert looked.shelves == []


async def test_a_hub_does_not_start_where_no_books_can_be_kept(database: Database) -> None:
    cloud = Tampered(database)
    cloud.capabilities = replace(database.capabilities, keeps_hub=False)
    with pytest.raises(InvariantError, match="keeps its books"):
        Engine(cloud, Shop([POI]), side=SIDE)
    Engine(cloud, Shop([POI]))
