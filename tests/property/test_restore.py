"""The restore rules against a wall clock looked at every minute: random settings, rules, clocks, days of downtime."""

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from eightysix.core.audit import findings
from eightysix.core.calendar import ScheduleEntry
from eightysix.core.catalogue import Store
from eightysix.core.command import Actor, DeductStock, Line, LockStock, RunTimers, SetStock, Setting
from eightysix.core.instant import from_datetime, to_iso
from eightysix.core.key import sku_key
from eightysix.core.outcome import OrderDone, Refused, StocksSet, TimersRun
from eightysix.core.restore_rule import RestoreRule
from tests.world.kitchen import Kitchen
from tests.world.menu import BRAND_ID, STORE

from .wall import KEEP, MINUTE_MS, NEVER, ONE_OFF, PLAN, RULES, UNLIMITED, Entry, Rule, Wall

SKUS = [1, 2, 5, 7]
ACTOR = Actor("sim")
HALF_MINUTE = 30_000
WHENS = [
    ("Europe/London", datetime(2027, 3, 26, 12, tzinfo=UTC)),
    ("Europe/London", datetime(2027, 10, 29, 12, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2027, 4, 2, 12, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2027, 10, 1, 12, tzinfo=UTC)),
    ("America/New_York", datetime(2027, 3, 12, 12, tzinfo=UTC)),
    ("Asia/Shanghai", datetime(2027, 12, 30, 12, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 28, 12, tzinfo=UTC)),
]
ZONES = ["Europe/London", "Australia/Lord_Howe", "America/New_York", "Asia/Shanghai"]
STARTS = [0, 90, 125, 240, 240, 300]
MINUTES = [None, None, 0, 60, 95, 119, 120, 130, 240, 660, 1020, 1439]


class Driver:
    """The same events on both sides; after each, both must agree."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        zone, begin = self.random.choice(WHENS)
        now = from_datetime(begin) + HALF_MINUTE  # nothing happens on the full minute but what comes by the clock
        self.world = Kitchen(now)
        for sku in SKUS:  # all in tenths, so that both sides round alike
            key = (2, sku)
            self.world.menu.items[key] = replace(self.world.menu.items[key], decimals=1, category=None)
        start = self.random.choice(STARTS)
        self.world.menu.set_store(Store(BRAND_ID, "1", zone, start))
        self.wall = Wall(now, zone, start, SKUS)
        self.orders = self.made = 0
        self.done: list[str] = []
        self._plan()

    def step(self) -> None:
        event = self.random.choice([
            self._set, self._set, self._one_off, self._one_off, self._eighty_six, self._sell, self._sell,
            self._rules, self._move, self._category, self._sleep, self._pass, self._pass, self._pass,
        ])  # fmt: skip
        self.done.append(f"{to_iso(self.world.now)} {event.__name__}")
        event()
        self.world.now = max(self.world.now, self.world.head.last_at)  # several restores at one instant took some
        self._wake()
        self.wall.one_offs()
        self._compare()

    def _compare(self) -> None:
        where = f"seed {self.seed} at {to_iso(self.world.now)}, after {self.done[-6:]}"
        assert findings(self.world.books(), self.world.menu) == [], where
        for sku, thing in self.wall.things.items():
            row = self.world.stocks.get(sku_key(sku))
            assert (row is not None) == thing.exists, f"{where}: {sku}"
            if row is None:
                continue
            got = (row.is_limited, row.plan, row.real, row.status == 2, row.manual, row.auto_restore_type)
            assert (*got, row.auto_restore_at) == thing.look(), f"{where}: {sku}\n{self.wall.governing(sku)}\n{thing}"

    def _wake(self) -> None:
        """As the timer does: run what is due until nothing is."""
        while (timer := self.world.timer) is not None and timer.due_at is not None and timer.due_at <= self.world.now:
            self._plan()

    def _plan(self) -> None:
        assert isinstance(self.world.run(RunTimers(STORE)), TimersRun)

    def _pass(self) -> None:
        until = self.world.now + self.random.choice([1, 7, 60, 300, 1440, 2880]) * MINUTE_MS
        while (timer := self.world.timer) is not None and timer.due_at is not None and timer.due_at <= until:
            self.world.now = max(self.world.now, timer.due_at)
            self._plan()
        self.world.now = until
        self.wall.pass_until(until)

    def _sleep(self) -> None:
        self.world.now += self.random.choice([5, 600, 1440, 4320]) * MINUTE_MS
        self._wake()
        self.wall.pass_until(self.world.now, asleep=True)

    def _put(self, sku: int, **fields: Any) -> None:
        outcome = self.world.run(SetStock(STORE, (Setting(sku_key(sku), **fields),), ACTOR))
        assert isinstance(outcome, StocksSet)
        assert not isinstance(outcome.results[0], Refused), outcome
        self.wall.things[sku].exists = sku_key(sku) in self.world.stocks

    def _set(self) -> None:
        sku, limited = self.random.choice(SKUS), self.random.random() < 0.8
        plan, real = self.random.choice([0, 5000, 9000]), self.random.choice([0, 1000, 4000, 9000])
        self._put(sku, type=2 if limited else 1, plan=plan, real=real, status=1)
        thing = self.wall.things[sku]
        if thing.manual and thing.to == KEEP:  # the end of an 86 goes with the 86
            thing.one_off, thing.at, thing.to = RULES, None, PLAN
        thing.limited, thing.plan, thing.real, thing.sold_out, thing.manual = limited, plan, real, False, False
        thing.turn()

    def _one_off(self) -> None:
        sku, kind = self.random.choice(SKUS), self.random.choice([RULES, ONE_OFF, ONE_OFF, ONE_OFF, NEVER])
        thing = self.wall.things[sku]
        if kind != ONE_OFF:
            self._put(sku, auto_restore_type=kind)
            thing.one_off, thing.at, thing.to = kind, None, thing.to if kind == NEVER else PLAN
            return
        minutes = self.random.choice([None, -5, 1, 45, 700, 3000])
        at = None if minutes is None else (self.world.now // MINUTE_MS + minutes) * MINUTE_MS
        to = self.random.choice([PLAN, PLAN, UNLIMITED, KEEP])
        anew = (thing.one_off, thing.at, thing.to) != (ONE_OFF, at, to) or not thing.exists
        self._put(sku, auto_restore_type=ONE_OFF, auto_restore_at=at, restore_to=to)
        thing.one_off, thing.at, thing.to = ONE_OFF, at, to
        thing.asked = self.world.now if anew else thing.asked

    def _eighty_six(self) -> None:
        sku = self.random.choice(SKUS)
        self._put(sku, status=2)
        thing = self.wall.things[sku]
        if not thing.sold_out:
            thing.manual = not thing.limited or thing.real > 0
            thing.sold_out = True

    def _sell(self) -> None:
        sku = self.random.choice(SKUS)
        self.orders += 1
        lock = LockStock(STORE, f"o{self.orders}", "POS", (Line(sku, quantity=1000),), ACTOR)
        if isinstance(self.world.run(lock), OrderDone):
            assert isinstance(self.world.run(DeductStock(STORE, f"o{self.orders}", None, ACTOR)), OrderDone)
            thing = self.wall.things[sku]
            assert not thing.sold_out
            if thing.limited:
                thing.real -= 1000
                thing.turn()

    def _rules(self) -> None:
        kept = [rule for rule in self.wall.rules if self.random.random() < 0.6]
        fresh = [self._rule() for _ in range(self.random.choice([0, 1, 1, 2]))]
        self.wall.rules = [*kept, *fresh]
        self.world.menu.set_rules(*(_stored(rule) for rule in self.wall.rules))
        self._plan()

    def _rule(self) -> Rule:
        self.made += 1
        times: dict[int | None, Entry] = {}
        for _ in range(self.random.choice([1, 1, 2, 3])):
            minute = self.random.choice(MINUTES)
            days = tuple(sorted(self.random.sample(range(1, 8), self.random.choice([0, 0, 2, 4]))))
            times[minute] = Entry(days, minute, self.random.choice([None, None, 3000, 7050]))
        sku, category = self.random.choice([(None, None), (None, "soups"), (self.random.choice(SKUS), None)])
        return Rule(
            f"{self.made:06}",
            tuple(times.values()),
            self.random.choice([PLAN, PLAN, UNLIMITED, KEEP]),
            self.random.random() < 0.5,
            sku,
            category,
            self.world.now,
        )

    def _move(self) -> None:
        self.wall.zone = self.random.choice([self.wall.zone, *ZONES])
        self.wall.start = self.random.choice([self.wall.start, *STARTS])
        self.world.menu.set_store(Store(BRAND_ID, "1", self.wall.zone, self.wall.start))
        self._plan()

    def _category(self) -> None:
        sku, category = self.random.choice(SKUS), self.random.choice([None, "soups"])
        item = self.world.menu.items[2, sku]
        self.world.menu.items[2, sku] = replace(item, category=category)
        self.world.menu.timers_version += 1
        self.wall.categories[sku] = category
        self._plan()


def _stored(rule: Rule) -> RestoreRule:
    return RestoreRule(
        BRAND_ID,
        rule.name,
        tuple(ScheduleEntry(entry.days, entry.minute, entry.quantity) for entry in rule.entries),
        rule.to,
        "1" if rule.here else None,
        None if rule.sku is None else sku_key(rule.sku),
        rule.category,
        rule.since,
    )


@pytest.mark.parametrize("seed", range(12))
def test_what_comes_back_is_what_a_clock_on_the_wall_says(seed: int) -> None:
    driver = Driver(seed)
    for _ in range(60):
        driver.step()


def test_a_run_reaches_what_it_is_about() -> None:
    kinds: set[str] = set()
    for seed in range(100, 106):
        driver = Driver(seed)
        for _ in range(60):
            driver.step()
        kinds |= {row.kind.name for row in driver.world.logs}
    assert {"SET", "RESTORE", "SKIP", "LOCK", "DEDUCT"} <= kinds
