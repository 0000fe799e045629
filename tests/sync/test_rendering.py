"""What messages the rows of an outbox become: the state of now, with what stands in an item's way."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from msgspec import UNSET

from eightysix.core.change import Alert, OutboxRow
from eightysix.core.command import Actor, ChannelSetting, Line, LockStock, ResolveIncident, SetStock, Setting
from eightysix.core.key import WHOLE_STORE, StockKey, StoreKey, incident_key, sku_key, spu_key
from eightysix.core.outcome import OrderDone
from eightysix.core.stock import LIMITED
from eightysix.engine import BatchReport, Engine, Limits, Observer
from eightysix.storage.outbox import Outbox
from eightysix.storage.port import Database
from eightysix.sync import rendering, stretch
from eightysix.sync.bus import BusMessage
from eightysix.sync.rendering import Rendered, Renderer, StoreStates
from eightysix.wire.message import STOCK_TOPIC, StockMessage, StoreMessage, decode_message
from tests.contract.scene import Scene, a_stock, changes
from tests.world.menu import BRAND_ID, STORE, Menu

ACTOR = Actor("test")


class Watch(Observer):
    """What each batch has committed."""

    def __init__(self) -> None:
        self.renderers: list[Renderer] = []

    def batch_done(self, report: BatchReport) -> None:
        for renderer in self.renderers:
            for store, committed in report.committed.items():
                renderer.recent.note(store, committed)


class Reads:
    """An outbox that counts how often stocks are read."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.count = 0

    async def states(self, wanted: Any) -> Any:
        self.count += 1
        return await self._outbox.states(wanted)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._outbox, name)


class Source:
    """A catalogue that stays as it is."""

    def __init__(self) -> None:
        self.current = Menu()


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[Engine]:
    running = Engine(database, Source(), Limits(sweep_seconds=3600))
    await running.start()
    yield running
    await running.stop()


def message_of(rendered: Rendered) -> StockMessage | StoreMessage:
    assert isinstance(rendered.message, BusMessage)
    return decode_message(rendered.message.body)


async def rendered(database: Database, *rows: OutboxRow, store: StoreKey = STORE) -> list[Rendered]:
    return (await Renderer(database.outbox, Source()).render({store: rows}, 1_700_000_000_000))[store]


async def pending(database: Database, store: StoreKey = STORE) -> Sequence[OutboxRow]:
    return (await database.outbox.pending([store], 100)).rows[store]


async def set_real(engine: Engine, **portions: int) -> None:
    """Limited stocks by name: sku_1=5, spu_30=3."""
    settings = []
    for name, count in portions.items():
        kind, number = name.split("_")
        key = (sku_key if kind == "sku" else spu_key)(int(number))
        settings.append(Setting(key, type=LIMITED, plan=count * 1000, real=count * 1000))
    await engine.submit(SetStock(STORE, tuple(settings), ACTOR))


async def test_each_row_becomes_the_state_of_now_in_order(database: Database, engine: Engine) -> None:
    await set_real(engine, sku_1=5, sku_2=8)
    done = await engine.submit(LockStock(STORE, "o", "POS", (Line(1, quantity=2000),), ACTOR))
    assert isinstance(done, OrderDone)
    rows = await pending(database)
    found = await rendered(database, *rows)
    messages = [message_of(each) for each in found]
    assert [(each.seq, each.prev_seq) for each in messages] == [(1, 0), (2, 1), (3, 2)]
    assert [each.data.object_id for each in messages] == [1, 2, 1]
    first, _, last = messages
    assert first.data == last.data
    assert (first.data.version, first.data.locked_quantity, first.data.available) == (3, 2, 3)
    assert {each.topic for each in (one.message for one in found)} == {STOCK_TOPIC}
    assert len({one.message.group for one in found}) == 1
    assert len({one.message.key for one in found}) == 3


async def test_a_message_shows_what_other_stocks_let_it_sell(database: Database, engine: Engine) -> None:
    await set_real(engine, sku_3=9, sku_4=9, spu_30=2, sku_8=50)
    by_id = {each.row.key: message_of(each).data for each in await rendered(database, *await pending(database))}
    assert {sale.channel_code: sale.available for sale in by_id[sku_key(3)].channels}["POS"] == 2
    combo = {sale.channel_code: sale.available for sale in by_id[sku_key(8)].channels}
    assert combo["POS"] == Decimal("0.6")  # one needs three of the pool of two
    assert by_id[sku_key(8)].available == 50


async def test_what_this_process_has_committed_is_told_as_if_it_were_read(database: Database) -> None:
    watch, random = Watch(), Random(86)
    engine = Engine(database, Source(), Limits(sweep_seconds=3600), watch)
    await engine.start()
    limits = tuple(ChannelSetting(code, limit=9_000) for code in ("POS", "KIOSK"))
    settings = [Setting(sku_key(sku), type=LIMITED, plan=9_000, real=9_000, channels=limits) for sku in (1, 3, 4, 6)]
    settings.append(Setting(spu_key(30), type=LIMITED, plan=9_000, real=9_000, low=4_000))
    await engine.submit(SetStock(STORE, tuple(settings), ACTOR))
    outbox: Any = Reads(database.outbox)
    watch.renderers.append(known := Renderer(outbox, Source()))
    seen = len(await pending(database))
    rounds = 0
    for number in range(30):
        lines = tuple(Line(sku, quantity=1000) for sku in random.sample((1, 3, 4, 6, 8), 2))
        await engine.submit(LockStock(STORE, f"o{number}", random.choice(("POS", "KIOSK")), lines, ACTOR))
        rows = (await pending(database))[seen:]
        if rows:
            seen, rounds = seen + len(rows), rounds + 1
            now = 1_700_000_000_000
            assert (await known.render({STORE: rows}, now))[STORE] == await rendered(database, *rows)
    await engine.stop()
    assert outbox.count < rounds / 2, "hardly anything is read"


async def test_a_row_of_the_store_as_a_whole(database: Database) -> None:
    (found,) = await rendered(database, OutboxRow(7, 3, WHOLE_STORE, 5))
    message = message_of(found)
    assert isinstance(message, StoreMessage)
    assert (message.seq, message.prev_seq, message.data.open) == (7, 3, True)


async def test_an_item_that_the_menu_no_longer_has_is_told_as_deleted(database: Database) -> None:
    (found,) = await rendered(database, OutboxRow(7, 3, StockKey(2, 4711), 5))
    assert message_of(found).data.deleted


async def test_alerts_go_with_the_change_that_raised_them(database: Database) -> None:
    scene = Scene(database)
    raised = Alert(2, "", "low_stock", sku_key(1), 900, 1_000, 5)
    stock = a_stock(sku_key(1), is_low=True, low=1_000, version=3)
    await scene.write({STORE: changes(stocks=[(None, stock)], alerts=[raised])})
    await scene.close()
    before, at, after = [OutboxRow(seq, seq - 1, sku_key(1), 5) for seq in (1, 2, 3)]
    first, second, third = [message_of(each) for each in await rendered(database, before, at, after)]
    assert not first.alerts
    assert not third.alerts
    (alert,) = second.alerts
    assert (alert.quantity, alert.threshold, alert.channel_code) == (Decimal("0.9"), 1, None)


async def test_an_incident_goes_with_the_change_that_opened_it_and_the_one_that_resolved_it(
    database: Database, engine: Engine
) -> None:
    await set_real(engine, sku_1=1)
    for order_id in ("a", "b"):
        line = (Line(1, quantity=2000),)
        await engine.submit(LockStock(STORE, order_id, "POS", line, ACTOR, force=True, reason="on the counter"))
    first = await _of_dish(database, 1)
    assert len(first) == 3
    opened = [each.incident for each in first if each.incident]
    assert [(each.kind, each.quantity, each.resolved_at) for each in opened] == [
        ("forced_sale", 1, None), ("forced_sale", 2, None),
    ]  # fmt: skip
    await engine.submit(ResolveIncident(STORE, first[1].seq, "accept", ACTOR, "it was there"))
    told = await _of_dish(database, 1)
    assert [each.seq for each in told][:3] == [each.seq for each in first]
    assert told[3].incident is not UNSET
    assert (told[3].incident.incident_id, told[3].incident.how) == (opened[0].incident_id, "accept")
    assert told[1].incident == told[3].incident, "as it is now"
    assert (told[3].data.real_quantity, told[3].data.oversold_quantity) == (2, 2)


async def _of_dish(database: Database, sku_id: int) -> list[StockMessage]:
    messages = [message_of(each) for each in await rendered(database, *await pending(database))]
    return [each for each in messages if isinstance(each, StockMessage) and each.data.object_id == sku_id]


async def test_a_row_of_an_incident_that_isn_t_there_stops_its_store(database: Database) -> None:
    row, behind = OutboxRow(7, 3, incident_key(5), 5), OutboxRow(8, 7, sku_key(1), 5)
    (found,) = await rendered(database, row, behind)
    assert (found.row, found.message) == (row, None)
    assert isinstance(found.fault, KeyError)


async def test_what_can_t_be_rendered_stops_its_store_alone(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = StoreKey.of(BRAND_ID, "2")
    bad = StockKey(2, 5)
    real = Menu.channels

    def channels(self: Menu, brand_id: str) -> object:
        raise RuntimeError("a catalogue that is broken")

    rows = [OutboxRow(1, 0, WHOLE_STORE, 5), OutboxRow(2, 1, bad, 5), OutboxRow(3, 2, WHOLE_STORE, 5)]
    monkeypatch.setattr(Menu, "channels", channels)
    found = await Renderer(database.outbox, Source()).render({STORE: rows, other: rows[:1]}, 5)
    monkeypatch.setattr(Menu, "channels", real)
    assert [each.row.seq for each in found[STORE]] == [1, 2]
    assert found[STORE][1].message is None
    assert isinstance(found[STORE][1].fault, RuntimeError)
    assert [each.row.seq for each in found[other]] == [1]


async def test_what_others_changed_of_the_catalogue_is_looked_for_first(database: Database) -> None:
    """A store that another process closed, and announced, is not told as open."""
    source = Source()
    looked: list[int] = []

    async def look() -> None:
        looked.append(1)
        source.current = Menu()
        source.current.stores.clear()

    row = OutboxRow(1, 0, WHOLE_STORE, 5)
    before = (await Renderer(database.outbox, source).render({STORE: [row]}, 5))[STORE]
    after = (await Renderer(database.outbox, source, look).render({STORE: [row]}, 5))[STORE]
    told = [message_of(each) for (each,) in (before, after)]
    assert [each.data.deleted for each in told] == [False, True]
    assert looked


async def test_others_get_their_turn_while_many_stores_are_rendered(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Orders are taken on the same event loop."""
    monkeypatch.setattr(stretch, "_SECONDS", 0.0)
    order: list[str] = []
    begun = asyncio.Event()
    told = rendering._rendered

    def seen(view: StoreStates, *rest: Any) -> list[Rendered]:
        order.append(view.store.poi_id)
        begun.set()
        return told(view, *rest)

    monkeypatch.setattr(rendering, "_rendered", seen)
    stores = [StoreKey.of(BRAND_ID, str(number)) for number in range(3)]
    rows = {store: [OutboxRow(1, 0, WHOLE_STORE, 1)] for store in stores}
    rendering_them = asyncio.create_task(Renderer(database.outbox, Source()).render(rows, 1_700_000_000_000))
    await begun.wait()
    order.append("another")
    assert list(await rendering_them) == stores
    assert order.index("another") < len(order) - 1
