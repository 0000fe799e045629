"""Random commands from one seed, run by the rules and by the naive model: after each, both must agree."""

import argparse
import copy
import random
import sys
import time

from msgspec.structs import replace

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
    SetStock,
    Setting,
    UnlockStock,
)
from eightysix.core.key import StockKey, sku_key
from eightysix.core.outcome import GuaranteesReleased, OrderDone, Outcome, Refused, StocksSet
from eightysix.core.stock import Allocation, ChannelStock
from tests.world.kitchen import Kitchen
from tests.world.menu import BRAND_ID, STORE

from . import naive_channels
from .naive import COMBO, POOL, Naive, Thing

ACTOR = Actor("sim")
SKUS = [1, 2, 3, 4, COMBO]
CHANNELS = ["POS", "KIOSK", "ONLINE_ORDER"]


def stock_key(stock: int) -> StockKey:
    return StockKey(1, POOL) if stock == POOL else sku_key(stock)


def stock_of(key: StockKey) -> int:
    return POOL if key.object_type == 1 else key.object_id


class Driver:
    """One run: `step` draws a batch of commands and compares."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.kitchen = Kitchen()
        stores = self.kitchen.menu.stores
        stores[BRAND_ID, "1"] = replace(stores[BRAND_ID, "1"], time_zone="Atlantic/Reykjavik")
        self.naive = Naive()
        self.number = 0
        self.said: dict[str, int] = {}

    def step(self) -> None:
        """Let time pass, run a few commands as one batch here, one after the other there, compare."""
        self.kitchen.now += self.random.choice([0, 0, 1, 5_000, 20_000, 70_000, 400_000])
        if self.random.random() < 0.002:
            self.kitchen.now += 11 * 3_600_000
        self._pass()
        first = self.number + 1
        drawn = [self._one() for _ in range(self.random.choice([1, 1, 1, 2, 5]))]
        outcomes = self.kitchen.batch([command for command, _ in drawn])
        where = ""
        for (command, expected), outcome in zip(drawn, outcomes, strict=True):
            got = said(outcome)
            where = f"seed {self.seed}, batch of commands {first} to {self.number}: {command}"
            assert expected is None or got == expected, f"{where}\n got      {got}\n expected {expected}"
            key = str(expected[0]) if isinstance(expected, tuple) else "SET"
            self.said[key] = self.said.get(key, 0) + 1
        self._compare(where)
        if self.number // 200 > (first - 1) // 200:
            self._forget()

    def _pass(self) -> None:
        """What happens by itself on the naive side as time has passed."""
        self.naive.now = self.kitchen.now
        naive_channels.start_day(self.naive)
        self.naive.expire()

    def _one(self) -> tuple[Command, object]:
        """A command and what the model says to it."""
        self.number += 1
        before = copy.deepcopy(self.naive.__dict__)
        held = naive_channels.held(self.naive)
        command, expected = self._draw()
        if isinstance(expected, tuple) and expected[0] == "ROLLBACK":
            self.naive.__dict__.update(before)
            expected = expected[1]
        naive_channels.watch(self.naive, held)
        return command, expected

    def _draw(self) -> tuple[Command, object]:
        draw = self.random.random()
        if draw < 0.06:
            return self.random.choice([self._set, self._set, self._set, self._count, self._eighty_six, self._release])()
        order = f"o{self.number // 200}-{self.random.randrange(12)}"
        if draw < 0.42:
            return self._lock(order)
        if draw < 0.62:
            return self._deduct(order)
        if draw < 0.74:
            return self._unlock(order)
        if draw < 0.88:
            return self._return(order)
        return self._amend(order)

    def _keys(self) -> list[tuple[int, int]]:
        keys = [
            (self.random.choice(SKUS), self.random.choice([0, 0, 0, 1]))
            for _ in range(self.random.choice([1, 1, 2, 3]))
        ]
        return list(dict.fromkeys(keys))

    def _quantity(self) -> int:
        return self.random.choice([500, 1000, 1000, 2000, 3000])

    def _hold(self) -> int:
        return self.random.choice([5, 60, 900])

    def _lock(self, order: str) -> tuple[Command, object]:
        wants = {key: self._quantity() for key in self._keys()}
        channel, hold = self.random.choice(CHANNELS), self._hold()
        lines = tuple(Line(*key, quantity) for key, quantity in wants.items())
        partial = self.random.random() < 0.25
        command = LockStock(STORE, order, channel, lines, ACTOR, hold, partial)
        return command, self.naive.lock(order, channel, wants, hold, partial=partial)

    def _deduct(self, order: str) -> tuple[Command, object]:
        relock = self.random.random() < 0.5
        if self.random.random() < 0.6:
            return DeductStock(STORE, order, None, ACTOR, relock), self.naive.deduct(order, None, relock=relock)
        wants = {key: self._quantity() for key in self._some_of(order)}
        lines = tuple(Line(*key, quantity) for key, quantity in wants.items())
        return DeductStock(STORE, order, lines, ACTOR, relock), self.naive.deduct(order, wants, relock=relock)

    def _unlock(self, order: str) -> tuple[Command, object]:
        if self.random.random() < 0.15:
            return UnlockStock(STORE, order, None, ACTOR), self.naive.unlock(order, None)
        keys = self._some_of(order)
        return UnlockStock(STORE, order, tuple(Line(*key) for key in keys), ACTOR), self.naive.unlock(order, keys)

    def _return(self, order: str) -> tuple[Command, object]:
        request = f"r{self.number // 200}-{self.random.randrange(40)}"
        if self.random.random() < 0.2:
            return ReturnStock(STORE, order, None, request, ACTOR), self.naive.give_back(order, request, None)
        wants = {key: (self._quantity(), self.random.random() < 0.5) for key in self._some_of(order)}
        lines = tuple(Line(*key, quantity, restock) for key, (quantity, restock) in sorted(wants.items()))
        command = ReturnStock(STORE, order, lines, request, ACTOR)
        return command, self.naive.give_back(order, request, dict(sorted(wants.items())))

    def _amend(self, order: str) -> tuple[Command, object]:
        request = f"a{self.number // 200}-{self.random.randrange(40)}"
        hold = self._hold()
        if self.random.random() < 0.15:
            return AmendStock(STORE, order, None, request, ACTOR, hold), self.naive.amend(order, request, None, hold)
        wants = {key: self.random.choice([0, 500, 1000, 2000, 4000]) for key in self._some_of(order)}
        wants = dict(sorted(wants.items()))
        lines = tuple(Line(*key, quantity) for key, quantity in wants.items())
        command = AmendStock(STORE, order, lines, request, ACTOR, hold)
        return command, self.naive.amend(order, request, wants, hold)

    def _some_of(self, order: str) -> list[tuple[int, int]]:
        """Mostly lines that the order has, sometimes others."""
        held = list(self.naive.order(order))
        if held and self.random.random() < 0.85:
            return self.random.sample(held, self.random.randint(1, min(2, len(held))))
        return self._keys()

    def _set(self) -> tuple[Command, object]:
        stock = self.random.choice([*SKUS, POOL])
        promised = self.naive.locked(stock)
        real: int | None = None
        fields: dict[str, object] = {}
        if self.random.random() < 0.7:
            # never below what is promised: that path opens incidents and has scenarios of its own
            real = self.random.choice([-1, promised, promised + 8000, promised + 40_000, promised + 90_000])
            fields = {"type": 1} if real < 0 else {"type": 2, "real": real}
        sold_out = self.random.choice([None, None, None, True, False, False])
        if sold_out is not None:
            fields["status"] = 2 if sold_out else 1
        caps = self._some([5000, 20_000], 0.2)
        promises = self._some([3000, 10_000], 0.3)
        weights = self._some([1, 2, 3], 0.2)
        thing = self.naive.things.get(stock, Thing())
        weights |= {code: 0 for code in thing.weights if self.random.random() < 0.1}
        allocation = self.random.choice([None, None, None, "", "guarantee", "limit"])
        lows: dict[str, int | None] = {**self._some([1000, 4000, 9000], 0.25)}
        lows |= {code: None for code in thing.lows if self.random.random() < 0.1}
        if self.random.random() < 0.25:
            lows[naive_channels.WHOLE] = self.random.choice([2000, 6000])
        if naive_channels.WHOLE in lows:
            fields["low"] = lows[naive_channels.WHOLE]
        if allocation is not None:
            fields["allocation"] = Allocation[allocation.upper() or "NONE"]
        parts = {"limit": caps, "guarantee": promises, "weight": weights, "low": lows}
        codes = [code for code in CHANNELS if any(code in part for part in parts.values())]
        channels = tuple(
            ChannelSetting(code, **{name: part[code] for name, part in parts.items() if code in part})  # type: ignore[attr-defined]
            for code in codes
        )
        self.naive.set_stock(
            stock, real=real, sold_out=sold_out, caps=caps, promises=promises, weights=weights, allocation=allocation,
            lows=lows,
        )  # fmt: skip
        setting = Setting(stock_key(stock), channels=channels, **fields)  # type: ignore[arg-type]
        return SetStock(STORE, (setting,), ACTOR), None

    def _count(self) -> tuple[Command, object]:
        stock = self.random.choice([*SKUS, POOL])
        add = self.random.random() < 0.6
        there, promised = self.naive.thing(stock).real, self.naive.locked(stock)
        # less than is promised opens incidents and has scenarios of its own; less than nothing is refused
        to = self.random.choice([promised, there, there + 2000, promised + 30_000, promised + 60_000, -1000])
        to = to if add else max(to, promised)
        quantity = to - there if add else to
        request = f"r{self.number // 200}-{self.random.randrange(40)}"
        setting = Setting(stock_key(stock), kind=Kind.ADD if add else Kind.COUNT, quantity=quantity)
        command = SetStock(STORE, (setting,), ACTOR, request_id=request)
        return command, self.naive.count(stock, request, quantity, add=add)

    def _eighty_six(self) -> tuple[Command, object]:
        stock = self.random.choice([*SKUS, POOL])
        sold_out = self.random.random() < 0.4
        fields = {"status": 2, "manual": True} if sold_out else {"status": 1}
        setting = Setting(stock_key(stock), kind=Kind.EIGHTY_SIX, **fields)  # type: ignore[arg-type]
        return SetStock(STORE, (setting,), ACTOR), self.naive.eighty_six(stock, sold_out=sold_out)

    def _some(self, values: list[int], chance: float) -> dict[str, int]:
        """Now and then, a value for one or two channels."""
        if self.random.random() > chance:
            return {}
        return {code: self.random.choice(values) for code in self.random.sample(CHANNELS, self.random.choice([1, 2]))}

    def _release(self) -> tuple[Command, object]:
        stocks = [*self.naive.things] if self.random.random() < 0.5 else [self.random.choice([*SKUS, POOL])]
        keys = tuple(map(stock_key, stocks)) if len(stocks) == 1 else None
        released = naive_channels.release(self.naive, stocks)
        return ReleaseGuarantees(STORE, keys, ACTOR), ("RELEASED", released)

    def _compare(self, where: str) -> None:
        for stock, thing in self.naive.things.items():
            row = self.kitchen.stocks.get(stock_key(stock))
            if row is None:
                continue
            assert row.locked == self.naive.locked(stock), f"{where}: locked of {stock}"
            assert row.real == thing.real, f"{where}: real of {stock}"
            assert (row.status == 2, row.manual) == (thing.sold_out, thing.manual), f"{where}: status of {stock}"
            assert row.oversold == 0, f"{where}: oversold {stock}"
            assert row.is_low == (naive_channels.WHOLE in thing.low), f"{where}: low {stock}"
            for code in CHANNELS:
                channel = self.kitchen.channels.get((row.key, code), ChannelStock(row.key, code))
                parts = (thing.caps.get(code), thing.promises.get(code, 0), thing.weights.get(code, 0))
                assert (channel.limit, channel.guarantee, channel.weight) == parts, f"{where}: {code} of {stock}"
        told = [(stock_of(each.key), each.channel_code, each.quantity, each.threshold) for each in self.kitchen.alerts]
        assert sorted(told) == sorted(self.naive.alerts), f"{where}: alerts"
        self.kitchen.alerts.clear()
        self.naive.alerts.clear()
        for (order, sku, number), line in self.naive.lines.items():
            reservation = self.kitchen.reservations[order, (sku, number)]
            held = (reservation.quantity, reservation.returned, reservation.restocked)
            assert held == (line.quantity, line.returned, line.restocked), f"{where}: {order}"

    def _forget(self) -> None:
        """Drop orders that have ended, on both sides, so that a long run stays fast. They count in `used` today."""
        self.kitchen.now += 24 * 3_600_000
        self._pass()
        self.kitchen.run(UnlockStock(STORE, f"tidy{self.number}", None, ACTOR))
        ended = [key for key, line in self.naive.lines.items() if line.state != "LOCKED"]
        for order, sku, number in ended:
            del self.naive.lines[order, sku, number]
            del self.kitchen.reservations[order, (sku, number)]
        self.naive.requests.clear()
        self.kitchen.requests.clear()
        self.kitchen.logs.clear()
        self.kitchen.outbox.clear()


def said(outcome: Outcome) -> object:
    """An outcome in the model's words."""
    if isinstance(outcome, OrderDone):
        return (outcome.state.name if outcome.state is not None else "MIXED"), outcome.replayed
    if isinstance(outcome, GuaranteesReleased):
        return "RELEASED", sorted((stock_of(each.key), each.channel_code, each.quantity) for each in outcome.released)
    if isinstance(outcome, Refused):
        return str(outcome.code), {(each.sku_id, each.line_no): str(each.code) for each in outcome.lines}
    if isinstance(outcome, StocksSet):
        [result] = outcome.results
        return said(result) if isinstance(result, Refused) else ("SAME" if result.replayed else "DONE", {})
    return None


def main() -> None:
    """`make model SEED=n COMMANDS=m`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--commands", type=int, default=200_000)
    options = parser.parse_args()
    driver = Driver(options.seed)
    started = time.monotonic()
    while driver.number < options.commands:
        driver.step()
    rate = driver.number / (time.monotonic() - started)
    sys.stdout.write(f"seed {options.seed}: {driver.number} commands agree, {rate:.0f}/s; {driver.said}\n")


if __name__ == "__main__":
    main()
