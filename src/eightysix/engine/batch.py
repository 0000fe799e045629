"""One batch: begin, load, decide, save, commit. Orchestration only; every rule is in the core.

Each result is left on its ticket. Nothing is answered here: the lane does so once the commit is known.
"""

import enum
import logging
from collections.abc import Mapping, Sequence
from time import perf_counter

from eightysix.core.admission import admit
from eightysix.core.catalogue import Catalogue, Item
from eightysix.core.change import JournalKey, StoreChanges, Timer
from eightysix.core.command import Command, ExpireLocks, ReplayEvent, RunTimers, TellHubEvent
from eightysix.core.decide import decide, is_timed, release_due, run_due
from eightysix.core.dependent import flips, may_flip, rows_behind
from eightysix.core.footprint import chains, counts_anew, orders_behind, stocks_held, takes_anew
from eightysix.core.hub import Side
from eightysix.core.invariant import invariant
from eightysix.core.key import StockKey, StoreKey
from eightysix.core.outcome import Outcome
from eightysix.core.reservation import State
from eightysix.core.restore import is_due
from eightysix.core.shelf import Shelf
from eightysix.storage.port import DUE_MOST, Lane, Opened, OrdersWanted, StoreOrders

from .committed import Committed
from .days import BusinessDays
from .fault import CommandFailed
from .observer import BatchReport
from .ticket import Ticket
from .wanted import Wanted

_log = logging.getLogger(__name__)

_HOLDING = (State.LOCKED, State.DEDUCTED)


class Phase(enum.Enum):
    """How far a batch has come. A fault before COMMITTING has changed nothing; one while COMMITTING is undecided."""

    DECIDING = 1
    COMMITTING = 2
    DONE = 3


class Batch:
    """One transaction's worth of tickets. Run once; a batch that must be run again is a new one with a new number."""

    def __init__(
        self,
        lane: Lane,
        lane_no: int,
        tickets: Sequence[Ticket],
        catalogue: Catalogue,
        days: BusinessDays,
        *,
        side: Side | None = None,
    ) -> None:
        self._lane = lane
        self._side = side
        self._catalogue = catalogue
        self._days = days
        self.phase = Phase.DECIDING
        self.report = BatchReport(lane_no)
        self.by_store: dict[StoreKey, list[Ticket]] = {}
        self._timed: dict[StoreKey, None] = {}
        self._on_shelf: dict[StoreKey, set[StockKey]] = {}
        self._whole: set[StoreKey] = set()
        self._journals: dict[StoreKey, set[JournalKey]] = {}
        for ticket in tickets:
            if is_timed(ticket.command):
                self._timed[ticket.store] = None
            if isinstance(ticket.command, (ReplayEvent, TellHubEvent)):
                self._journals.setdefault(ticket.store, set()).add(ticket.command.journal)
            mine = self.by_store.get(ticket.store)
            if mine is None:
                self.by_store[ticket.store] = [ticket]
            else:
                mine.append(ticket)
        self.aside: dict[StoreKey, list[Ticket]] = {}
        """Tickets of stores that could not be had, after a run with `skip_locked`, or that have more due locks than a
        batch is given: their locks are released, and their tickets come back when none is left."""

    async def run(self, batch_no: int, *, skip_locked: bool) -> None:
        """Run the transaction to its end. After an exception, `phase` says whether it may have been committed."""
        lane, report = self._lane, self.report
        started = perf_counter()
        opened = await lane.begin(sorted(self.by_store), batch_no, skip_locked=skip_locked)
        begun = perf_counter()
        if len(opened.heads) < len(self.by_store):
            self._set_aside(opened)
        orders, shelves = await self._load(opened)
        loaded = perf_counter()
        for store, shelf in shelves.items():
            self._decide(store, shelf, orders[store])
        await self._tell_dependents(shelves)
        changes = {}
        for store, shelf in shelves.items():
            change = shelf.changes()
            if not change.is_empty:
                changes[store] = change
        decided = perf_counter()
        if changes:
            await lane.save(changes)
            saved = perf_counter()
            self.phase = Phase.COMMITTING
            await lane.commit()
        else:  # nothing to make durable, and ending without a commit needs no flush
            saved = decided
            await lane.rollback()
        self.phase = Phase.DONE
        report.begin, report.load, report.decide = begun - started, loaded - begun, decided - loaded
        report.save, report.commit = saved - decided, perf_counter() - saved
        report.stores, report.changed = len(shelves), tuple(changes)
        report.committed = {
            store: Committed(
                change.head_before.seq,
                change.head.seq,
                _changed(change) if store in self._whole else self._on_shelf.get(store, ()),
                shelves[store].stocks,
                shelves[store].channels,
                change.outbox,
            )
            for store, change in changes.items()
        }
        report.timers = tuple(
            (store, due_at) for store in changes if (due_at := _timer_set(changes[store])) is not None
        )
        report.timer_at = min((due_at for _, due_at in report.timers), default=None)
        report.restored = sum(shelf.restored for shelf in shelves.values())

    @property
    def tickets(self) -> list[Ticket]:
        """The tickets that the transaction is about; those set aside are not among them."""
        return [ticket for tickets in self.by_store.values() for ticket in tickets]

    def _set_aside(self, opened: Opened) -> None:
        for store in [store for store in self.by_store if store not in opened.heads]:
            self.aside[store] = self.by_store.pop(store)

    def _release_first(self, stores: Sequence[StoreKey]) -> None:
        for store in stores:
            tickets = self.by_store[store]
            self.by_store[store] = [ticket for ticket in tickets if isinstance(ticket.command, ExpireLocks)]
            waiting = [ticket for ticket in tickets if not isinstance(ticket.command, ExpireLocks)]
            if waiting:
                self.aside[store] = waiting

    async def _load(self, opened: Opened) -> tuple[dict[StoreKey, StoreOrders], dict[StoreKey, Shelf]]:
        catalogue = self._catalogue
        shelves: dict[StoreKey, Shelf] = {}
        now, timers, whole = await self._load_timers(opened)
        wanted = Wanted(whole)
        for store, tickets in self.by_store.items():
            day = self._days.of(store, now[store], catalogue)
            shelf = shelves[store] = Shelf(store, now[store], opened.heads[store], catalogue, day)
            shelf.add_timer(timers.get(store))
            wanted.add(store, (ticket.command for ticket in tickets), catalogue)
        if not shelves:
            return {}, {}
        if wanted.incidents:
            await self._load_incidents(shelves, wanted)
        orders = await self._lane.load_orders(wanted.orders, now)
        self._release_first([store for store, found in orders.items() if len(found.due) >= DUE_MOST])
        for store, shelf in shelves.items():
            found = orders[store]
            shelf.add_orders(found.reservations, found.facts, found.requests, found.due)
            wanted.stocks[store] |= _stocks_behind(self.by_store[store], found, catalogue)
        await self._load_stocks(shelves, wanted.stocks, sorted(wanted.whole))
        await self._load_journals(shelves)
        if wanted.hubs:
            await self._load_hubs(shelves, wanted)
        if wanted.setting:
            await self._load_taken(shelves, sorted(wanted.setting))
        if wanted.incidents:
            await self._load_orders_behind(shelves, sorted(wanted.incidents))
        if self._side is not None:
            await self._load_books(shelves)
        return orders, shelves

    async def _load_timers(
        self, opened: Opened
    ) -> tuple[dict[StoreKey, int], dict[StoreKey, Timer | None], set[StoreKey]]:
        """(each store's now, the timers of stores to be set, those of them in which something is due by the clock).

        Where something is due, now is past every earlier instant of the store: what a restore begins is told from what
        was before by the instant alone (docs/decisions/0004).
        """
        heads = opened.heads
        now = {store: max(opened.now, heads[store].last_at) for store in self.by_store}
        timed = [store for store in self._timed if store in now]
        if not timed:
            return now, {}, set()
        timers = await self._lane.load_timers(timed)
        due = {store for store in timed if is_due(timers[store], store, self._catalogue, now[store])}
        for store in due:
            now[store] = max(now[store], heads[store].last_at + 1)
        return now, timers, due

    async def _load_stocks(
        self, shelves: Mapping[StoreKey, Shelf], wanted: dict[StoreKey, set[StockKey]], whole: Sequence[StoreKey]
    ) -> None:
        if whole:
            for store, found in (await self._lane.load_whole(whole)).items():
                shelves[store].add_stocks(found.stocks, found.channels)
                shelves[store].add_timer(found.timer)
                wanted[store] = set()
                self._whole.add(store)
        wanted = {store: keys for store, keys in wanted.items() if keys}
        if not wanted:
            return
        stocks = await self._lane.load_stocks(wanted)
        for store in wanted:
            shelves[store].add_stocks(stocks[store].stocks, stocks[store].channels)
            self._on_shelf.setdefault(store, set()).update(wanted[store])

    async def _load_journals(self, shelves: dict[StoreKey, Shelf]) -> None:
        if not self._journals:
            return
        wanted = {store: keys for store, keys in self._journals.items() if store in shelves}
        for store, journals in (await self._lane.load_journals(wanted)).items():
            shelves[store].add_journals(journals)

    async def _load_hubs(self, shelves: Mapping[StoreKey, Shelf], wanted: Wanted) -> None:
        for store, hubs in (await self._lane.load_hubs(wanted.hubs)).items():
            shelves[store].add_hubs(hubs)

    async def _load_incidents(self, shelves: Mapping[StoreKey, Shelf], wanted: Wanted) -> None:
        """The incidents, and note what is wanted because of them."""
        for store, found in (await self._lane.load_incidents(wanted.incidents)).items():
            shelves[store].incidents = {incident.seq: incident for incident in found}
            wanted.stocks[store].update(incident.key for incident in found)
            orders = wanted.orders[store].order_ids
            orders.update(incident.order_id for incident in found if incident.order_id is not None)

    async def _load_orders_behind(self, shelves: Mapping[StoreKey, Shelf], stores: Sequence[StoreKey]) -> None:
        """The orders that may be cancelled for an incident, and what else they hold."""
        for store in stores:
            shelf = shelves[store]
            order_ids = {each for ticket in self.by_store[store] for each in orders_behind(ticket.command, shelf)}
            missing = order_ids - shelf.orders.keys()
            if not missing:
                continue
            loaded = await self._lane.load_orders({store: OrdersWanted(missing, set())}, {store: -1})  # nothing is due
            found = loaded[store]
            shelf.add_orders(found.reservations, found.facts, (), ())
            if store not in self._whole:
                held = stocks_held(each for each in found.reservations if each.state in _HOLDING)
                await self._load_stocks(shelves, {store: held - self._on_shelf.get(store, set())}, ())

    async def _load_books(self, shelves: Mapping[StoreKey, Shelf]) -> None:
        """At a hub: its books, with the mirrors of all stocks on the shelf."""
        for store, shelf in shelves.items():
            keys = None if store in self._whole else self._on_shelf.get(store, set())
            books = await self._lane.load_books(store, keys)
            invariant(books.side == self._side, "a hub's file keeps its own books")
            shelf.add_books(books)

    async def _load_taken(self, shelves: dict[StoreKey, Shelf], stores: Sequence[StoreKey]) -> None:
        """The reservations of the day, where a channel's `used` may have to be counted anew."""
        for store in stores:
            shelf = shelves[store]
            if any(counts_anew(ticket.command, shelf) for ticket in self.by_store[store]):
                shelf.taken = await self._lane.load_taken_since(store, shelf.day.starts_at)

    def _decide(self, store: StoreKey, shelf: Shelf, orders: StoreOrders) -> None:
        """Release the store's due locks, then decide its commands in order."""
        tickets = self.by_store[store]
        if orders.due:
            try:
                release_due(shelf)
            except Exception as error:  # noqa: BLE001 - a bug must not take other stores down
                # without the release the store's counts are not what the rules expect, so nothing of it may go on
                for ticket in tickets:
                    ticket.result = _failed(ticket.command, error)
                return
        timed = [ticket.command for ticket in tickets if is_timed(ticket.command)] if store in self._timed else []
        if timed:
            try:
                run_due(shelf, timed)
            except Exception as error:  # noqa: BLE001 - as above
                # a setting now would be undone by the restore that comes when this is mended
                for ticket in tickets:
                    if is_timed(ticket.command):
                        ticket.result = _failed(ticket.command, error)
                tickets = [ticket for ticket in tickets if not is_timed(ticket.command)]
        for ticket in tickets:
            try:
                ticket.result = self._decide_one(ticket, shelf)
            except Exception as error:  # noqa: BLE001 - a bug fails this command alone; nothing of it was put
                ticket.result = _failed(ticket.command, error)

    async def _tell_dependents(self, shelves: Mapping[StoreKey, Shelf]) -> None:
        """Note the items that can be sold now, or no longer, because of what else has changed. Where that may be so of
        any, which is rare, the rows that tell are loaded."""
        found = {store: items for store, shelf in shelves.items() if (items := self._may_flip(shelf))}
        missing = {}
        for store, items in found.items():
            if store not in self._whole:
                shelf = shelves[store]
                there = self._on_shelf.get(store, set()) | shelf.changed.keys()
                missing[store] = rows_behind(shelf, items) - there
        if missing:
            await self._load_stocks(shelves, missing, ())
        for store, items in found.items():
            try:
                shelves[store].put(flips(shelves[store], items))
            except Exception as error:  # noqa: BLE001 - as in _may_flip
                _log.error("what depends on the changes of %r could not be told", store, exc_info=error)

    def _may_flip(self, shelf: Shelf) -> dict[StockKey, Item | None]:
        if not shelf.changed and shelf.renewal is None:
            return {}
        try:
            return may_flip(shelf)
        except Exception as error:  # noqa: BLE001 - a bug in what is told must not keep anybody from selling
            _log.error("what depends on the changes of %r could not be told", shelf.store, exc_info=error)
            return {}

    def _decide_one(self, ticket: Ticket, shelf: Shelf) -> Outcome:
        command = ticket.command
        if ticket.catalogue is not self._catalogue and not isinstance(command, (ExpireLocks, RunTimers)):
            refusal = admit(command, self._catalogue)  # the catalogue moved on since the command was admitted
            if refusal is not None:
                return refusal
        decision = decide(command, shelf)
        shelf.put(decision)
        return decision.outcome


def _stocks_behind(tickets: Sequence[Ticket], found: StoreOrders, catalogue: Catalogue) -> set[StockKey]:
    """The stocks that only the loaded reservations tell: what they hold, and today's chain of what is taken anew."""
    if not found.reservations:
        return set()
    held = stocks_held(reservation for reservation in found.reservations if reservation.state in _HOLDING)
    anew = {order_id for ticket in tickets if (order_id := takes_anew(ticket.command)) is not None}
    if anew:
        store = tickets[0].store
        held.update(chains(store, (each.sku_id for each in found.reservations if each.order_id in anew), catalogue))
    return held


def _changed(change: StoreChanges) -> set[StockKey]:
    """The stocks that the batch has changed, themselves or a channel's row of them."""
    return {stock.key for _, stock in change.stocks} | {row.key for _, row in change.channels}


def _timer_set(change: StoreChanges) -> int | None:
    """To when the batch has set the store's timer."""
    return None if change.timer is None else change.timer[1].due_at


def _failed(command: Command, error: Exception) -> CommandFailed:
    _log.error("a command failed: %r", command, exc_info=error)
    fault = CommandFailed(f"{type(command).__name__} could not be decided")
    fault.__cause__ = error
    return fault
