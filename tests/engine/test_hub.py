"""Cloud and hub on real databases: what one writes the other reads, and each loads what its rules need."""

import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from eightysix.core.audit import findings
from eightysix.core.catalogue import Channel
from eightysix.core.command import (
    AckEvents,
    Actor,
    AskGrants,
    DeductStock,
    Line,
    LockStock,
    MirrorStock,
    MoveGrants,
    SettleGrants,
    TellHubEvent,
    WriteOffHub,
)
from eightysix.core.hub import GrantChange, GrantRequest, MirrorRow, Side, held
from eightysix.core.hub_event import chained, decode_event
from eightysix.core.key import sku_key
from eightysix.core.outcome import BooksKept, Code, GrantsMoved, HubEventTold, HubWrittenOff, OrderDone, Refused
from eightysix.core.quantity import UNIT
from eightysix.core.reservation import State
from eightysix.engine import Engine
from eightysix.storage.migrate import migrate
from eightysix.storage.open import open_database
from eightysix.storage.port import AuditStore, Database
from tests.engine.shop import ACTOR, BRAND, Shop, audit, lock, stock, store

POI = "s1"
STORE = store(POI)
DISH = sku_key(1)
HUB = "counter"
UPLINK = Actor(HUB, "hub")


class Place(Shop):
    """The shop with a till, as the cloud knows it or as its hub does."""

    def __init__(self, hub_id: str | None = None, *, at_hub: bool = False) -> None:
        super().__init__([POI])
        self._hub_id = hub_id
        self._at_hub = at_hub
        self._channels["POS"] = Channel(BRAND, "POS", in_store=True)

    def hub(self, _brand_id: str, _poi_id: str) -> str | None:
        return self._hub_id

    @property
    def at_hub(self) -> bool:
        return self._at_hub


@pytest.fixture
def database_url(any_url: str) -> str:
    return any_url


@pytest.fixture
async def cloud(database: Database) -> AsyncIterator[tuple[Engine, Database]]:
    engine = Engine(database, Place(HUB))
    await engine.start()
    yield engine, database
    await engine.stop()


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[tuple[Engine, Database, Side]]:
    url = f"sqlite:///{tmp_path}/hub.db"
    await migrate(url)
    database = await open_database(url, owner=uuid.uuid4().hex)
    assert database.hub_books is not None
    side = await database.hub_books.start(STORE, HUB)
    engine = Engine(database, Place(at_hub=True), side=side)
    await engine.start()
    yield engine, database, side
    await engine.stop()
    await database.close()


async def found_in(database: Database, catalogue: Place) -> AuditStore:
    """What there is, which an audit finds nothing wrong with."""
    found = (await audit(database))[POI]
    assert findings(found, catalogue) == []
    return found


async def take_over(engine: Engine, cloud: Database) -> None:
    """The hub takes over the cloud's rows as they are."""
    rows = await cloud.reader.store_rows(STORE, None)
    mirrored = tuple(
        MirrorRow(row, tuple(each for each in rows.channels if each.key == row.key)) for row in rows.stocks
    )
    assert isinstance(await engine.submit(MirrorStock(STORE, mirrored)), BooksKept)


async def ask(hub: Engine, cloud: Engine, request_id: str, delta: int) -> int:
    """The hub asks for more of the dish; what it got."""
    changes = (GrantChange(DISH, delta),)
    assert isinstance(await hub.submit(AskGrants(STORE, GrantRequest(request_id, changes, 5))), BooksKept)
    moved = await cloud.submit(MoveGrants(STORE, HUB, request_id, changes, UPLINK))
    assert isinstance(moved, GrantsMoved)
    given = tuple(GrantChange(total.key, total.given) for total in moved.totals)
    assert isinstance(await hub.submit(SettleGrants(STORE, request_id, given)), BooksKept)
    return sum(change.delta for change in given)


async def told(cloud: Engine, side: Side, database: Database, chain: str, after: int) -> tuple[str, list[Any]]:
    """The journal after `after`, told to the cloud in one batch: (its chain, the outcomes)."""
    assert database.hub_books is not None
    futures = []
    for entry in await database.hub_books.events(STORE, after, 500):
        event = decode_event(entry.body)
        futures.append(cloud.submit(TellHubEvent(STORE, side, entry.seq, chain, event, entry.body, UPLINK)))
        chain = chained(chain, entry.body)
    return chain, [await future for future in futures]


def sale(order_id: str, portions: int = 1) -> Sequence[LockStock | DeductStock]:
    lines = (Line(1, quantity=portions * UNIT),)
    return [LockStock(STORE, order_id, "POS", lines, ACTOR), DeductStock(STORE, order_id, None, ACTOR)]


async def test_what_a_hub_sells_of_its_grant_reaches_the_cloud(
    cloud: tuple[Engine, Database], hub: tuple[Engine, Database, Side]
) -> None:
    (above, above_rows), (below, below_rows, side) = cloud, hub
    assert below_rows.hub_books is not None
    await above.submit(stock(POI, 10))
    await take_over(below, above_rows)
    assert await ask(below, above, "r1", 4 * UNIT) == 4 * UNIT
    for order_id in ("o1", "o2", "o3"):
        for command in sale(order_id):
            assert isinstance(await below.submit(command), OrderDone), order_id
    refused = await below.submit(sale("o4", 2)[0])
    assert isinstance(refused, Refused)
    assert refused.code is Code.OUT_OF_STOCK
    waiting = await below_rows.hub_books.waiting(STORE)
    assert waiting.events == 6
    chain, outcomes = await told(above, side, below_rows, "", 0)
    assert [type(outcome) for outcome in outcomes] == [HubEventTold] * 6
    assert isinstance(await below.submit(AckEvents(STORE, 6)), BooksKept)
    assert await below_rows.hub_books.events(STORE, 0, 10) == []

    found = await found_in(above_rows, Place(HUB))
    (row,) = found.stocks
    assert (row.real, row.grant, row.locked) == (7 * UNIT, 1 * UNIT, 0)
    assert {line.hub_id for line in found.reservations} == {HUB}
    assert {line.state for line in found.reservations} == {State.DEDUCTED}
    (journal,) = found.journals
    assert (journal.key, journal.last_seq, journal.chain) == (side, 6, chain)
    mine = await found_in(below_rows, Place(at_hub=True))
    assert held(mine.stocks[0]) == row.grant
    assert mine.books is not None
    assert (mine.books.last_seq, mine.books.acked_seq, mine.books.chain) == (6, 6, chain)
    assert mine.books.requests == {}


async def test_a_journal_that_is_told_twice_changes_nothing(
    cloud: tuple[Engine, Database], hub: tuple[Engine, Database, Side]
) -> None:
    (above, above_rows), (below, below_rows, side) = cloud, hub
    await above.submit(stock(POI, 10))
    await take_over(below, above_rows)
    await ask(below, above, "r1", 4 * UNIT)
    for command in sale("o1"):
        await below.submit(command)
    await told(above, side, below_rows, "", 0)
    before = await found_in(above_rows, Place(HUB))
    _, again = await told(above, side, below_rows, "", 0)
    assert [outcome.replayed for outcome in again] == [True, True]
    after = await found_in(above_rows, Place(HUB))
    assert (after.stocks, after.reservations, after.head) == (before.stocks, before.reservations, before.head)


async def test_a_lost_hub_is_written_off_and_what_it_tells_late_is_taken_in(
    cloud: tuple[Engine, Database], hub: tuple[Engine, Database, Side]
) -> None:
    (above, above_rows), (below, below_rows, side) = cloud, hub
    await above.submit(stock(POI, 10))
    await take_over(below, above_rows)
    await ask(below, above, "r1", 4 * UNIT)
    assert isinstance(await above.submit(lock(POI, "online")), OrderDone)
    first, *rest = [*sale("o1"), *sale("o2")]
    assert isinstance(await below.submit(first), OrderDone)
    chain, _ = await told(above, side, below_rows, "", 0)
    written_off = await above.submit(WriteOffHub(STORE, HUB, ACTOR, "stolen"))
    assert isinstance(written_off, HubWrittenOff)
    assert not written_off.replayed
    found = await found_in(above_rows, Place())
    (gone,) = found.hubs
    assert gone.fenced_at is not None
    assert gone.at_risk == {"2/1": 4 * UNIT}
    assert {line.order_id: line.state for line in found.reservations} == {"o1": State.EXPIRED, "online": State.LOCKED}
    for command in rest:
        assert isinstance(await below.submit(command), OrderDone)
    _, late = await told(above, side, below_rows, chain, 1)
    assert [type(outcome) for outcome in late] == [HubEventTold] * 3
    found = await found_in(above_rows, Place())
    assert (found.stocks[0].real, found.stocks[0].grant, found.stocks[0].locked) == (6 * UNIT, 0, 1 * UNIT)
    assert found.hubs[0].at_risk == {"2/1": 2 * UNIT}
    again = await above.submit(WriteOffHub(STORE, HUB, ACTOR, "stolen"))
    assert isinstance(again, HubWrittenOff)
    assert again.replayed
