"""Whatever was sold beyond, and however each incident is settled: the books stay right, and nothing is owed at last."""

import random
from typing import Any

import pytest

from eightysix.core.audit import findings
from eightysix.core.change import LEAVE_OVERSOLD, Kind
from eightysix.core.command import (
    Actor,
    ChannelSetting,
    DeductStock,
    Line,
    LockStock,
    ResolveIncident,
    SetStock,
    Setting,
    UnlockStock,
)
from eightysix.core.key import sku_key
from eightysix.core.outcome import Code, IncidentResolved, Refused
from eightysix.core.reservation import State
from eightysix.core.resolving import ACCEPT, CANCEL, HOWS, RECOUNT
from eightysix.core.stock import LIMITED, UNLIMITED
from tests.world.kitchen import Kitchen
from tests.world.menu import STORE

STAFF = Actor("staff")
SKUS = (1, 2, 4, 6)
"""6 is a combo of 1 and 2."""


class Evening:
    """A kitchen in which everything is sold by force, and staff settle what comes of it."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.kitchen = Kitchen()
        self.refused: set[str] = set()
        self.orders = 0
        cap = ChannelSetting("POS", limit=6_000)
        kept = ChannelSetting("ONLINE_ORDER", guarantee=3_000)
        settings = [Setting(sku_key(sku), type=LIMITED, real=5_000, channels=(cap, kept)) for sku in SKUS[:2]]
        self.kitchen.run(SetStock(STORE, (*settings, Setting(sku_key(4), type=LIMITED, real=3_000)), STAFF))

    def step(self) -> None:
        self.kitchen.now += self.draw.choice([1, 1_000, 60_000])
        self.draw.choice([self._sell, self._sell, self._sell, self._pay, self._cancel, self._count, self._settle])()

    def open(self, *, oversold: bool = False) -> list[int]:
        return [
            each.seq
            for each in self.kitchen.incidents
            if each.is_open and not (oversold and each.kind in LEAVE_OVERSOLD)
        ]

    def resolve(self, seq: int, how: str, counted: int | None) -> None:
        before = {key: (stock.left, stock.oversold) for key, stock in self.kitchen.stocks.items()}
        [incident] = [each for each in self.kitchen.incidents if each.seq == seq]
        outcome = self.kitchen.run(ResolveIncident(STORE, seq, how, STAFF, "settled", counted))
        left, oversold = before[incident.key]
        stock = self.kitchen.stocks[incident.key]
        if isinstance(outcome, Refused):
            self.refused.add(outcome.code)
            assert (stock.left, stock.oversold) == (left, oversold)
        else:
            assert isinstance(outcome, IncidentResolved)
            fell = oversold - stock.oversold + (outcome.opened.oversold if outcome.opened else 0)
            assert 0 <= fell <= incident.oversold
            if how == ACCEPT and stock.is_limited:
                assert stock.left <= max(0, left), "nothing new can be sold of what was accepted"
        assert findings(self.kitchen.books()) == []

    def _sell(self) -> None:
        self.orders += 1
        lines = {self.draw.choice(SKUS): self.draw.choice([1_000, 3_000]) for _ in range(self.draw.choice([1, 2]))}
        channel = self.draw.choice(["POS", "POS", "ONLINE_ORDER"])
        self._run(
            LockStock(
                STORE,
                f"o{self.orders}",
                channel,
                tuple(Line(sku, 0, quantity) for sku, quantity in lines.items()),
                STAFF,
                force=channel == "POS",
                reason="it is on the counter",
            )
        )

    def _pay(self) -> None:
        self._run(DeductStock(STORE, self._order(), None, STAFF))

    def _cancel(self) -> None:
        self._run(UnlockStock(STORE, self._order(), None, STAFF))

    def _count(self) -> None:
        key, kind = sku_key(self.draw.choice(SKUS[:3])), self.draw.choice([Kind.COUNT, Kind.ADD, Kind.SET])
        if kind is Kind.SET:
            setting = Setting(key, type=self.draw.choice([LIMITED, LIMITED, UNLIMITED]))
        else:
            setting = Setting(key, kind=kind, quantity=self.draw.randrange(4) * 1_000)
        self._run(SetStock(STORE, (setting,), STAFF))

    def _settle(self) -> None:
        if seqs := self.open():
            how = self.draw.choice(HOWS)
            counted = self.draw.randrange(8) * 1_000 if how == RECOUNT else None
            self.resolve(self.draw.choice(seqs), how, counted)

    def _order(self) -> str:
        held = {each.order_id for each in self.kitchen.reservations.values() if each.state is State.LOCKED}
        return self.draw.choice(sorted(held)) if held else "none"

    def _run(self, command: Any) -> None:
        self.kitchen.run(command)


@pytest.mark.parametrize("seed", range(40))
def test_the_books_stay_right_however_incidents_are_settled(seed: int) -> None:
    evening = Evening(seed)
    for _ in range(60):
        evening.step()
    while seqs := evening.open():
        evening.resolve(evening.draw.choice(seqs), ACCEPT, None)
    for stock in evening.kitchen.stocks.values():
        assert stock.oversold == 0
        assert stock.real >= (stock.locked if stock.is_limited else 0)


@pytest.mark.parametrize("seed", range(40, 60))
def test_cancelling_goes_on_until_only_what_is_paid_is_missing(seed: int) -> None:
    evening = Evening(seed)
    for _ in range(60):
        evening.step()
    for _ in range(200):
        seqs = [seq for seq in evening.open(oversold=True) if evening.kitchen.stocks[_key(evening, seq)].is_limited]
        if not seqs:
            break
        evening.refused.clear()
        evening.resolve(seqs[0], CANCEL, None)
        if Code.NOTHING_TO_CANCEL in evening.refused:
            stock = evening.kitchen.stocks[_key(evening, seqs[0])]
            assert stock.locked == 0
            assert stock.real < 0
            evening.resolve(seqs[0], ACCEPT, None)
    for stock in evening.kitchen.stocks.values():
        assert not stock.is_limited or stock.left >= 0


def _key(evening: Evening, seq: int) -> Any:
    return next(each.key for each in evening.kitchen.incidents if each.seq == seq)


def test_an_evening_meets_every_way_and_every_refusal() -> None:
    met: set[str] = set()
    for seed in range(40):
        evening = Evening(seed)
        for _ in range(60):
            evening.step()
        met |= {each.how for each in evening.kitchen.incidents if each.how}
        met |= evening.refused
        met |= {each.kind for each in evening.kitchen.incidents if not each.is_open}
    assert {*HOWS, "forced_sale", "count_below_promised", "sale_beyond_channel"} <= met
    assert {Code.NOTHING_TO_CANCEL, Code.SETTING_INVALID} <= met
