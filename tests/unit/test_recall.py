"""When a hub is asked for portions back: once a second of a stock, and only where it holds some."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple, cast

import pytest

from eightysix.core.change import Head
from eightysix.core.command import Actor, Command, Line, LockStock, UnlockStock
from eightysix.core.key import StockKey, StoreKey, sku_key
from eightysix.core.outcome import BlockedBy, Code, LineRefusal, Refused
from eightysix.core.stock import Stock
from eightysix.storage.port import Reader, StoreRows, Unavailable
from eightysix.sync.bus import BusMessage
from eightysix.sync.local_bus import LocalBus
from eightysix.sync.recall import Recalls
from eightysix.wire.grant import RECALLS_TOPIC, GrantRecall, decode_recall
from eightysix.wire.message import group_of
from tests.sync.condition import until
from tests.world.menu import STORE, Menu


class _Reader:
    """What the store has of each stock."""

    def __init__(self) -> None:
        self.grants: dict[StockKey, int] = {sku_key(1): 5000, sku_key(2): 0}
        self.asked = 0
        self.is_away = False

    async def store_rows(self, _store: StoreKey, keys: Sequence[StockKey]) -> StoreRows:
        self.asked += 1
        if self.is_away:
            raise Unavailable("away")
        stocks = tuple(Stock(key, type=2, real=9000, grant=self.grants.get(key, 0)) for key in keys)
        return StoreRows(0, Head(), stocks, (), (), None)


class _Source(NamedTuple):
    current: Menu


class _Desk:
    """Recalls with a reader, a clock and whatever came of them."""

    def __init__(self, bus: LocalBus) -> None:
        self.menu, self.reader, self.now = Menu(), _Reader(), 100.0
        self.menu.hubs["1"] = "hub_1"
        self.heard: list[GrantRecall] = []
        self.groups: set[str] = set()
        self.recalls = Recalls(cast(Reader, self.reader), _Source(self.menu), bus, lambda: self.now)

    async def hear(self, messages: Sequence[BusMessage]) -> None:
        self.heard += [decode_recall(message.body) for message in messages]
        self.groups |= {message.group for message in messages}

    async def refuse(self, *short: LineRefusal, channel: str = "ONLINE_ORDER", command: Command | None = None) -> None:
        lines = tuple(Line(line.sku_id, 0, line.requested) for line in short)
        lock = command or LockStock(STORE, "o1", channel, lines, Actor("k"))
        self.recalls.refused(lock, Refused(Code.OUT_OF_STOCK, short))
        await until(lambda: not self.recalls._under_way)

    @property
    def wanted(self) -> list[tuple[int, Any]]:
        return [(each.object_id, each.wanted) for each in self.heard]


@pytest.fixture
async def desk() -> AsyncIterator[_Desk]:
    bus = LocalBus()
    opened = _Desk(bus)
    await bus.subscribe(RECALLS_TOPIC, "test", opened.hear)
    yield opened
    await opened.recalls.stop()
    await bus.close()


def short(sku_id: int, requested: int, available: int, blocker: int | None = None, **more: Any) -> LineRefusal:
    by = {"blocked_by": BlockedBy.QUANTITY, "blocker": sku_key(blocker or sku_id)} | more
    return LineRefusal(sku_id, 0, Code.OUT_OF_STOCK, requested, available, **by)


async def test_what_was_wanted_beyond_what_was_there(desk: _Desk) -> None:
    await desk.refuse(short(1, 3500, 1000), short(2, 1000, 0))
    assert desk.wanted == [(1, 2.5)], "of what the hub holds nothing of there is nothing to ask for"
    assert (desk.heard[0].brand_id, desk.heard[0].poi_id, desk.groups) == ("noodle", "1", {group_of(STORE)})


async def test_lines_of_a_combo_want_its_components(desk: _Desk) -> None:
    desk.reader.grants[sku_key(2)] = 1000
    await desk.refuse(short(6, 3000, 1000, blocker=2), short(2, 500, 0))
    assert desk.wanted == [(2, 4.5)]


async def test_at_most_once_a_second_of_a_stock(desk: _Desk) -> None:
    for at, asked in ((100.0, 1), (100.9, 1), (101.0, 2), (101.5, 2)):
        desk.now = at
        await desk.refuse(short(1, 1000, 0))
        assert len(desk.heard) == desk.reader.asked == asked


@pytest.mark.parametrize("channel", ["POS", "NONE"])
async def test_only_online_orders(desk: _Desk, channel: str) -> None:
    await desk.refuse(short(1, 1000, 0), channel=channel)
    assert not desk.reader.asked


async def test_only_where_a_hub_sells(desk: _Desk) -> None:
    desk.menu.hubs.clear()
    await desk.refuse(short(1, 1000, 0))
    assert not desk.reader.asked


NOT_FOR_WANT_OF_PORTIONS = (
    short(1, 1000, 0, blocked_by=BlockedBy.CHANNEL_QUANTITY),
    short(1, 1000, 0, blocked_by=BlockedBy.SKU),
    LineRefusal(1, 0, Code.ORDER_CANCELLED),
)


@pytest.mark.parametrize("line", NOT_FOR_WANT_OF_PORTIONS)
async def test_only_for_want_of_portions(desk: _Desk, line: LineRefusal) -> None:
    await desk.refuse(line)
    assert not desk.reader.asked


async def test_only_locks(desk: _Desk) -> None:
    await desk.refuse(short(1, 1000, 0), command=UnlockStock(STORE, "o1", None, Actor("k")))
    assert not desk.reader.asked


async def test_a_database_that_is_away_is_no_fault_of_the_order(desk: _Desk) -> None:
    desk.reader.is_away = True
    await desk.refuse(short(1, 1000, 0))
    desk.reader.is_away, desk.now = False, 102.0
    await desk.refuse(short(1, 1000, 0))
    assert desk.wanted == [(1, 1)]
