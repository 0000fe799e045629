"""A POS of few words, and what must come of what it says: a model that shares nothing with the rules.

It keeps one number: what was put there, less what was sold, plus what came back. The POS sees a row now and then and is
told of sales late or never; what it says may get lost on its way, or its answer, and then it says it again, later.
"""

import random
from typing import NamedTuple

from msgspec.structs import replace

from eightysix.core.command import (
    Actor,
    DeductStock,
    Line,
    LockStock,
    ReportStock,
    ReturnStock,
    SetStock,
    Setting,
    UnlockStock,
)
from eightysix.core.key import StockKey, sku_key
from eightysix.core.outcome import Code, OrderDone, Refused, StockReported
from eightysix.core.stock import LIMITED, Stock
from tests.world.kitchen import Kitchen
from tests.world.menu import STORE

KEY = sku_key(1)
CLOUD, TILL = Actor("cloud"), Actor("till", "pos")
BEGIN = 50_000


class Said(NamedTuple):
    """A report under way, and what the POS believed to be there when it counted."""

    command: ReportStock
    believed: int


class Till:
    """One run from one seed."""

    def __init__(self, seed: int, key: StockKey = KEY) -> None:
        self.random = random.Random(seed)
        self.key = key
        self.kitchen = Kitchen()
        self.kitchen.run(SetStock(STORE, (Setting(key, type=LIMITED, real=BEGIN),), CLOUD))
        self.there = BEGIN
        self.seen = self.row()
        self.believed = self.row().real
        self.under_way: list[Said] = []
        self.orders: list[str] = []
        self.number = 0
        self.met: dict[str, int] = {}

    def row(self) -> Stock:
        return self.kitchen.stocks[self.key]

    def step(self) -> None:
        """One thing happens, and the count must be what the model says."""
        self.number += 1
        self.kitchen.now += self.random.choice([0, 1, 1000])
        happen = self.random.choice([self._sell, self._sell, self._give_back, self._look, self._hear, self._say,
                                     self._say, self._deliver, self._deliver, self._deliver, self._set])  # fmt: skip
        happen()
        assert self.row().real == self.there, f"step {self.number}: {happen.__name__}"

    def _sell(self) -> None:
        order, quantity = f"o{self.number}", self.random.choice([1000, 2000])
        lock = LockStock(STORE, order, "POS", (Line(1, 0, quantity),), CLOUD)
        if not isinstance(self.kitchen.run(lock), OrderDone):
            return
        if self.random.random() < 0.2:
            self.kitchen.run(UnlockStock(STORE, order, None, CLOUD))
            return
        self.kitchen.run(DeductStock(STORE, order, None, CLOUD))
        self.there -= quantity
        self.orders.append(order)

    def _give_back(self) -> None:
        if not self.orders:
            return
        order = self.orders.pop(self.random.randrange(len(self.orders)))
        lines = (Line(1, 0, 1000, restock=True),)
        done = self.kitchen.run(ReturnStock(STORE, order, lines, f"r{self.number}", CLOUD))
        self.there += 1000 * isinstance(done, OrderDone)

    def _look(self) -> None:
        """The POS pulls the row."""
        self.seen = self.row()
        self.believed = self.seen.real

    def _hear(self) -> None:
        """The POS is told the row by a message; orders don't move its `updated_at`."""
        if self.row().updated_at == self.seen.updated_at:
            self.believed = self.row().real

    def _say(self) -> None:
        """Something is done at the POS: nothing with the count, more, or fewer."""
        real = max(0, self.believed + self.random.choice([0, 0, 0, 1000, 3000, -1000]))
        status = self.random.choice([1, 1, 2])
        event_id = f"e{self.number}" if self.random.random() < 0.7 else None
        base_real = self.believed if self.random.random() < 0.5 else None
        setting = Setting(self.key, status=status, type=LIMITED, plan=self.number * 1000, real=real)
        told = ReportStock(STORE, setting, self.seen.updated_at, replace(TILL, event_id=event_id), base_real)
        self.under_way.append(Said(told, self.believed))

    def _deliver(self) -> None:
        """A report arrives, an old one perhaps, and often its answer gets lost."""
        if not self.under_way:
            return
        said = self.random.choice(self.under_way)
        before = self.row()
        outcome = self.kitchen.run(said.command)
        if isinstance(outcome, Refused):
            self._met(outcome.code)
            assert outcome.code in (Code.STALE_REPORT, Code.COUNT_BASE_MISSING), outcome
            assert self.row() == before
            self.under_way.remove(said)
            return
        assert isinstance(outcome, StockReported)
        self._met("again" if outcome.row.replayed else "applied" if outcome.real_applied else "echo")
        if outcome.row.replayed:
            assert self.row() == before, "a repeat changed something"
        elif outcome.real_applied:
            real = said.command.setting.real
            assert isinstance(real, int)
            self.there += real - said.believed
        if self.random.random() < 0.5:
            self.under_way.remove(said)

    def _set(self) -> None:
        """Head office sets something else."""
        if self.random.random() < 0.3:
            self.kitchen.run(SetStock(STORE, (Setting(self.key, plan=self.number),), CLOUD))

    def _met(self, what: str) -> None:
        self.met[what] = self.met.get(what, 0) + 1
