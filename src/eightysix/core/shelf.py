"""One store's loaded rows while a batch decides, and the net effect of what was decided."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from .catalogue import Catalogue
from .change import (
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
    StoreChanges,
    Timer,
)
from .command import Actor, ChangeStock, DeductStock, UnlockStock
from .hub import Hub, HubBooks, HubChanges
from .hub_journal import books_changes, events_of, written
from .instant import BusinessDay
from .key import WHOLE_STORE, StockKey, StoreKey, incident_key
from .outcome import Outcome
from .reservation import LineKey, Reservation, State
from .stock import ChannelStock, Stock


class Renewal(NamedTuple):
    """What a store's clock and menu may have changed without any write, since others were last told.

    `day` is the business day of then. Of the items `looked_at` some may be sold now that couldn't then, or the other
    way round; of those `told` others are to be told in any case.
    """

    day: BusinessDay
    looked_at: frozenset[StockKey]
    told: frozenset[StockKey]


class Decision(msgspec.Struct, gc=False):
    """What one command comes to: its outcome and every row it changes, as it must be afterwards. Empty if refused."""

    outcome: Outcome
    stocks: dict[StockKey, Stock] = {}
    channels: dict[StockKey, dict[str, ChannelStock]] = {}
    reservations: list[Reservation] = []
    logs: list[LogRow] = []
    facts: list[OrderFact] = []
    requests: list[RequestRecord] = []
    incidents: list[Incident] = []
    alerts: list[Alert] = []
    timer: Timer | None = None
    renewal: Renewal | None = None
    journal: Journal | None = None
    hub: Hub | None = None
    resolved: Incident | None = None
    books: HubBooks | None = None
    """At a hub: its books afterwards, of what it has written down for itself. None: of what happens in the store."""
    actor: Actor | None = None
    told: tuple[ChangeStock | DeductStock | UnlockStock, ...] = ()
    """At a hub: what the cloud decides on, each a setting made here or a verb asked for here."""


class Shelf:
    """What a decision reads. `put` makes a decision's changes visible to the next one.

    Missing rows have a meaning: no stock row is on sale, unlimited, version 0; no channel row is on sale without a cap.
    """

    def __init__(self, store: StoreKey, now: int, head: Head, catalogue: Catalogue, day: BusinessDay) -> None:
        self.store = store
        self.now = max(now, head.last_at)
        self.head = head
        self.seq = head.seq
        self.catalogue = catalogue
        self.day = day
        self.stocks: dict[StockKey, Stock] = {}
        self.channels: dict[StockKey, dict[str, ChannelStock]] = {}
        self.orders: dict[str, dict[LineKey, Reservation]] = {}
        self.closed: dict[str, OrderFact] = {}
        self.requests: dict[str, RequestRecord] = {}
        self.due: list[DueLock] = []
        self.taken: list[Reservation] | None = None
        """The reservations of the current period, loaded only where a cap is set."""
        self._taken_lines: dict[tuple[str, LineKey], Reservation] | None = None
        self._stocks_loaded: dict[StockKey, Stock | None] = {}
        self._channels_loaded: dict[tuple[StockKey, str], ChannelStock | None] = {}
        self._reservations_loaded: dict[tuple[str, LineKey], Reservation | None] = {}
        self._due_loaded: dict[str, int | None] = {}
        self._logs: list[LogRow] = []
        self._facts: list[OrderFact] = []
        self._requests: list[RequestRecord] = []
        self._incidents: list[Incident] = []
        self._alerts: list[Alert] = []
        self._resolved: list[tuple[int, Incident]] = []
        """With the seq of the log row that tells of it."""
        self.timer: Timer | None = None
        """The store's timer, where it was loaded."""
        self._timer_loaded: Timer | None = None
        self.renewal: Renewal | None = None
        """Where this batch has run what is due by the clock."""
        self.journals: dict[JournalKey, Journal] = {}
        self._journals_loaded: dict[JournalKey, Journal | None] = {}
        self.hubs: dict[str, Hub] = {}
        """In the cloud: what is known of the store's hubs, as far as it was loaded."""
        self._hubs_loaded: dict[str, Hub | None] = {}
        self.incidents: dict[int, Incident] = {}
        """Incidents that are to be resolved, by seq."""
        self.books: HubBooks | None = None
        """At a hub: its books. None in the cloud."""
        self._books_loaded: HubBooks | None = None
        self._events: list[tuple[int, int, bytes]] = []
        self.restored = 0
        """How many stocks this batch has restored."""

    def add_orders(
        self,
        reservations: Iterable[Reservation],
        facts: Iterable[OrderFact],
        requests: Iterable[RequestRecord],
        due: Iterable[DueLock],
    ) -> None:
        """Put loaded rows of orders on the shelf. All lines of an order come together."""
        for reservation in reservations:
            self.orders.setdefault(reservation.order_id, {})[reservation.sku_id, reservation.line_no] = reservation
        for fact in facts:
            self.closed[fact.order_id] = fact
        for request in requests:
            self.requests[request.request_id] = request
        self.due.extend(due)

    def add_stocks(self, stocks: Iterable[Stock], channels: Iterable[ChannelStock]) -> None:
        """Put loaded rows of stocks on the shelf, with all their channel rows."""
        for stock in stocks:
            self.stocks[stock.key] = stock
        for row in channels:
            self.channels.setdefault(row.key, {})[row.channel_code] = row

    def add_timer(self, timer: Timer | None) -> None:
        """Put the loaded timer on the shelf; None where the store has no row yet."""
        self.timer = self._timer_loaded = timer

    def add_journals(self, journals: Iterable[Journal]) -> None:
        """Put loaded journals on the shelf."""
        for journal in journals:
            self.journals[journal.key] = journal

    def add_hubs(self, hubs: Iterable[Hub]) -> None:
        """Put loaded hubs on the shelf."""
        for hub in hubs:
            self.hubs[hub.hub_id] = hub

    def add_books(self, books: HubBooks) -> None:
        """Put a hub's loaded books on the shelf, with the mirrors of all stocks that are on it."""
        self.books = books

    def put(self, decision: Decision) -> None:
        """Make a decision's changes visible to the next one, and part of `changes`. At a hub what is to be told the
        cloud goes into the journal."""
        if self.books is not None:
            self._put_books(self.books, decision)
        for key, stock in decision.stocks.items():
            if key not in self._stocks_loaded:
                self._stocks_loaded[key] = self.stocks.get(key)
            self.stocks[key] = stock
        for key, rows in decision.channels.items():
            mine = self.channels.setdefault(key, {})
            for code, row in rows.items():
                if (key, code) not in self._channels_loaded:
                    self._channels_loaded[key, code] = mine.get(code)
                mine[code] = row
        for reservation in decision.reservations:
            self._put_reservation(reservation)
        for fact in decision.facts:
            self.closed[fact.order_id] = fact
            self._facts.append(fact)
        for request in decision.requests:
            self.requests[request.request_id] = request
            self._requests.append(request)
        self._put_records(decision)

    def _put_records(self, decision: Decision) -> None:
        if decision.logs:
            self.seq = decision.logs[-1].seq
            self._logs.extend(decision.logs)
        self._incidents.extend(decision.incidents)
        self._alerts.extend(decision.alerts)
        if decision.resolved is not None:
            self.incidents[decision.resolved.seq] = decision.resolved
            self._resolved.append((_resolved_at(decision), decision.resolved))
        if decision.timer is not None:
            self.timer = decision.timer
        if decision.renewal is not None:
            self.renewal = decision.renewal
        journal = decision.journal
        if journal is not None:
            self._journals_loaded.setdefault(journal.key, self.journals.get(journal.key))
            self.journals[journal.key] = journal
        hub = decision.hub
        if hub is not None:
            self._hubs_loaded.setdefault(hub.hub_id, self.hubs.get(hub.hub_id))
            self.hubs[hub.hub_id] = hub

    def _put_books(self, books: HubBooks, decision: Decision) -> None:
        if self._books_loaded is None:
            self._books_loaded = books
        events = events_of(decision, self.stocks, books, self.now)
        self.books, rows = written(decision.books or books, events, self.now)
        self._events.extend(rows)

    def _put_reservation(self, reservation: Reservation) -> None:
        order_id = reservation.order_id
        lines = self.orders.setdefault(order_id, {})
        if order_id not in self._due_loaded:
            self._due_loaded[order_id] = locked_until(lines.values())
        line = (reservation.sku_id, reservation.line_no)
        loaded_key = (order_id, line)
        if loaded_key not in self._reservations_loaded:
            self._reservations_loaded[loaded_key] = lines.get(line) or self._taken_line(reservation)
        lines[line] = reservation

    def _taken_line(self, reservation: Reservation) -> Reservation | None:
        """The line as it was loaded without the rest of its order, which a hub's lines may be; None for a new one."""
        if self.taken is None or reservation.revision == 1:
            return None
        if self._taken_lines is None:
            self._taken_lines = {(each.order_id, each.line): each for each in self.taken}
        return self._taken_lines.get((reservation.order_id, reservation.line))

    @property
    def changed(self) -> Mapping[StockKey, Stock | None]:
        """The stocks that the batch has changed so far, as they were loaded."""
        return self._stocks_loaded

    def stock_before(self, key: StockKey) -> Stock:
        """The stock as it was loaded."""
        before = self._stocks_loaded[key] if key in self._stocks_loaded else self.stocks.get(key)
        return before or Stock(key)

    def channels_before(self, key: StockKey) -> Mapping[str, ChannelStock]:
        """The stock's channel rows as they were loaded."""
        before: dict[str, ChannelStock] = {}
        for code, row in self.channels.get(key, {}).items():
            loaded = self._channels_loaded.get((key, code), row)
            if loaded is not None:
                before[code] = loaded
        return before

    def changes(self) -> StoreChanges:
        """Each changed row once, as it must be after the batch, beside what was loaded."""
        stocks = sorted(
            ((loaded, self.stocks[key]) for key, loaded in self._stocks_loaded.items()),
            key=lambda pair: pair[1].version,
        )
        outbox: list[OutboxRow] = []
        prev_seq = self.head.outbox_seq
        for seq, key in self._told(stocks):
            outbox.append(OutboxRow(seq, prev_seq, key, self.now))
            prev_seq = seq
        added, removed = self._due_changes()
        return StoreChanges(
            head_before=self.head,
            head=Head(self.seq, prev_seq, self.now) if self.seq != self.head.seq else self.head,
            stocks=stocks,
            channels=[(loaded, self.channels[key][code]) for (key, code), loaded in self._channels_loaded.items()],
            reservations=[
                (loaded, self.orders[order_id][line]) for (order_id, line), loaded in self._reservations_loaded.items()
            ],
            facts=self._facts,
            requests=self._requests,
            logs=self._logs,
            outbox=outbox,
            incidents=self._incidents,
            due_added=added,
            due_removed=removed,
            alerts=self._alerts_told(),
            timer=self._timer_change(),
            journals=[(loaded, self.journals[key]) for key, loaded in self._journals_loaded.items()],
            resolved=[incident for _, incident in self._resolved],
            hubs=[(loaded, _revised(loaded, self.hubs[key])) for key, loaded in self._hubs_loaded.items()],
            books=self._books_changes(),
        )

    def _books_changes(self) -> HubChanges | None:
        before, after = self._books_loaded, self.books
        return None if before is None or after is None else books_changes(before, after, self._events)

    def _told(self, stocks: Iterable[tuple[Stock | None, Stock]]) -> list[tuple[int, StockKey]]:
        """What others are to be told of, in the order of the last changes."""
        told = [(stock.version, stock.key) for _, stock in stocks]
        if self.timer is not None and self.timer.told_seq > self.head.seq:
            told.append((self.timer.told_seq, WHOLE_STORE))
            told.sort()
        if self._incidents or self._resolved:
            # each by a row of its own, at the change that opened or resolved it: the message shows its stock as well
            rows = dict(told)
            rows |= {incident.seq: incident_key(incident.seq) for incident in self._incidents}
            rows |= {seq: incident_key(incident.seq) for seq, incident in self._resolved}
            told = sorted(rows.items())
        return told

    def _alerts_told(self) -> list[Alert]:
        """The last alert of each stock and channel, with the version that the batch leaves the stock with: by it the
        stock's message finds them."""
        if not self._alerts:
            return []
        last = {(alert.key, alert.channel_code): alert for alert in self._alerts}
        return [replace(alert, seq=self.stocks[alert.key].version) for alert in last.values()]

    def _timer_change(self) -> tuple[Timer | None, Timer] | None:
        before, after = self._timer_loaded, self.timer
        if after is None or after == before:
            return None
        return before, replace(after, revision=1 if before is None else before.revision + 1)

    def _due_changes(self) -> tuple[list[DueLock], list[DueLock]]:
        added: list[DueLock] = []
        removed: list[DueLock] = []
        for order_id, before in self._due_loaded.items():
            after = locked_until(self.orders[order_id].values())
            if before == after:
                continue
            if before is not None:
                removed.append(DueLock(before, order_id))
            if after is not None:
                added.append(DueLock(after, order_id))
        return added, removed


def _revised(before: Hub | None, hub: Hub) -> Hub:
    return replace(hub, revision=1 if before is None else before.revision + 1)


def _resolved_at(decision: Decision) -> int:
    """The seq of the log row of a resolution; what it left open follows it."""
    return next(log.seq for log in decision.logs if log.kind is Kind.RESOLVE)


def locked_until(reservations: Iterable[Reservation]) -> int | None:
    """When the order's LOCKED lines die (they all share it), in milliseconds; None where nothing is LOCKED here.

    What a hub has locked dies there, and the hub tells of it.
    """
    for reservation in reservations:
        if reservation.state is State.LOCKED and reservation.hub_id is None:
            return reservation.expires_at
    return None
