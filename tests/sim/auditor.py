"""The auditor: sees every committed batch of both sides, keeps a model of its own, and compares after every step.

What it looks at are rows, messages and answers, as anybody could; what they should be it works out by itself.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from eightysix.core.change import Kind
from eightysix.core.command import (
    AmendStock,
    Command,
    DeductStock,
    LockStock,
    MirrorStock,
    MoveGrants,
    ReturnStock,
    SetStock,
    Setting,
    TellHubEvent,
    UnlockStock,
    WriteOffHub,
)
from eightysix.core.key import StockKey
from eightysix.core.outcome import GrantsMoved, OrderDone, Outcome, Refused, StocksSet
from eightysix.core.stock import ChannelStock
from tests.world.kitchen import Kitchen

from .climate import MINUTE, Climate
from .model import HOLDING, LIMITED_STOCKS, Line, Pending, Stock, Thing, taken
from .timeline import Timeline

if TYPE_CHECKING:
    from .hub_end import HubEnd

CLOUD = "cloud"
UNAVOIDABLE = ("restore_below_promised", "mirrored_below_promised", "hub_sale")
"""Incidents that a calm run may have, after a restore to less than is promised."""


class Broken(AssertionError):
    """The product broke a promise."""


Orders = dict[str, dict[tuple[int, int], Line]]
"""The lines of each order, as its home has acknowledged them."""


class _Home:
    """Orders of one side, and which of their lines hold something."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.orders: Orders = {}
        self._holding: dict[tuple[str, tuple[int, int]], Line] = {}

    def keep(self, order_id: str, key: tuple[int, int], line: Line) -> None:
        """The line as it is now."""
        self.orders.setdefault(order_id, {})[key] = line
        if line.state == HOLDING:
            self._holding[order_id, key] = line
        else:
            self._holding.pop((order_id, key), None)

    def promised(self, now: int) -> dict[Stock, int]:
        """What is held of each stock. Who is dead by now is dead for good, until it is locked anew."""
        total: defaultdict[Stock, int] = defaultdict(int)
        for name, line in list(self._holding.items()):
            if line.expires_at <= now:
                del self._holding[name]
            else:
                for stock, quantity in taken(line.sku, line.quantity):
                    total[stock] += quantity
        return total


class _Hub:
    """What is known of one hub."""

    def __init__(self, end: "HubEnd") -> None:
        self.end = end
        self.home = _Home(end.side.hub_id)
        self.moves: dict[int, list[tuple[StockKey, int]]] = {}
        """What each event that the cloud hasn't stored says of what the hub holds."""
        self.pending: list[Pending] = []
        self.last_seq = 0
        self.told_seq = 0
        """The last event that the cloud has stored."""
        self.newest: dict[StockKey, tuple[int, int]] = {}
        """(version, what the cloud keeps for itself) of the newest row that the hub was told of each stock."""
        self.parts: dict[StockKey, int] = {}
        """What the hub has believed last that the cloud keeps."""
        self.given: dict[str, dict[StockKey, int]] = {}
        """What each request came to in the cloud."""
        self.fenced = False


class Auditor:
    """Of one store."""

    def __init__(self, timeline: Timeline, cloud: Kitchen, climate: Climate) -> None:
        self._timeline = timeline
        self._cloud = cloud
        self._climate = climate
        self._things = {stock: Thing() for stock in LIMITED_STOCKS}
        self._home = _Home(CLOUD)
        self._hubs: list[_Hub] = []
        self._logs = 0
        self.is_news = True
        """Whether anything was committed since the last check."""
        self.checks = 0

    # what happens

    def paired(self, end: "HubEnd") -> None:
        """A hub takes up its work."""
        self._hubs.append(_Hub(end))

    def cloud_committed(self, commands: Sequence[Command], outcomes: Sequence[Outcome]) -> None:
        """The cloud has committed a batch: restores first, then the commands in order."""
        self.is_news = True
        self._restores()
        for command, outcome in zip(commands, outcomes, strict=True):
            if isinstance(outcome, Refused):
                continue
            if isinstance(outcome, OrderDone):
                for stock, quantity in self._order(self._home, command, outcome, self._timeline.now).items():
                    self._things[stock].real -= quantity
            elif isinstance(command, SetStock) and isinstance(outcome, StocksSet):
                self._set(command, outcome)
            elif isinstance(command, TellHubEvent):
                self._told(command)
            elif isinstance(command, MoveGrants) and isinstance(outcome, GrantsMoved) and command.changes:
                hub = self._of(command.hub_id)
                given = {total.key: total.given for total in outcome.totals}
                known = hub.given.setdefault(command.request_id, given)
                _must(known == given, "a request was answered in two ways: {} {}", known, given)
            elif isinstance(command, WriteOffHub):
                self._written_off(self._of(command.hub_id))

    def hub_committed(self, end: "HubEnd", commands: Sequence[Command], outcomes: Sequence[Outcome]) -> None:
        """A hub has committed a batch."""
        self.is_news = True
        hub = self._of(end.side.hub_id)
        seq = end.kitchen.last_seq
        for new in range(hub.last_seq + 1, seq + 1):
            body = json.loads(end.kitchen.events[new][1])
            hub.moves[new] = _moves(body)
            for key, given_back in _given_back(body):  # a restore comes first in its batch
                hub.parts[key] = hub.parts.get(key, 0) + given_back
        effects: defaultdict[Stock, int] = defaultdict(int)
        for command, outcome in zip(commands, outcomes, strict=True):
            if isinstance(command, MirrorStock):
                self._mirrored(hub, command)
            if isinstance(outcome, OrderDone):
                sold = self._order(hub.home, command, outcome, end.now)
                for stock, quantity in sold.items():
                    effects[stock] -= quantity
            elif isinstance(outcome, StocksSet) and not any(isinstance(each, Refused) for each in outcome.results):
                for stock, real in hub.end.counted.items():
                    effects[stock] += real
        hub.end.counted = {}
        hub.parts = {key: row.grant for key, row in end.kitchen.stocks.items()}
        for stock, real in effects.items():
            if real:
                _must(seq > hub.last_seq, "a sale without an event of the journal")
                known = end.kitchen.mirrors.get(key_of(stock))
                slot = end.kitchen.stocks[key_of(stock)].restored_slot
                hub.pending.append(Pending(seq, stock, real, 0 if known is None else known.epoch_at, slot))
        hub.last_seq = seq

    def _mirrored(self, hub: _Hub, command: MirrorStock) -> None:
        """Whatever comes when, the hub knows what the newest row says that it was told, or has moved on from there."""
        for row in command.rows:
            stock = row.stock
            kept = max(0, stock.real - stock.grant)
            newest = hub.newest[stock.key] = max(hub.newest.get(stock.key, (0, 0)), (stock.version, kept))
            mine = hub.end.kitchen.stocks.get(stock.key)
            believed = 0 if mine is None else mine.grant
            _must(
                believed in (hub.parts.get(stock.key, 0), newest[1]),
                "{}: the hub goes back to an older row of the cloud", stock.key,
            )  # fmt: skip

    def _of(self, hub_id: str) -> _Hub:
        return next(hub for hub in self._hubs if hub.end.side.hub_id == hub_id)

    def _order(self, home: _Home, command: Command, outcome: OrderDone, now: int) -> dict[Stock, int]:
        """Take an acknowledged verb into the model; what it has sold, by stock."""
        assert isinstance(command, (LockStock, DeductStock, UnlockStock, ReturnStock, AmendStock))
        if isinstance(command, (ReturnStock, AmendStock)) and outcome.replayed:
            return {}  # told what it was told then
        lines = home.orders.setdefault(outcome.order_id, {})
        sold: defaultdict[Stock, int] = defaultdict(int)
        backs = {}
        if isinstance(command, ReturnStock) and command.lines is not None:
            backs = {(line.sku_id, line.line_no): line for line in command.lines}
        named = {(view.sku_id, view.line_no) for view in outcome.lines}
        for view in outcome.lines:
            key = (view.sku_id, view.line_no)
            before = lines.get(key) or Line(home.name, view.sku_id, "", 0)
            back = backs.get(key)
            restocked = before.restocked + (back.quantity or 0 if back is not None and back.restock else 0)
            after = Line(
                home.name, view.sku_id, view.state.name, view.quantity, view.returned, restocked, before.expires_at
            )
            lines[key] = after
            for stock, quantity in taken(view.sku_id, after.sold - before.sold):
                sold[stock] += quantity
        for key, line in list(lines.items()):
            is_live = key in named or line.expires_at > now
            if line.state == HOLDING and outcome.expires_at is not None and is_live:
                line.expires_at = outcome.expires_at
            home.keep(outcome.order_id, key, line)
        return {} if outcome.replayed else sold  # of an order of a hub that was replaced, it has told of that itself

    def _set(self, command: SetStock, outcome: StocksSet) -> None:
        for setting, result in zip(command.settings, outcome.results, strict=True):
            thing = self._things.get(setting.key)
            if thing is None or isinstance(result, Refused):
                continue
            thing.real = counted(setting, thing.real)
            if isinstance(setting.plan, int):
                thing.plan = setting.plan

    def _restores(self) -> None:
        """An occurrence of the rule sets what there is to what is planned, if it says that: once."""
        logs = self._cloud.logs
        for row in logs[self._logs :]:
            thing = self._things.get(row.key)
            if row.kind is not Kind.RESTORE or thing is None:
                continue
            minutes = self._climate.restore_minutes
            _must(minutes is not None, "a restore without a rule")
            if self._climate.keeps:
                continue
            due_at = row.at - row.at % ((minutes or 1) * MINUTE)
            stock = self._cloud.stocks[row.key]
            thing.epoch_at, thing.slot = stock.epoch_at, stock.restored_slot
            if due_at not in thing.occurrences:
                thing.real = thing.plan
            thing.occurrences.add(due_at)
        self._logs = len(logs)

    def _told(self, command: TellHubEvent) -> None:
        """The cloud has stored an event of a hub; that it had before says nothing new."""
        hub = self._of(command.side.hub_id)
        if command.seq <= hub.told_seq:
            return
        hub.told_seq = command.seq
        hub.moves.pop(command.seq, None)
        verb = command.event.verb
        if verb is not None:
            self._verb(verb.order_id)
        rest: list[Pending] = []
        for pending in hub.pending:
            if pending.seq > command.seq:
                rest.append(pending)
            elif not hub.fenced and self._things[pending.stock].counts(pending):
                self._things[pending.stock].real += pending.real
        hub.pending = rest

    def _verb(self, order_id: str) -> None:
        """The cloud has decided on a verb that the store asked of its order while it was cut off: a sale has happened,
        whatever the order looks like here."""
        lines = self._home.orders.setdefault(order_id, {})
        for (of, key), row in self._cloud.reservations.items():
            if of != order_id:
                continue
            before = lines.get(key) or Line(CLOUD, row.sku_id, "", 0)
            after = Line(CLOUD, row.sku_id, row.state.name, row.quantity, row.returned, row.restocked, row.expires_at)
            self._home.keep(order_id, key, after)
            for stock, quantity in taken(row.sku_id, after.sold - before.sold):
                self._things[stock].real -= quantity

    def _written_off(self, hub: _Hub) -> None:
        """What the hub held is lost, and what it has promised and not told of with it."""
        if hub.fenced:
            return
        for stock, thing in self._things.items():
            thing.real -= self._outstanding(hub, key_of(stock))
        hub.fenced = True

    # what must hold

    def check(self) -> None:
        """After every step that has committed something: without a commit only dead locks let go of what they held."""
        if not self.is_news:
            return
        self.is_news = False
        self.checks += 1
        excused = self._excused()
        promised = [self._home.promised(self._timeline.now)]
        promised += [hub.home.promised(hub.end.now) for hub in self._hubs if not hub.fenced]
        for stock, thing in self._things.items():
            self._check_stock(stock, thing, sum(each.get(stock, 0) for each in promised), excused.get(stock, 0))

    def _check_stock(self, stock: Stock, thing: Thing, promised: int, excused: int) -> None:
        key = key_of(stock)
        row = self._cloud.stocks[key]
        _must(row.real == thing.real, "{}: the cloud says {} are there, there are {}", stock, row.real, thing.real)
        there = thing.real
        outstanding = 0
        for hub in self._hubs:
            if not hub.fenced:
                there += sum(each.real for each in hub.pending if each.stock == stock and thing.counts(each))
                outstanding = self._outstanding(hub, key)
        _must(
            promised - there <= excused,
            "{}: sold too many: {} are there, {} are promised, incidents excuse {}", stock, there, promised, excused,
        )  # fmt: skip
        _must(
            row.grant == outstanding,
            "{}: the cloud counts {} as the hub's, of which the hub has {}", stock, row.grant, outstanding,
        )  # fmt: skip

    def _outstanding(self, hub: _Hub, key: StockKey) -> int:
        """What the cloud must count as the hub's: what it holds, what it has sold and not told, what is on its way."""
        kitchen = hub.end.kitchen
        row = kitchen.stocks.get(key)
        total = 0 if row is None else max(0, row.real - row.grant)
        for moves in hub.moves.values():
            total -= sum(held for of, held in moves if of == key)
        for request in kitchen.requests_open.values():
            given = hub.given.get(request.request_id)
            for change in request.changes:
                if change.key != key:
                    continue
                if given is None:
                    total += max(0, -change.delta)
                else:
                    total += max(0, given[key])
        return total

    def _excused(self) -> dict[Stock, int]:
        """By how much incidents allow more to be promised than there is, by stock."""
        excused: defaultdict[Stock, int] = defaultdict(int)
        for kitchen in (self._cloud, *(hub.end.kitchen for hub in self._hubs)):
            for incident in kitchen.incidents:
                excused[incident.key] += incident.quantity
            if self._climate.calm and any(incident.kind not in UNAVOIDABLE for incident in kitchen.incidents):
                raise Broken(f"an incident in a calm run: {kitchen.incidents}")
        return excused

    def check_orders(self) -> None:
        """What was acknowledged is there, at its home."""
        _kept(self._home.orders, self._cloud)
        for hub in self._hubs:
            _kept(hub.home.orders, hub.end.kitchen)

    # once all is well again

    def disagreement(self) -> str | None:
        """What the sides don't agree about yet; None where they do."""
        for hub in self._hubs:
            kitchen = hub.end.kitchen
            if kitchen.events:
                return f"{len(kitchen.events)} events of {hub.end.side.hub_id} aren't told"
            if kitchen.requests_open and not hub.fenced:
                return "a request isn't settled"
            told = self._order_differs(hub)
            if told is not None:
                return told
        return self._settings_differ(self._hubs[-1])

    def _order_differs(self, hub: _Hub) -> str | None:
        for (order_id, key), mine in hub.end.kitchen.reservations.items():
            theirs = self._cloud.reservations.get((order_id, key))
            state = mine.state.name
            if hub.fenced and state == HOLDING:
                state = "EXPIRED"
            asked = (state, mine.quantity, mine.returned, mine.restocked, mine.channel_code, hub.end.side.hub_id)
            if theirs is None:
                return f"{order_id} is not in the cloud"
            if theirs.hub_id != hub.end.side.hub_id and self._is_shared(order_id, key):
                continue  # asked of the hub that was replaced, and again of the next one
            known = (
                theirs.state.name, theirs.quantity, theirs.returned, theirs.restocked, theirs.channel_code,
                theirs.hub_id,
            )  # fmt: skip
            if known != asked:
                return f"{order_id} is {known} in the cloud, {asked} at the hub"
        return None

    def _is_shared(self, order_id: str, key: tuple[int, int]) -> bool:
        return sum((order_id, key) in hub.end.kitchen.reservations for hub in self._hubs) > 1

    def _settings_differ(self, hub: _Hub) -> str | None:
        kitchen = hub.end.kitchen
        for key, theirs in self._cloud.stocks.items():
            mine = kitchen.stocks.get(key)
            if mine is None:
                if theirs.settings_version:
                    return f"{key} isn't at the hub"
                continue
            for name in ("type", "manual", "plan", "auto_restore_type", "auto_restore_at", "restore_to", "allocation"):
                if getattr(mine, name) != getattr(theirs, name):
                    return f"{name} of {key}: {getattr(theirs, name)} in the cloud, {getattr(mine, name)} at the hub"
            if theirs.type != 2:
                continue
            held, part = max(0, mine.real - mine.grant), max(0, theirs.real - theirs.grant)
            if theirs.grant != held:
                return f"{key}: the cloud counts {theirs.grant} as the hub's, the hub has {held}"
            if mine.grant != part:
                return f"{key}: the cloud keeps {part}, the hub believes {mine.grant}"
        limits = [
            {place: word for place, row in rows.items() if (word := _word(row)) != _NOTHING}
            for rows in (self._cloud.channels, kitchen.channels)
        ]
        return None if limits[0] == limits[1] else f"channels: {limits[0]} in the cloud, {limits[1]} at the hub"


_NOTHING = (1, None, 0, 0)
"""What holds of a channel without a row."""


def _word(row: ChannelStock) -> tuple[int, int | None, int, int]:
    return row.status, row.limit, row.guarantee, row.weight


def key_of(stock: Stock) -> StockKey:
    """As the product names it."""
    return StockKey(*stock)


def counted(setting: Setting, real: int) -> int:
    """What there is after a setting."""
    if setting.kind is Kind.ADD and isinstance(setting.quantity, int):
        return real + setting.quantity
    if setting.kind is Kind.COUNT and isinstance(setting.quantity, int):
        return setting.quantity
    return setting.real if isinstance(setting.real, int) else real


def _moves(event: dict[str, Any]) -> list[tuple[StockKey, int]]:
    """(stock, what the hub holds more) of each move that an event tells."""
    return [(StockKey(*move[0]), move[4]) for move in event.get("moves", ())]


def _given_back(event: dict[str, Any]) -> list[tuple[StockKey, int]]:
    """(stock, how much) of what an event says that the hub has given back, which nobody asked of it."""
    return [(StockKey(*move[0]), -move[4]) for move in event.get("moves", ()) if move[1] == Kind.GRANT]


def _kept(orders: Orders, kitchen: Kitchen) -> None:
    for order_id, lines in orders.items():
        for key, line in lines.items():
            row = kitchen.reservations.get((order_id, key))
            _must(row is not None, "{} is lost", order_id)
            assert row is not None
            state = row.state.name
            if state == "EXPIRED" and line.state == HOLDING:
                _must(line.expires_at <= max(kitchen.now, kitchen.head.last_at), "{} expired too early", order_id)
                continue
            found = (state, row.quantity, row.returned, row.restocked)
            known = (line.state, line.quantity, line.returned, line.restocked)
            _must(found == known, "{} is {}, acknowledged was {}", order_id, found, known)


def _must(holds: bool, text: str, *about: object) -> None:
    if not holds:
        raise Broken(text.format(*about))
