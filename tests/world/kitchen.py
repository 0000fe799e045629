"""One store's rows in dictionaries, and a way to run commands on them: load, release what is due, decide, save."""

from collections.abc import Sequence

from eightysix.core.admission import admit
from eightysix.core.change import (
    Alert,
    DueLock,
    Head,
    Incident,
    Journal,
    JournalKey,
    Kind,
    LogRow,
    OrderFact,
    OutboxRow,
    RequestRecord,
    Timer,
)
from eightysix.core.command import Command, HubCommand, MoveGrants, RunTimers, TellHubEvent
from eightysix.core.decide import decide, is_timed, release_due, run_due
from eightysix.core.dependent import flips, may_flip
from eightysix.core.footprint import counts_anew, footprint, stocks_held
from eightysix.core.hub import Hub
from eightysix.core.instant import business_day
from eightysix.core.key import StockKey, StoreKey, incident_key
from eightysix.core.outcome import Outcome, Refused
from eightysix.core.reservation import LineKey, Reservation, State
from eightysix.core.restore import is_due
from eightysix.core.shelf import Decision, Shelf
from eightysix.core.stock import ChannelStock, Stock
from tests.cli.books import Ledger

from .menu import STORE, Menu

NOON = 1_795_435_200_000
"""2026-11-23T12:00:00Z"""


class Kitchen:
    """Rows as a database would keep them, every write guarded as a database would guard it.

    `store` must be one that `menu` knows.
    """

    def __init__(self, now: int = NOON, store: StoreKey = STORE, menu: Menu | None = None) -> None:
        self.store = store
        self.menu = menu or Menu()
        self.tells_dependents = True
        self.flipped: list[StockKey] = []
        """Of which other items the last batch told."""
        self.now = now
        self.head = Head()
        self.stocks: dict[StockKey, Stock] = {}
        self.channels: dict[tuple[StockKey, str], ChannelStock] = {}
        self.reservations: dict[tuple[str, LineKey], Reservation] = {}
        self.facts: dict[str, OrderFact] = {}
        self.requests: dict[str, RequestRecord] = {}
        self.due: set[tuple[int, str]] = set()
        self.logs: list[LogRow] = []
        self.outbox: list[OutboxRow] = []
        self.incidents: list[Incident] = []
        self.alerts: list[Alert] = []
        self.timer: Timer | None = None
        self.journals: dict[JournalKey, Journal] = {}
        self.hubs: dict[str, Hub] = {}
        self.seen: dict[StockKey, int] = {}
        """The version that a scenario has last looked at."""
        self.looks: dict[StockKey, Stock] = {}
        """The rows that a scenario's POS has seen last."""
        self.told = 0
        """How many alerts a scenario has looked at."""

    def run(self, command: Command) -> Outcome:
        """One command in a batch of its own."""
        return self.batch([command])[0]

    def batch(self, commands: Sequence[Command]) -> list[Outcome]:
        """Several commands in one batch, decided in order and saved together."""
        timed = any(is_timed(command) for command in commands)
        shelf = self.shelf(timed=timed)
        if any(counts_anew(command, shelf) for command in commands):
            shelf.taken = [
                each
                for each in self.reservations.values()
                if each.state is State.LOCKED or each.locked_at >= shelf.day.starts_at
            ]
        release_due(shelf)
        if timed:
            run_due(shelf, commands)
        outcomes: list[Outcome] = []
        for command in commands:
            refusal = None if isinstance(command, RunTimers) else admit(command, self.menu)
            if refusal is not None:
                outcomes.append(refusal)
                continue
            decision = decide(command, shelf)
            if isinstance(command, (TellHubEvent, MoveGrants, HubCommand)):
                self._check_footprint(command, decision)
            if isinstance(decision.outcome, Refused):
                changed = (decision.stocks, decision.channels, decision.reservations, decision.logs, decision.facts)
                assert not any(changed), "a refusal changes nothing"
            shelf.put(decision)
            outcomes.append(decision.outcome)
        if self.tells_dependents and (items := may_flip(shelf)):
            shelf.put(flips(shelf, items))
        self._save(shelf)
        return outcomes

    def _check_footprint(self, command: TellHubEvent | MoveGrants | HubCommand, decision: Decision) -> None:
        """A batch loads no more than the command and its order's lines tell."""
        needs = footprint(command, self.menu)
        lines = [each for each in self.reservations.values() if each.order_id == needs.order_id]
        loaded = {*needs.stocks, *stocks_held(each for each in lines if each.state in (State.LOCKED, State.DEDUCTED))}
        is_verb = isinstance(command, TellHubEvent) and command.event.verb is not None  # today's chain of its lines too
        assert needs.whole or is_verb or decision.stocks.keys() <= loaded
        assert decision.hub is None or decision.hub.hub_id in needs.hub_ids

    def books(self) -> Ledger:
        """All rows, as an audit reads them."""
        return Ledger(
            self.store,
            self.head,
            tuple(self.stocks.values()),
            tuple(self.channels.values()),
            tuple(self.reservations.values()),
            tuple(self.facts.values()),
            tuple(self.logs),
            tuple(self.outbox),
            tuple(self.incidents),
            tuple(DueLock(*row) for row in sorted(self.due)),
            timer=self.timer,
            journals=tuple(self.journals.values()),
            hubs=tuple(self.hubs.values()),
        )

    def subject(self, row: OutboxRow) -> StockKey:
        """Which stock an outbox row is about, also where it tells of an incident."""
        of_incidents = {incident_key(incident.seq): incident.key for incident in self.incidents}
        return of_incidents.get(row.key, row.key)

    def due_now(self) -> bool:
        """Whether a batch run now would release anything first."""
        return any(due_at <= self.now for due_at, _ in self.due)

    def shelf(self, *, timed: bool = False) -> Shelf:
        """All rows on a shelf; a real batch loads only what it may touch."""
        store = self.menu.stores.get((self.store.brand_id, self.store.poi_id))
        clock = ("UTC", 240) if store is None else (store.time_zone, store.day_start_minute)
        now = max(self.now, self.head.last_at)
        if timed and is_due(self.timer, self.store, self.menu, now):
            now = max(now, self.head.last_at + 1)
        day = business_day(now, *clock)
        shelf = Shelf(self.store, now, self.head, self.menu, day)
        if timed:
            shelf.add_timer(self.timer)
        due = [DueLock(due_at, order_id) for due_at, order_id in sorted(self.due) if due_at <= now]
        shelf.add_orders(self.reservations.values(), self.facts.values(), self.requests.values(), due)
        shelf.add_stocks(self.stocks.values(), self.channels.values())
        shelf.add_journals(self.journals.values())
        shelf.incidents = {incident.seq: incident for incident in self.incidents}
        shelf.add_hubs(self.hubs.values())
        return shelf

    def _save(self, shelf: Shelf) -> None:
        changes = shelf.changes()
        assert changes.head_before == self.head
        self.head = changes.head
        for loaded, stock in changes.stocks:
            assert self.stocks.get(stock.key) == loaded
            self.stocks[stock.key] = stock
            assert stock.locked >= 0
            assert stock.oversold >= 0
            assert not stock.is_limited or stock.real + stock.oversold >= stock.locked + stock.grant
        for was, row in changes.channels:
            assert self.channels.get((row.key, row.channel_code)) == was
            assert row.used >= 0
            self.channels[row.key, row.channel_code] = row
        for before, reservation in changes.reservations:
            key = (reservation.order_id, reservation.line)
            assert self.reservations.get(key) == before
            assert reservation.revision > (before.revision if before else 0)
            self.reservations[key] = reservation
        for fact in changes.facts:
            assert fact.order_id not in self.facts
            self.facts[fact.order_id] = fact
        for request in changes.requests:
            assert request.request_id not in self.requests
            self.requests[request.request_id] = request
        self.due -= {(due.due_at, due.order_id) for due in changes.due_removed}
        self.due |= {(due.due_at, due.order_id) for due in changes.due_added}
        if changes.timer is not None:
            assert changes.timer[0] == self.timer
            self.timer = changes.timer[1]
        for was_at, journal in changes.journals:
            assert self.journals.get(journal.key) == was_at
            assert journal.last_seq > (was_at.last_seq if was_at else 0)
            self.journals[journal.key] = journal
        for was_hub, hub in changes.hubs:
            assert self.hubs.get(hub.hub_id) == was_hub
            assert hub.revision == (was_hub.revision if was_hub else 0) + 1
            self.hubs[hub.hub_id] = hub
        self.logs += changes.logs
        self.flipped = sorted(row.key for row in changes.logs if row.kind is Kind.FLIP)
        self.outbox += changes.outbox
        self.incidents += changes.incidents
        for resolved in changes.resolved:
            at = next(at for at, each in enumerate(self.incidents) if each.seq == resolved.seq)
            assert self.incidents[at].is_open
            self.incidents[at] = resolved
        self.alerts += changes.alerts
        assert len({(alert.seq, alert.channel_code) for alert in self.alerts}) == len(self.alerts)
