"""A hub and a cloud that says anything, from one seed: what the hub holds is accounted for after every step.

What the journal tells of it, what was given and what was given back add up to what there is; the journal is whole and
exact; the books are clean.
"""

import random
from collections import Counter

import pytest
from msgspec.structs import replace

from eightysix.core.audit import findings
from eightysix.core.calendar import ScheduleEntry
from eightysix.core.change import Kind
from eightysix.core.command import (
    AckEvents,
    Actor,
    AmendStock,
    AskGrants,
    ChannelSetting,
    Command,
    CountStock,
    DeductStock,
    ExpireLocks,
    Line,
    LockStock,
    MirrorStock,
    ReleaseGuarantees,
    ReplayEvent,
    ReturnStock,
    RunTimers,
    SellStock,
    SetStock,
    Setting,
    SettleGrants,
    TellVerb,
    UnlockStock,
)
from eightysix.core.hub import GrantChange, GrantRequest, MirrorRow, held
from eightysix.core.hub_event import chained, decode_event, encode_event
from eightysix.core.key import StockKey, sku_key, spu_key
from eightysix.core.outcome import Refused
from eightysix.core.restore_rule import RestoreRule
from eightysix.core.stock import LIMITED, ON_SALE, SOLD_OUT, UNLIMITED, Allocation, ChannelStock, Stock
from tests.world.hub_kitchen import HubKitchen
from tests.world.menu import BRAND_ID, STORE

ME = Actor("sim", "pos")
SKUS = (1, 2, 3, 4, 6)
KEYS = (*(sku_key(sku_id) for sku_id in SKUS), spu_key(30))
CHANNELS = ("POS", "KIOSK", "ONLINE_ORDER", "WARN")
HOUR = 3_600_000


class Driver:
    """One run."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.hub = HubKitchen()
        self.hub.menu.set_rules(RestoreRule(BRAND_ID, "daily", (ScheduleEntry(),)))
        self.version = 0
        self.epoch_at = 0
        self.number = 0
        self.events: list[bytes] = []
        self.settled: Counter[StockKey] = Counter()
        self.seen: Counter[str] = Counter()

    def step(self) -> None:
        self.number += 1
        self.hub.now += self.random.choice([0, 0, 1, 5_000, 70_000, 400_000])
        if self.random.random() < 0.01:
            self.hub.now += 11 * HOUR
        commands = [self._draw() for _ in range(self.random.choice([1, 1, 2, 4]))]
        requests = set(self.hub.requests_open)
        acked = self.hub.acked_seq
        known = self.hub.last_seq
        outcomes = self.hub.batch(commands)
        self._account(commands, outcomes, requests)
        self.events += [body for seq, (_, body) in sorted(self.hub.events.items()) if seq > known]
        assert self.hub.acked_seq >= acked
        self._check(known)

    def _account(self, commands: list[Command], outcomes: list[object], requests: set[str]) -> None:
        """What was got and given back, as the requests say."""
        for command, outcome in zip(commands, outcomes, strict=True):
            self.seen[type(command).__name__ + (" refused" if isinstance(outcome, Refused) else "")] += 1
            if isinstance(command, SettleGrants) and command.request_id in requests:
                requests.discard(command.request_id)
                for change in command.given:
                    self.settled[change.key] += max(0, change.delta)
            elif isinstance(command, AskGrants) and command.request.request_id not in requests:
                if isinstance(outcome, Refused):
                    continue
                requests.add(command.request.request_id)
                for change in command.request.changes:
                    self.settled[change.key] += min(0, change.delta)

    def _check(self, known: int) -> None:
        hub = self.hub
        assert findings(hub.books(), hub.menu) == []
        moved: Counter[StockKey] = Counter()
        chain = ""
        for seq, body in enumerate(self.events, 1):
            event = decode_event(body)
            assert encode_event(event) == body
            assert (event.seq, event.prev) == (seq, chain)
            chain = chained(chain, body)
            for move in event.moves:
                moved[move.key] += move.held
                if seq > known:
                    self.seen[f"move {move.kind.name}"] += 1
            if seq > known:
                self.seen["incident"] += bool(event.incidents)
                self.seen["setting"] += event.setting is not None
        assert (len(self.events), chain) == (hub.last_seq, hub.chain)
        for key in KEYS:
            stock = hub.stocks.get(key) or Stock(key)
            assert not stock.is_limited or stock.real - stock.grant >= -stock.oversold, key
            assert held(stock) == moved[key] + self.settled[key], key

    def _draw(self) -> Command:
        draw = self.random.random()
        if draw < 0.45:
            return self._order()
        if draw < 0.55:
            return self._set()
        if draw < 0.75:
            return self._mirror()
        if draw < 0.87:
            return self._request()
        return self.random.choice([self._acknowledge, self._replay, self._clock, self._verb])()

    def _order(self) -> Command:
        order_id = f"o{self.number // 40}-{self.random.randrange(8)}"
        draw = self.random.random()
        if draw >= 0.4 and self.hub.reservations and self.random.random() < 0.8:
            order_id = self.random.choice([*self.hub.reservations][-6:])[0]
        channel = self.random.choice(CHANNELS)
        force = channel != "ONLINE_ORDER" and self.random.random() < 0.15
        if draw < 0.4:
            hold = self.random.choice([5, 60, 900])
            return LockStock(
                STORE,
                order_id,
                channel,
                self._lines(),
                ME,
                hold,
                self.random.random() < 0.2,
                force,
                "x" if force else None,
            )
        if draw < 0.65:
            return DeductStock(STORE, order_id, None, ME, relock=self.random.random() < 0.5)
        if draw < 0.75:
            return UnlockStock(STORE, order_id, self.random.choice([None, self._lines()]), ME)
        if draw < 0.9:
            lines = tuple(replace(line, restock=self.random.random() < 0.7) for line in self._lines(order_id))
            return ReturnStock(STORE, order_id, lines, f"r{self.number}-{self.random.randrange(3)}", ME)
        return AmendStock(STORE, order_id, self._lines(order_id), f"a{self.number}-{self.random.randrange(3)}", ME)

    def _lines(self, order_id: str = "") -> tuple[Line, ...]:
        held = [line[0] for order, line in self.hub.reservations if order == order_id]
        skus = held or self.random.sample(SKUS, self.random.choice([1, 1, 2]))
        return tuple(Line(sku_id, 0, self.random.choice([500, 1_000, 2_000, 3_000])) for sku_id in skus)

    def _set(self) -> Command:
        settings = []
        for key in self.random.sample(KEYS, self.random.choice([1, 1, 2])):
            quantity = self.random.choice([0, 2_000, 5_000, 20_000])
            settings.append(
                self.random.choice(
                    [
                        Setting(key, kind=Kind.COUNT, quantity=quantity),
                        Setting(key, kind=Kind.ADD, quantity=self.random.choice([-1_000, 3_000])),
                        Setting(key, real=quantity, plan=quantity),
                        Setting(key, type=LIMITED, real=quantity),
                        Setting(key, type=UNLIMITED),
                        Setting(key, status=SOLD_OUT, kind=Kind.EIGHTY_SIX),
                        Setting(key, status=ON_SALE),
                        Setting(key, channels=(ChannelSetting("POS", limit=self.random.choice([None, 4_000])),)),
                        Setting(key, channels=(ChannelSetting("ONLINE_ORDER", guarantee=2_000, weight=1),)),
                        Setting(key, allocation=self.random.choice(list(Allocation))),
                    ]
                )
            )
        return SetStock(STORE, tuple(settings), ME)

    def _mirror(self) -> Command:
        rows = []
        for key in self.random.sample(KEYS, self.random.choice([1, 2, 3])):
            self.version += 1
            if self.random.random() < 0.1:
                self.epoch_at = self.hub.now - self.random.choice([0, HOUR])
            real = self.random.choice([0, 3_000, 10_000, 30_000])
            manual = self.random.random() < 0.15
            stock = Stock(
                key,
                status=SOLD_OUT if manual else ON_SALE,
                type=self.random.choice([LIMITED, LIMITED, LIMITED, UNLIMITED]),
                manual=manual,
                plan=real,
                real=real,
                grant=self.random.choice([0, 2_000, 12_000]),
                version=max(1, self.version - self.random.choice([0, 0, 0, 9])),
                settings_version=self.version,
                updated_at=self.hub.now,
                epoch_at=self.epoch_at,
                restored_slot=self.random.choice([0, 0, self.version]) if self.random.random() < 0.05 else 0,
            )
            day = self.hub.shelf().day.starts_at
            channels = [
                ChannelStock(key, "POS", limit=self.random.choice([None, 6_000]), weight=self.random.choice([0, 1])),
                ChannelStock(key, "ONLINE_ORDER", guarantee=2_000, limit=9_000, used=1_000, period_at=day),
                ChannelStock(key, "KIOSK", guarantee=1_000, released_at=self.random.choice([0, self.hub.now])),
            ]
            rows.append(MirrorRow(stock, tuple(self.random.sample(channels, self.random.randrange(4)))))
        return MirrorStock(STORE, tuple(rows))

    def _request(self) -> Command:
        open_ = sorted(self.hub.requests_open)
        key = self.random.choice(KEYS)
        if open_ and self.random.random() < 0.6:
            name = self.random.choice(open_)
            changes = self.hub.requests_open[name].changes
            given = tuple(
                replace(each, delta=self.random.choice([each.delta, each.delta // 2])) if each.delta > 0 else each
                for each in changes
            )
            return SettleGrants(STORE, name, given)
        name = f"g{self.number}" if self.random.random() < 0.9 or not open_ else open_[0]
        changes = (GrantChange(key, self.random.choice([4_000, 9_000, -1_000, -3_000])),)
        return AskGrants(STORE, GrantRequest(name, changes, self.hub.now))

    def _acknowledge(self) -> Command:
        seq = self.random.randint(self.hub.acked_seq, self.hub.last_seq) + 1_000 * (self.random.random() < 0.05)
        key = self.random.choice(KEYS)
        return AckEvents(STORE, seq, self.random.choice([(), ((key, self.version + self.random.choice([-2, 1])),)]))

    def _replay(self) -> Command:
        seq = next(iter(journal.last_seq for journal in self.hub.journals.values()), 0) + 1
        then = Actor("pos", "replay", happened_at=self.hub.now - 5_000)
        event = self.random.choice(
            [
                SellStock(STORE, f"tab{self.number}", "POS", self._lines(), then),
                CountStock(STORE, self.random.choice(KEYS), 3_000, self.random.choice([2_000, 5_000]), then),
            ]
        )
        return ReplayEvent(STORE, "till", "j", seq, event, then)

    def _clock(self) -> Command:
        return self.random.choice([RunTimers(STORE), ExpireLocks(STORE), ReleaseGuarantees(STORE, None, ME)])

    def _verb(self) -> Command:
        return TellVerb(STORE, UnlockStock(STORE, f"far{self.number}", None, ME))


@pytest.mark.parametrize("seed", range(12))
def test_what_the_hub_holds_is_accounted_for(seed: int) -> None:
    driver = Driver(seed)
    for _ in range(120):
        driver.step()


def test_the_runs_come_to_everything() -> None:
    seen: Counter[str] = Counter()
    for seed in range(6):
        driver = Driver(100 + seed)
        for _ in range(100):
            driver.step()
        seen += driver.seen
    wanted = {f"move {kind}" for kind in ("LOCK", "DEDUCT", "RETURN", "COUNT")} | {
        "incident", "setting", "AskGrants refused", "AckEvents refused", "SettleGrants", "MirrorStock",
    }  # fmt: skip
    assert wanted <= {name for name, count in seen.items() if count}, seen
