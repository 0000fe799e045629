"""What others were told of each item is so: whatever happens, whoever reads only the messages knows what can be sold.

A reader keeps, of each item and channel, whether it could be sold when the item's last message was written. After each
batch that is what `availability` says, unless the store's timer is overdue.
"""

import random
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from eightysix.core import restore
from eightysix.core.audit import findings
from eightysix.core.availability import available
from eightysix.core.calendar import ScheduleEntry
from eightysix.core.catalogue import Brand, Component, Item, Store
from eightysix.core.change import Kind
from eightysix.core.command import (
    Actor,
    ChannelSetting,
    Command,
    DeductStock,
    ExpireLocks,
    Line,
    LockStock,
    ReleaseGuarantees,
    ReturnStock,
    RunTimers,
    SetStock,
    Setting,
    UnlockStock,
)
from eightysix.core.dependent import TELLER, links_of
from eightysix.core.draft import Draft
from eightysix.core.instant import from_datetime
from eightysix.core.key import WHOLE_STORE, StockKey, sku_key, spu_key
from eightysix.core.restore_rule import RestoreRule
from eightysix.core.stock import LIMITED, SOLD_OUT, UNLIMITED
from tests.world.kitchen import Kitchen
from tests.world.menu import BRAND_ID, STORE

ACTOR = Actor("sim")
CHANNELS = ("POS", "KIOSK", "ONLINE_ORDER")
STOCKS = (*map(sku_key, (1, 2, 3, 4, 5, 6, 7)), spu_key(30))
MINUTE = 60_000
HOUR = 60 * MINUTE
EVENING = from_datetime(datetime(2027, 10, 30, 18, tzinfo=UTC))


class Reader:
    """A store in which anything happens, and somebody who reads its messages."""

    def __init__(self, seed: int, *, tells_dependents: bool = True) -> None:
        self.random = random.Random(seed)
        self.world = Kitchen(EVENING)
        self.world.tells_dependents = tells_dependents
        self.world.menu.set_store(Store(BRAND_ID, "1", "Europe/London", guarantees_end_minute=22 * 60))
        self.world.menu.set_rules(RestoreRule(BRAND_ID, "daily", (ScheduleEntry(),), item=sku_key(2)))
        self.world.run(RunTimers(STORE))
        self.told = self._now()
        self._read = len(self.world.outbox)
        self._orders = 0

    def step(self) -> None:
        """Time goes on, the store's timer wakes more or less in time, and a few commands come in one batch."""
        world = self.world
        to = world.now + self.random.choice([0, 1, 20_000, MINUTE, 40 * MINUTE, 3 * HOUR])
        while world.timer is not None and world.timer.due_at is not None and world.timer.due_at <= to:
            world.now = max(world.now, world.timer.due_at)
            for _ in range(self.random.choice([0, 0, 1, 3])):  # somebody is faster than the timer
                world.now += self.random.choice([0, 1, 100])
                self._commit([self._order()])
            world.now += self.random.choice([0, 1, 400])
            self._commit([RunTimers(STORE)])
        world.now = max(world.now, to)
        self._commit([self._any() for _ in range(self.random.choice([1, 1, 1, 2, 3]))])

    def _commit(self, commands: list[Command]) -> None:
        world = self.world
        world.batch(commands)
        now = self._now()
        for row in world.outbox[self._read :]:
            key = world.subject(row)
            if key in now:
                self.told[key] = now[key]
        self._read = len(world.outbox)
        timer = world.timer
        overdue = timer is not None and timer.due_at is not None and timer.due_at <= max(world.now, world.head.last_at)
        if not overdue:
            assert self.told == now, f"after {commands}"

    def _now(self) -> dict[StockKey, Mapping[str, bool]]:
        """Of each item of the menu, by channel: whether it can be sold, as a list shows it."""
        view, menu = Draft(self.world.shelf(), TELLER), self.world.menu
        now: dict[StockKey, Mapping[str, bool]] = {}
        for item in menu.items.values():
            links = links_of(item, menu)
            can = {code: available(view, item, menu.codes[code], links) for code in CHANNELS}
            now[item.key] = {code: each.blocked_by is None and each.quantity != 0 for code, each in can.items()}
        return now

    def _any(self) -> Command:
        make = self.random.choice([
            self._order, self._order, self._order, self._set, self._set, self._eighty_six, self._caps, self._release,
        ])  # fmt: skip
        return make()

    def _order(self) -> Command:
        known = f"o{self.random.randint(max(1, self._orders - 6), max(1, self._orders))}"
        what = self.random.random()
        if what < 0.5:
            self._orders += 1
            skus = self.random.sample(range(1, 10), self.random.choice([1, 2]))
            lines = tuple(Line(sku, quantity=self.random.choice([1_000, 1_000, 2_000])) for sku in skus)
            return LockStock(
                STORE, f"o{self._orders}", self.random.choice(CHANNELS), lines, ACTOR, self.random.choice([30, 900]),
                partial=self.random.random() < 0.5,
            )  # fmt: skip
        if what < 0.7:
            return DeductStock(STORE, known, None, ACTOR, relock=True)
        if what < 0.85:
            return UnlockStock(STORE, known, None, ACTOR)
        if what < 0.95:
            return ReturnStock(STORE, known, None, f"r-{known}", ACTOR)
        return ExpireLocks(STORE)

    def _set(self) -> Command:
        real = self.random.choice([0, 1_000, 2_000, 5_000])
        kind = self.random.choice([LIMITED, LIMITED, LIMITED, UNLIMITED])
        setting = Setting(self.random.choice(STOCKS), type=kind, plan=3_000, real=real)
        return SetStock(STORE, (setting,), ACTOR)

    def _eighty_six(self) -> Command:
        key = self.random.choice(STOCKS)
        fields = {"status": SOLD_OUT, "manual": True} if self.random.random() < 0.5 else {"status": 1}
        return SetStock(STORE, (Setting(key, kind=Kind.EIGHTY_SIX, **fields),), ACTOR)  # type: ignore[arg-type]

    def _caps(self) -> Command:
        channel = ChannelSetting(
            self.random.choice(CHANNELS), limit=self.random.choice([None, 0, 1_000, 2_000]),
            guarantee=self.random.choice([0, 0, 2_000]), status=self.random.choice([1, 1, SOLD_OUT]),
        )  # fmt: skip
        return SetStock(STORE, (Setting(self.random.choice(STOCKS), channels=(channel,)),), ACTOR)

    def _release(self) -> Command:
        return ReleaseGuarantees(STORE, None, ACTOR)


def _goes_wrong(reader: Reader) -> bool:
    try:
        for _ in range(250):
            reader.step()
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize("seed", range(8))
def test_whoever_reads_the_messages_knows_what_can_be_sold(seed: int) -> None:
    reader = Reader(seed)
    for _ in range(250):
        reader.step()
    assert findings(reader.world.books(), reader.world.menu) == []


def test_without_the_notes_they_would_not() -> None:
    """The negative control."""
    assert all(_goes_wrong(Reader(seed, tells_dependents=False)) for seed in range(8))


def test_nor_without_the_start_of_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same without what the timer does for caps that start again."""
    monkeypatch.setattr(restore, "renewal_of", lambda *_: None)
    assert any(_goes_wrong(Reader(seed)) for seed in range(8))


def test_a_run_tells_of_dependents_for_every_reason() -> None:
    reader = Reader(86)
    for _ in range(600):
        reader.step()
    logs = [row for row in reader.world.logs if row.kind is Kind.FLIP]
    assert {row.key for row in logs} >= {sku_key(3), sku_key(4), sku_key(6), sku_key(8), sku_key(9)}
    four_in_the_morning = 10 * HOUR  # after the evening
    assert any(0 <= (row.at - EVENING - four_in_the_morning) % (24 * HOUR) < 2_000 for row in logs)


def test_brand_and_store_are_told_of_once_each_and_first_of_all_when_they_changed() -> None:
    world = Kitchen(EVENING)
    world.menu.set_store(Store(BRAND_ID, "1", "Europe/London"))
    world.run(SetStock(STORE, (Setting(sku_key(1), type=LIMITED, plan=3_000, real=3_000),), ACTOR))
    assert [row.kind for row in world.logs] == [Kind.SET]  # nobody has heard of the store before
    world.menu.brands[BRAND_ID] = replace(Brand(BRAND_ID), open=False)
    world.menu.timers_version += 1
    for _ in range(2):
        world.run(RunTimers(STORE))
        assert [(row.seq, row.prev_seq, row.key) for row in world.outbox] == [(1, 0, sku_key(1)), (2, 1, WHOLE_STORE)]
    world.menu.brands[BRAND_ID] = Brand(BRAND_ID)
    world.menu.set_store(Store(BRAND_ID, "1", "Europe/Paris"))
    world.run(SetStock(STORE, (Setting(sku_key(1), real=2_000),), ACTOR))  # whoever comes first
    assert [row.key for row in world.outbox[2:]] == [WHOLE_STORE, sku_key(1)]
    del world.menu.stores[BRAND_ID, "1"]
    world.menu.timers_version += 1
    for _ in range(2):
        world.run(RunTimers(STORE))
        assert [row.key for row in world.outbox[4:]] == [WHOLE_STORE]
    assert [row.content for row in world.logs if row.kind is Kind.STORE][-1] == '{"deleted":true}'
    assert [row.stock_prev for row in world.logs if row.kind is Kind.STORE] == [0, 2, 3]
    assert findings(world.books(), world.menu) == []


def test_a_process_that_has_not_heard_of_it_leaves_a_newer_announcement_alone() -> None:
    world = Kitchen(EVENING)
    world.menu.set_store(Store(BRAND_ID, "1", "Europe/London"))
    world.run(RunTimers(STORE))
    world.menu.set_store(Store(BRAND_ID, "1", "Europe/London", open=False))
    world.run(RunTimers(STORE))
    told = len(world.outbox)
    world.menu.set_store(Store(BRAND_ID, "1", "Europe/London"))
    world.menu.timers_version -= 2  # an older catalogue
    world.run(RunTimers(STORE))
    assert len(world.outbox) == told


def test_an_item_that_left_the_menu_is_told_of_where_it_has_a_row_and_one_made_otherwise_with_its_combos() -> None:
    world = Kitchen(EVENING)
    world.menu.set_store(Store(BRAND_ID, "1", "Europe/London"))
    world.run(SetStock(STORE, tuple(Setting(sku_key(sku), status=SOLD_OUT) for sku in (1, 5)), ACTOR))
    menu = world.menu
    for key in ((2, 5), (2, 7)):
        del menu.items[key]
        menu.moved[StockKey(*key)] = menu.timers_version + 1
    menu.items[2, 1] = Item(BRAND_ID, 2, 1, spu_id=30)
    menu.items[2, 9] = Item(BRAND_ID, 2, 9, components=(Component(2, 500),))
    menu.moved |= {sku_key(1): menu.timers_version + 1, sku_key(9): menu.timers_version + 1}
    menu.timers_version += 1
    world.run(RunTimers(STORE))
    assert world.flipped == [sku_key(1), sku_key(5), sku_key(6), sku_key(9)]
    world.run(RunTimers(STORE))
    assert world.flipped == []
    assert findings(world.books(), world.menu) == []
