"""A store's hub of few words, and what must come of what it tells: a model that shares nothing with the rules.

Of each stock it keeps three numbers: what is there, what of that is the cloud's part, and what it has locked. It sells
what it holds, beyond that by force, counts, takes returns, and writes an event for each; the cloud hears of them late.
"""

import random
from typing import Any

from msgspec.structs import replace

from eightysix.core.audit import findings
from eightysix.core.calendar import ScheduleEntry
from eightysix.core.change import Kind
from eightysix.core.command import (
    ChannelSetting,
    DeductStock,
    Line,
    LockStock,
    ReturnStock,
    RunTimers,
    SetStock,
    Setting,
    TellHubEvent,
    UnlockStock,
)
from eightysix.core.hub import GrantChange, Side
from eightysix.core.hub_event import Move, ToldIncident
from eightysix.core.key import StockKey, sku_key
from eightysix.core.outcome import GrantsMoved, HubEventTold, OrderDone
from eightysix.core.reservation import Reservation, State, Take
from eightysix.core.restore_rule import RestoreRule
from eightysix.core.stock import LIMITED, SOLD_OUT, UNLIMITED
from tests.world.kitchen import Kitchen
from tests.world.menu import BRAND_ID, STORE
from tests.world.told import STAFF, Told

KEYS = (sku_key(1), sku_key(2))
CHAINS = {1: (Take(2, 1),), 2: (Take(2, 2),), 6: (Take(2, 6, counted=False), Take(2, 1), Take(2, 2, 2000))}
"""What one portion takes; a combo of one and two."""
HOUR = 3_600_000


class Shelf:
    """What the hub knows of one stock."""

    def __init__(self) -> None:
        self.real = self.part = self.locked = 0
        self.epoch_at = 0

    @property
    def free(self) -> int:
        return self.real - self.part - self.locked

    @property
    def held(self) -> int:
        return max(0, self.real - self.part)


class Counter:
    """One run from one seed: the hub, its cloud, and what goes between them."""

    def __init__(self, seed: int, *, restores: bool = False) -> None:
        self.random = random.Random(seed)
        self.cloud = Kitchen()
        if restores:
            self.cloud.menu.set_rules(RestoreRule(BRAND_ID, "daily", (ScheduleEntry((), 240, 8_000),)))
            self.cloud.run(RunTimers(STORE))
        self.cloud.run(SetStock(STORE, tuple(Setting(key, type=LIMITED, real=20_000) for key in KEYS), STAFF))
        self.number = 0
        self.online: list[str] = []
        self.hubs = 0
        self.late: list[TellHubEvent] = []
        """What hubs that were replaced have not told yet."""
        self._new_hub()

    def _new_hub(self) -> None:
        self.hubs += 1
        self.line = Told(self.cloud, Side(f"hub-{self.hubs}", "j"))
        self.shelves = {key: Shelf() for key in KEYS}
        self.orders: dict[str, Reservation] = {}
        self.untold: list[TellHubEvent] = []
        self._hear()

    def step(self) -> None:
        """One thing happens somewhere, and all must fit."""
        self.number += 1
        self.cloud.now += self.random.choice([0, 1, 1000, HOUR // 2])
        happen = self.random.choice(
            [self._lock] * 4
            + [self._pay] * 3
            + [self._end, self._give_back, self._count, self._expire]
            + [self._tell] * 5
            + [self._ask] * 3
            + [self._hear] * 2
            + [self._sell_online] * 3
            + [self._set, self._set_channel, self._pass_a_day, self._lose]
        )
        happen()
        found = findings(self.cloud.books(), self.cloud.menu)
        assert not found, f"step {self.number}, {happen.__name__}: {found}"
        for key in KEYS:
            under_way = sum(move.held for told in self.untold for move in told.event.moves if move.key == key)
            grant, held = self.cloud.stocks[key].grant, self.shelves[key].held
            assert grant == held - under_way, f"step {self.number}, {happen.__name__}: {key}"

    # what happens in the store

    def _lock(self) -> None:
        sku = self.random.choice([1, 1, 2, 6])
        quantity = self.random.choice([1000, 2000, 5000])
        beyond = {take.key: take.amount(quantity) for take in CHAINS[sku] if take.counted}
        short = {key: more for key, amount in beyond.items() if (more := amount - max(0, self.shelves[key].free)) > 0}
        if short and self.random.random() < 0.7:
            return
        before = self._holdings()
        for key, amount in beyond.items():
            shelf = self.shelves[key]
            shelf.part -= min(shelf.part, max(0, amount - shelf.free))  # unasked, where it is forced
            shelf.locked += amount
        now = self.cloud.now + self.random.choice([0, 0, -5_000, 5_000])
        order = Reservation(
            f"h{self.number}", sku, 0, self.random.choice(["POS", "KIOSK"]), State.LOCKED, quantity, quantity,
            now, now + 900_000, CHAINS[sku], revision=1,
        )  # fmt: skip
        self.orders[order.order_id] = order
        incidents = tuple(ToldIncident("forced_sale", key, more) for key, more in short.items())
        self._write(before, Kind.LOCK, order, {}, incidents)

    def _pay(self) -> None:
        order = self._some(State.LOCKED)
        if order is None:
            return
        paid = order.quantity if self.random.random() < 0.7 else 1000
        before = self._holdings()
        moved = {}
        for take in order.takes:
            if take.counted:
                shelf = self.shelves[take.key]
                shelf.locked -= take.amount(order.quantity)
                shelf.real -= take.amount(paid)
                moved[take.key] = -take.amount(paid)
        self._write(before, Kind.DEDUCT, self._now(order, state=State.DEDUCTED, quantity=paid), moved)

    def _end(self) -> None:
        order = self._some(State.LOCKED)
        if order is not None:
            self._free(order, Kind.UNLOCK, State.UNLOCKED, closed=self.random.random() < 0.5)

    def _expire(self) -> None:
        order = self._some(State.LOCKED)
        if order is not None:
            self._free(order, Kind.EXPIRE, State.EXPIRED)

    def _free(self, order: Reservation, kind: Kind, state: State, *, closed: bool = False) -> None:
        before = self._holdings()
        for take in order.takes:
            if take.counted:
                self.shelves[take.key].locked -= take.amount(order.quantity)
        self._write(before, kind, self._now(order, state=state), {}, closed=closed)

    def _give_back(self) -> None:
        order = self._some(State.DEDUCTED)
        if order is None or order.returned == order.quantity:
            return
        restock = self.random.choice([0, 1000])
        before = self._holdings()
        moved = {}
        for take in order.takes:
            if take.counted and restock:
                self.shelves[take.key].real += take.amount(restock)
                moved[take.key] = take.amount(restock)
        returned = order.returned + 1000
        state = State.RETURNED if returned == order.quantity else State.DEDUCTED
        after = self._now(order, state=state, returned=returned, restocked=order.restocked + restock)
        self._write(before, Kind.RETURN, after, moved)

    def _count(self) -> None:
        key = self.random.choice(KEYS)
        shelf = self.shelves[key]
        change = self.random.choice([3000, 1000, -1000, -4000])
        if shelf.real + change < 0:
            return
        before = self._holdings()
        shelf.real += change
        short = max(0, -shelf.free) if change < 0 else 0
        shelf.part -= min(shelf.part, short)
        incidents = (ToldIncident("count_below_promised", key, short),) if short else ()
        self._write(before, Kind.COUNT, None, {key: change}, incidents)

    def _write(
        self,
        before: dict[StockKey, int],
        kind: Kind,
        order: Reservation | None,
        moved: dict[StockKey, int],
        incidents: tuple[ToldIncident, ...] = (),
        *,
        closed: bool = False,
    ) -> None:
        """The event of what has just happened."""
        moves = []
        for key, shelf in self.shelves.items():
            real, more = moved.get(key, 0), shelf.held - before[key]
            if real or more:
                quantity = -real if kind is Kind.DEDUCT else real
                moves.append(Move(key, kind, quantity, real, more, shelf.epoch_at, channel_code="POS"))
        facts: dict[str, Any] = {"moves": tuple(moves), "incidents": incidents, "closed": closed}
        if order is not None:
            facts |= {"order_id": order.order_id, "lines": (order,)}
        self.untold.append(self.line.event(**facts))

    def _holdings(self) -> dict[StockKey, int]:
        return {key: shelf.held for key, shelf in self.shelves.items()}

    def _some(self, state: State) -> Reservation | None:
        found = [order for order in self.orders.values() if order.state is state]
        return self.random.choice(found) if found else None

    def _now(self, order: Reservation, **facts: Any) -> Reservation:
        after = self.orders[order.order_id] = replace(order, **facts)
        return after

    # what goes to the cloud and comes from it

    def _tell(self) -> None:
        """Some events, often with one that was told before."""
        queue = self.late if self.late and self.random.random() < 0.5 else self.untold
        told = queue[: self.random.randint(1, 4)]
        if not told:
            return
        outcomes = self.cloud.batch(told)
        assert outcomes == [HubEventTold(each.seq, each.seq + 1) for each in told]
        if self.random.random() < 0.3:
            before = self.cloud.head
            again = self.cloud.run(told[-1])
            assert isinstance(again, HubEventTold)
            assert again.replayed
            assert self.cloud.head == before
        del queue[: len(told)]

    def _tell_all(self) -> None:
        for told in self.untold:
            assert self.cloud.run(told) == HubEventTold(told.seq, told.seq + 1)
        self.untold.clear()

    def _ask(self) -> None:
        """Borrow, or give back what is free; the cloud knows by then what the hub holds."""
        key = self.random.choice(KEYS)
        shelf = self.shelves[key]
        delta = self.random.choice([1000, 4000, 10_000, -1000, -3000])
        if delta < 0:
            if shelf.free + delta < 0:
                return
            shelf.part -= delta
            self._tell_all()
        outcome = self.line.ask(GrantChange(key, delta))
        assert isinstance(outcome, GrantsMoved)
        [total] = outcome.totals
        if delta < 0:
            assert total.given == delta
            return
        assert 0 <= total.given <= delta
        if total.given:
            held, shelf.part = shelf.held, max(0, shelf.part - total.given)
            shelf.real = held + total.given + shelf.part

    def _hear(self) -> None:
        """The cloud's rows as they are now."""
        for key, shelf in self.shelves.items():
            stock, held = self.cloud.stocks[key], shelf.held
            shelf.part = max(0, stock.real - stock.grant)
            shelf.real = held + shelf.part
            shelf.epoch_at = stock.epoch_at

    # what happens in the cloud

    def _sell_online(self) -> None:
        order_id = f"o{self.number}"
        lines = (Line(self.random.choice([1, 2, 6]), 0, self.random.choice([1000, 3000])),)
        if isinstance(self.cloud.run(LockStock(STORE, order_id, "ONLINE_ORDER", lines, STAFF)), OrderDone):
            self.online.append(order_id)
        order_id = self.random.choice(self.online or [order_id])
        command: Any = self.random.choice([
            DeductStock(STORE, order_id, None, STAFF),
            UnlockStock(STORE, order_id, None, STAFF),
            ReturnStock(STORE, order_id, (replace(lines[0], restock=True),), f"r{self.number}", STAFF),
        ])  # fmt: skip
        self.cloud.run(command)

    def _set(self) -> None:
        """Head office counts, adds, takes off sale, or changes whether it is counted at all."""
        key = self.random.choice(KEYS)
        setting = self.random.choice([
            Setting(key, kind=Kind.ADD, quantity=self.random.choice([10_000, -2000])),
            Setting(key, kind=Kind.COUNT, quantity=self.random.choice([0, 5000, 30_000])),
            Setting(key, status=SOLD_OUT, manual=True),
            Setting(key, status=1),
            Setting(key, type=UNLIMITED),
            Setting(key, type=LIMITED, real=self.random.choice([4000, 20_000])),
        ])  # fmt: skip
        self.cloud.run(SetStock(STORE, (setting,), STAFF))

    def _set_channel(self) -> None:
        code = self.random.choice(["POS", "KIOSK", "ONLINE_ORDER"])
        channel = self.random.choice([
            ChannelSetting(code, limit=self.random.choice([None, 0, 8000])),
            ChannelSetting(code, guarantee=self.random.choice([0, 2000])),
        ])  # fmt: skip
        self.cloud.run(SetStock(STORE, (Setting(self.random.choice(KEYS), channels=(channel,)),), STAFF))

    def _pass_a_day(self) -> None:
        self.cloud.now += self.random.choice([HOUR, 24 * HOUR])
        self.cloud.run(RunTimers(STORE))

    def _lose(self) -> None:
        """The hub is gone; what it has not told, somebody finds later. The next one takes over."""
        if self.random.random() < 0.7:
            return
        for order in list(self.orders.values()):
            if order.state is State.LOCKED and self.random.random() < 0.5:
                self._free(order, Kind.EXPIRE, State.EXPIRED)
        self.line.is_lost()
        self.late += self.untold
        self._new_hub()
