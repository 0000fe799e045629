"""Restores in the midst of open orders, caps, guarantees and weights: after each batch the sums agree, counted anew."""

import random
from datetime import UTC, datetime

import pytest

from eightysix.core.audit import findings
from eightysix.core.calendar import ScheduleEntry
from eightysix.core.catalogue import Store
from eightysix.core.change import Kind
from eightysix.core.command import (
    Actor,
    AmendStock,
    ChannelSetting,
    Command,
    DeductStock,
    Line,
    LockStock,
    ReleaseGuarantees,
    ReturnStock,
    RunTimers,
    SetStock,
    Setting,
    UnlockStock,
)
from eightysix.core.instant import business_day, from_datetime
from eightysix.core.key import sku_key
from eightysix.core.reservation import State
from eightysix.core.restore import BELOW_PROMISED
from eightysix.core.restore_rule import RestoreRule
from eightysix.core.stock import LIMITED, ONE_OFF, SOLD_OUT, UNLIMITED, RestoreTo
from tests.world.kitchen import Kitchen
from tests.world.menu import BRAND_ID, STORE

ACTOR = Actor("sim")
SKUS = (1, 2, 6, 7)
"""6 is a combo of 1 and twice 2."""
CHANNELS = ("POS", "KIOSK", "EMENU")
ZONE, DAY_START = "Europe/London", 240
MINUTE = 60_000
HOURLY = tuple(ScheduleEntry((), hour * 60, 1_000 * hour % 7_000 or None) for hour in range(24))


class Rush:
    """One store in which everything goes on at once."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.world = Kitchen(from_datetime(datetime(2027, 10, 30, 22, 59, 58, tzinfo=UTC)))
        self.world.menu.set_store(Store(BRAND_ID, "1", ZONE, DAY_START, guarantees_end_minute=150))
        self.world.menu.set_rules(
            RestoreRule(BRAND_ID, "hourly", HOURLY),
            RestoreRule(BRAND_ID, "one", (ScheduleEntry((), 90, 3_000), ScheduleEntry()), item=sku_key(1)),
        )
        self._orders = 0
        self._requests = 0

    def step(self) -> None:
        self.world.now += self._random.choice([0, 0, 1, 500, 20_000, MINUTE, 20 * MINUTE, 90 * MINUTE])
        self.world.batch([self._any() for _ in range(self._random.choice([1, 1, 2, 4]))])

    def _any(self) -> Command:
        make = self._random.choice([
            self._lock, self._lock, self._lock, self._deduct, self._unlock, self._return, self._amend,
            self._set, self._one_off, self._channels, self._release, self._timers, self._timers,
        ])  # fmt: skip
        return make()

    def _quantity(self) -> int:
        return self._random.choice([1_000, 1_000, 2_000, 3_000])

    def _order(self) -> str:
        return f"o{self._random.randint(max(1, self._orders - 8), max(1, self._orders))}"

    def _request(self) -> str:
        self._requests += 1
        return f"r{self._requests}"

    def _lock(self) -> Command:
        self._orders += 1
        skus = self._random.sample(SKUS, self._random.choice([1, 2]))
        lines = tuple(Line(sku, quantity=self._quantity()) for sku in skus)
        seconds = self._random.choice([30, 900, 7_200])
        return LockStock(STORE, f"o{self._orders}", self._random.choice(CHANNELS), lines, ACTOR, seconds)

    def _deduct(self) -> Command:
        return DeductStock(STORE, self._order(), None, ACTOR, relock=self._random.random() < 0.5)

    def _unlock(self) -> Command:
        return UnlockStock(STORE, self._order(), None, ACTOR)

    def _return(self) -> Command:
        lines = (Line(self._random.choice(SKUS), quantity=1_000, restock=self._random.random() < 0.7),)
        return ReturnStock(STORE, self._order(), lines, self._request(), ACTOR)

    def _amend(self) -> Command:
        lines = (Line(self._random.choice(SKUS), quantity=self._quantity()),)
        return AmendStock(STORE, self._order(), lines, self._request(), ACTOR)

    def _set(self) -> Command:
        kind = self._random.choice([LIMITED, LIMITED, LIMITED, UNLIMITED])
        setting = Setting(
            sku_key(self._random.choice((1, 2, 7))), type=kind, plan=self._random.choice([0, 4_000, 9_000]),
            real=self._random.choice([0, 5_000, 12_000]), allocation=self._random.choice([0, 1, 2]),
        )  # fmt: skip
        return SetStock(STORE, (setting,), ACTOR)

    def _one_off(self) -> Command:
        at = self._random.choice([None, self.world.now, self.world.now + 400, self.world.now + 40 * MINUTE])
        setting = Setting(
            sku_key(self._random.choice((1, 2, 7))), status=SOLD_OUT, auto_restore_type=ONE_OFF, auto_restore_at=at,
            restore_to=self._random.choice([*RestoreTo]),
        )  # fmt: skip
        return SetStock(STORE, (setting,), ACTOR)

    def _channels(self) -> Command:
        channel = ChannelSetting(
            self._random.choice(CHANNELS), limit=self._random.choice([None, 4_000]),
            guarantee=self._random.choice([0, 2_000]), weight=self._random.choice([0, 1, 3]),
        )  # fmt: skip
        return SetStock(STORE, (Setting(sku_key(self._random.choice((1, 2, 7))), channels=(channel,)),), ACTOR)

    def _release(self) -> Command:
        return ReleaseGuarantees(STORE, None, ACTOR)

    def _timers(self) -> Command:
        return RunTimers(STORE)

    def check(self, where: str) -> None:
        """The audit finds nothing, and `used` is what was taken since the period began."""
        world = self.world
        assert findings(world.books(), world.menu) == [], where
        now = max(world.now, world.head.last_at)
        day = business_day(now, ZONE, DAY_START)
        for (key, code), row in world.channels.items():
            since = max(day.starts_at, world.stocks[key].epoch_at)
            if not row.counts or row.period_at < since:
                continue
            taken = sum(
                take.amount(each.quantity - (0 if each.state is State.LOCKED else each.restocked))
                for each in world.reservations.values()
                if each.channel_code == code and each.locked_at >= since and each.state in _COUNTING
                for take in each.takes
                if take.key == key
            )
            assert row.used == taken, f"{where}: {key} {row}"


_COUNTING = (State.LOCKED, State.DEDUCTED, State.RETURNED)


@pytest.mark.parametrize("seed", range(6))
def test_the_sums_agree_whatever_comes_back_meanwhile(seed: int) -> None:
    rush = Rush(seed)
    for number in range(150):
        rush.step()
        rush.check(f"seed {seed}, step {number}")


def test_a_rush_reaches_what_it_is_about() -> None:
    kinds: set[Kind] = set()
    incidents: set[str] = set()
    for seed in range(4):
        rush = Rush(seed)
        for _ in range(150):
            rush.step()
        kinds |= {row.kind for row in rush.world.logs}
        incidents |= {each.kind for each in rush.world.incidents}
    assert {Kind.RESTORE, Kind.SKIP, Kind.FLOW_BACK, Kind.LOCK, Kind.DEDUCT, Kind.RETURN, Kind.EXPIRE} <= kinds
    assert BELOW_PROMISED in incidents
