"""A hub and its cloud under the real rules, from one seed, however late either hears of the other.

After every step what the cloud counts as granted is what the hub holds, plus what is on its way. Once all has arrived
both have the same stock, and the books of both are clean.
"""

import random
from collections import Counter

import pytest

from eightysix.core.audit import findings
from eightysix.core.calendar import ScheduleEntry
from eightysix.core.change import Kind
from eightysix.core.command import (
    AckEvents,
    Actor,
    AskGrants,
    ChannelSetting,
    DeductStock,
    ExpireLocks,
    Line,
    LockStock,
    MirrorStock,
    MoveGrants,
    ReturnStock,
    RunTimers,
    SetStock,
    Setting,
    SettleGrants,
    TellHubEvent,
    UnlockStock,
)
from eightysix.core.hub import GrantChange, GrantRequest, MirrorRow, held
from eightysix.core.hub_event import decode_event
from eightysix.core.key import StockKey, sku_key, spu_key
from eightysix.core.outcome import GrantsMoved, HubEventTold, Refused
from eightysix.core.restore_rule import RestoreRule
from eightysix.core.stock import LIMITED, NEVER, ON_SALE, ONE_OFF, SOLD_OUT, UNLIMITED, Allocation, Stock
from tests.world.hub_kitchen import SIDE, HubKitchen
from tests.world.kitchen import Kitchen
from tests.world.menu import BRAND_ID, STORE

ME, UPLINK = Actor("sim", "pos"), Actor("hub-1", "hub")
SKUS = (1, 2, 3, 4, 6)
KEYS = (sku_key(1), sku_key(2), sku_key(3), spu_key(30))
HOUR = 3_600_000
SETTINGS = ("type", "manual", "plan", "auto_restore_type", "auto_restore_at", "restore_to", "allocation", "low")
CAPS = (ChannelSetting("POS", limit=9_000), ChannelSetting("ONLINE_ORDER", guarantee=2_000))
WEIGHTS = (ChannelSetting("KIOSK", weight=1), ChannelSetting("ONLINE_ORDER", weight=2))
CHANNEL_SETTINGS = ("status", "type", "limit", "guarantee", "weight", "low")


class Pair:
    """One run. The line between the two is slow, never wrong: what is lost or told twice is another test's."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.cloud, self.hub = Kitchen(), HubKitchen()
        self.cloud.menu.hubs[STORE.poi_id] = SIDE.hub_id
        self.skew = self.random.choice([-90_000, 0, 0, 90_000])
        for side in (self.cloud, self.hub):
            side.menu.set_rules(RestoreRule(BRAND_ID, "daily", (ScheduleEntry(),)))
            side.run(RunTimers(STORE))
        self.sent = 0
        self.answers: list[AckEvents] = []
        self.rows: list[MirrorRow] = []
        self.granted: dict[str, GrantsMoved] = {}
        self.number = 0
        self.seen: Counter[str] = Counter()

    def step(self) -> None:
        self.number += 1
        self._pass()
        draw = self.random.random()
        if draw < 0.3:
            self._order(self.hub, self.random.choice(["POS", "KIOSK"]))
        elif draw < 0.5:
            self._order(self.cloud, "ONLINE_ORDER")
        elif draw < 0.58:
            self._set(self.hub)
        elif draw < 0.66:
            self._set(self.cloud)
        elif draw < 0.74:
            self._ask()
        else:
            self.random.choice([self._tell, self._tell, self._answer, self._grant, self._settle, self._mirror])()
        self.check()

    def _pass(self) -> None:
        self.cloud.now += self.random.choice([0, 1, 5_000, 60_000])
        if self.random.random() < 0.02:
            self.cloud.now += 9 * HOUR
        self.hub.now = self.cloud.now + self.skew
        for side in (self.cloud, self.hub):
            if self.random.random() < 0.1:
                side.run(self.random.choice([RunTimers(STORE), ExpireLocks(STORE)]))

    def _order(self, side: Kitchen, channel: str) -> None:
        mine = [key for key, line in side.reservations.items() if (line.channel_code == channel)]
        if mine and self.random.random() < 0.55:
            order_id, (sku_id, _) = self.random.choice(mine[-6:])
            command = self.random.choice(
                [
                    DeductStock(STORE, order_id, None, ME),
                    UnlockStock(STORE, order_id, None, ME),
                    ReturnStock(STORE, order_id, (Line(sku_id, 0, 1_000, restock=True),), f"r{self.number}", ME),
                ]
            )
        else:
            force = channel == "POS" and self.random.random() < 0.1
            lines = tuple(Line(sku_id, 0, self.random.choice([1_000, 2_000])) for sku_id in self.random.sample(SKUS, 2))
            order_id, reason = f"{channel}{self.number}", "there it is" if force else None
            command = LockStock(STORE, order_id, channel, lines, ME, 300, False, force, reason)
        self._run(side, command)

    def _run(self, side: Kitchen, command: object) -> object:
        outcome = side.run(command)
        name = f"{type(side).__name__} {type(command).__name__}"
        self.seen[name + (" refused" if isinstance(outcome, Refused) else "")] += 1
        return outcome

    def _set(self, side: Kitchen) -> None:
        key = self.random.choice(KEYS)
        quantity = self.random.choice([0, 4_000, 15_000])
        setting = self.random.choice(
            [
                Setting(key, type=LIMITED, real=quantity, plan=15_000),
                Setting(key, type=LIMITED, real=quantity, plan=15_000),
                Setting(key, kind=Kind.COUNT, quantity=quantity),
                Setting(key, kind=Kind.ADD, quantity=3_000),
                Setting(key, kind=Kind.EIGHTY_SIX, status=SOLD_OUT),
                Setting(key, status=ON_SALE),
                Setting(key, low=quantity),
                Setting(key, type=UNLIMITED),
                Setting(key, channels=CAPS),
                Setting(key, status=SOLD_OUT, auto_restore_type=ONE_OFF),
                Setting(key, status=SOLD_OUT, auto_restore_type=ONE_OFF, auto_restore_at=side.now + HOUR),
                Setting(key, auto_restore_type=self.random.choice([0, NEVER])),
                Setting(key, allocation=self.random.choice(list(Allocation)), channels=WEIGHTS),
            ]
        )
        self._run(side, SetStock(STORE, (setting,), ME))

    def _ask(self) -> None:
        delta = self.random.choice([2_000, 5_000, -1_000, -4_000])
        request = GrantRequest(f"g{self.number}", (GrantChange(self.random.choice(KEYS), delta),), self.hub.now)
        self._run(self.hub, AskGrants(STORE, request))

    def _tell(self) -> None:
        """The next event goes up."""
        if self.sent == self.hub.last_seq:
            return
        body = self.hub.events[self.sent + 1][1]
        event = decode_event(body)
        outcome = self.cloud.run(TellHubEvent(STORE, SIDE, event.seq, event.prev, event, body, UPLINK))
        assert isinstance(outcome, HubEventTold), outcome
        self.sent = event.seq
        self.answers.append(AckEvents(STORE, event.seq, outcome.settled))

    def _answer(self) -> None:
        """The oldest answer comes back; what it says was set is looked at again."""
        if self.answers:
            answer = self.answers.pop(0)
            self.hub.run(answer)
            self.rows += [self._row(key) for key, _ in answer.settled]

    def _grant(self) -> None:
        """The oldest request goes up, after all that had happened when it was written down."""
        waiting = [each for each in self.hub.requests_open.values() if each.request_id not in self.granted]
        while waiting and self.sent < self.hub.last_seq:
            self._tell()
        for request in waiting[:1]:
            command = MoveGrants(STORE, SIDE.hub_id, request.request_id, request.changes, UPLINK)
            outcome = self.cloud.run(command)
            assert isinstance(outcome, GrantsMoved), outcome
            self.granted[request.request_id] = outcome

    def _settle(self) -> None:
        for name in [name for name in self.granted if name in self.hub.requests_open][:1]:
            given = tuple(GrantChange(total.key, total.given) for total in self.granted[name].totals)
            self.rows += [self._row(change.key) for change in given]
            self.hub.run(SettleGrants(STORE, name, given))

    def _row(self, key: StockKey) -> MirrorRow:
        rows = tuple(row for row in self.cloud.channels.values() if row.key == key)
        return MirrorRow(self.cloud.stocks.get(key) or Stock(key), rows)

    def _mirror(self) -> None:
        """A row of the cloud sets out, or one that did arrives, in any order."""
        self.rows.append(self._row(self.random.choice(KEYS)))
        if self.random.random() < 0.7:
            self.random.shuffle(self.rows)
            self.hub.run(MirrorStock(STORE, (self.rows.pop(),)))

    def check(self) -> None:
        untold: Counter[StockKey] = Counter()
        for event in self.hub.journal(self.sent):
            for move in event.moves:
                untold[move.key] += move.held
        on_its_way: Counter[StockKey] = Counter()
        for name, request in self.hub.requests_open.items():
            answer = self.granted.get(name)
            for change in request.changes:
                if answer is None:
                    on_its_way[change.key] += max(0, -change.delta)
                elif change.delta > 0:
                    on_its_way[change.key] += sum(total.given for total in answer.totals if total.key == change.key)
        for key in KEYS:
            mine, theirs = self.hub.stocks.get(key) or Stock(key), self.cloud.stocks.get(key) or Stock(key)
            assert theirs.grant == held(mine) - untold[key] + on_its_way[key], key

    def heal(self) -> None:
        """All that is on its way arrives, and nothing else happens."""
        self.hub.run(RunTimers(STORE))
        self.cloud.run(RunTimers(STORE))
        while self.sent < self.hub.last_seq:
            self._tell()
        while self.answers:
            self._answer()
        for _ in range(len(self.hub.requests_open)):
            self._grant()
            self._settle()
        self.hub.run(MirrorStock(STORE, tuple(self._row(key) for key in KEYS)))
        self.check()
        assert findings(self.cloud.books(), self.cloud.menu) == []
        assert findings(self.hub.books(), self.hub.menu) == []
        for key in KEYS:
            mine, theirs = self.hub.stocks.get(key) or Stock(key), self.cloud.stocks.get(key) or Stock(key)
            part = max(0, theirs.real - theirs.grant)
            assert (held(mine), mine.grant, mine.real) == (theirs.grant, part, theirs.grant + part), key
            assert [getattr(mine, name) for name in SETTINGS] == [getattr(theirs, name) for name in SETTINGS], key
            ours, others = self.hub.channels, self.cloud.channels
            for _, code in {each for each in [*ours, *others] if each[0] == key}:
                rows = [side.get((key, code)) for side in (ours, others)]
                words = [[getattr(row, name) for name in CHANNEL_SETTINGS] for row in rows if row is not None]
                assert words[0] == words[-1], (key, code)


@pytest.mark.parametrize("seed", range(10))
def test_the_two_sides_account_for_one_another(seed: int) -> None:
    pair = Pair(seed)
    for at in range(300):
        pair.step()
        if at % 60 == 59:
            pair.heal()
