"""A lane: the single writer of a set of buckets within one physical shard.

It runs one batch after the other, decides what a fault means, and answers. What a fault means:

- *Conflict, GuardFailed, LostConnection*: rolled back; up to three tries, then in halves down to single commands, and
  what still fails gets a 503.
- *Unavailable*: up to three tries with growing pauses, then 503 for the batch; halves would not help.
- *Rejected*, or a bug below the rules: halves at once, down to the one command, which gets a 500; the others succeed.
- *LockTimeout*: another process holds a store; such stores are set aside, in order, and the rest proceeds.
- *a connection lost during COMMIT*: the marker row tells whether the batch is there. There: the outcomes already
  decided are sent. Not there: it is run again.

Before each try, commands past their deadline are answered with DeadlineExceeded, so no recovery lasts longer than that.
Where the database neither answers nor goes away, the callers of the running batch are told OutcomeUnknown after twice
`settle_seconds`; the lane can only wait.
"""

import asyncio
import logging
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Protocol

from eightysix.core.catalogue import Catalogue
from eightysix.core.hub import Side
from eightysix.core.key import StoreKey
from eightysix.core.outcome import Refused
from eightysix.storage import port

from .batch import Batch, Phase
from .days import BusinessDays
from .fault import CommandFailed, DeadlineExceeded, EngineFault, OutcomeUnknown, Unavailable
from .limits import Limits
from .observer import Observer
from .queue import LaneQueue
from .ticket import Ticket

_log = logging.getLogger(__name__)

_PAUSE_SECONDS = 0.005
_PAUSE_UNAVAILABLE_SECONDS = 0.05
_PAUSE_GROWTH = 4


class CatalogueSource(Protocol):
    """Where the newest catalogue is found."""

    @property
    def current(self) -> Catalogue:
        """One consistent view; a batch asks once."""
        ...


class LaneWriter:
    """The loop of one lane. `run` ends when the queue was closed and is empty."""

    def __init__(
        self,
        lane: port.Lane,
        lane_no: int,
        queue: LaneQueue,
        *,
        catalogue_source: CatalogueSource,
        days: BusinessDays,
        limits: Limits,
        observer: Observer,
        skips_locked_rows: bool,
        timer_moved: Callable[[int], None],
        side: Side | None = None,
    ) -> None:
        self._lane = lane
        self._lane_no = lane_no
        self._queue = queue
        self._source = catalogue_source
        self._days = days
        self._limits = limits
        self._observer = observer
        self._skips = skips_locked_rows
        self._timer_moved = timer_moved
        self._side = side
        self._batch_no = 0
        self._broken = False
        self._contended: set[StoreKey] = set()
        self._aside: dict[StoreKey, list[Ticket]] = {}
        self._running: list[Ticket] = []
        self._running_since = inf
        self._batch: Batch | None = None

    async def run(self) -> None:
        """Carry out what is queued until the queue is closed and empty."""
        queue = self._queue
        while True:
            now = monotonic()
            batch, late = queue.take(now)
            if late:
                self.answer_late(late)
            if batch:
                await self._carry_out_safely(batch)
                queue.measured(len(batch), monotonic() - now)
            elif not late:
                if queue.is_closed and not len(queue):
                    return
                await queue.wait(now)

    def answer_late(self, tickets: list[Ticket]) -> None:
        """Answer commands that waited too long."""
        self._observer.deadline_exceeded(self._lane_no, len(tickets))
        for ticket in tickets:
            ticket.answer(DeadlineExceeded("the command waited longer than its deadline; nothing was changed"))

    def answer_stuck(self, now: float) -> None:
        """Answer the batch that the database has not ended for so long that nobody should wait any more."""
        if now - self._running_since <= 2 * self._limits.settle_seconds:
            return  # a lost connection's outcome may still be found
        self._running_since = inf
        _log.error("lane %d has been stuck in batch %d for too long", self._lane_no, self._batch_no)
        self._observer.unavailable(self._lane_no, len(self._running))
        unknown = OutcomeUnknown("the database does not answer; send the same request again")
        self._answer_all(self._running, unknown)

    def give_up(self) -> None:
        """Answer what the stopped loop leaves behind: what was being carried out, and what still waits."""
        fault = Unavailable("the engine stopped before the command was carried out; nothing was changed")
        if self._batch is not None and self._batch.phase is Phase.COMMITTING:
            unknown = OutcomeUnknown("the engine stopped before the outcome was known; send the same request again")
            self._answer_all(self._running, unknown)
        else:
            self._answer_all(self._running, fault)
        for tickets in self._aside.values():
            self._answer_all(tickets, fault)
        self._answer_all(self._queue.drain(), fault)

    async def _carry_out_safely(self, tickets: list[Ticket]) -> None:
        """Carry the batch out; a bug in the recovery itself must not end the lane."""
        self._running, self._running_since = tickets, monotonic()
        try:
            await self._carry_out(tickets)
        except Exception:  # noqa: BLE001 - as above; it is logged and answered
            _log.exception("lane %d could not recover a batch of %d commands", self._lane_no, len(tickets))
            self._broken = True
            self._answer_all(tickets, OutcomeUnknown("the batch could not be recovered; send the same request again"))
        self._running, self._running_since = [], inf
        self._batch = None
        if self._aside:
            self._queue.put_back(self._aside, monotonic() + self._limits.locked_retry_seconds)
            self._aside = {}

    async def _carry_out(self, tickets: list[Ticket]) -> None:
        """Run the batch; where it fails for good, its halves, in order, down to single commands."""
        pieces = [tickets]
        while pieces:
            piece = pieces.pop()
            whole = piece is tickets or len(piece) == 1
            piece, fault = await self._try(piece, self._limits.tries if whole else 1)
            if fault is None or not piece:
                continue
            if isinstance(fault, port.Unavailable):
                self._unavailable(piece)
            elif len(piece) > 1:
                middle = len(piece) // 2
                pieces += [piece[middle:], piece[:middle]]
            elif isinstance(fault, port.StorageFault) and fault.retryable:
                self._unavailable(piece)
            else:
                self._failed(piece[0], fault)

    async def _try(self, piece: list[Ticket], tries: int) -> tuple[list[Ticket], Exception | None]:
        """Run the piece up to `tries` times. Answers what it can; says what is left and why."""
        skip_locked = False
        attempt = 0
        while True:
            piece = self._still_wanted(piece)
            if not piece:
                return [], None
            skip_locked = skip_locked or not self._contended.isdisjoint(ticket.store for ticket in piece)
            batch = Batch(self._lane, self._lane_no, piece, self._source.current, self._days, side=self._side)
            fault = await self._run(batch, skip_locked=skip_locked)
            if fault is None:
                return [], None
            if isinstance(fault, port.LockTimeout) and self._skips and not skip_locked:
                skip_locked = True
                continue
            attempt += 1
            self._observer.batch_retried(self._lane_no, fault)
            retryable = isinstance(fault, port.StorageFault) and fault.retryable
            if not retryable or attempt >= tries:
                return self._still_wanted(piece), fault
            pause = _PAUSE_UNAVAILABLE_SECONDS if isinstance(fault, port.Unavailable) else _PAUSE_SECONDS
            await asyncio.sleep(pause * _PAUSE_GROWTH ** (attempt - 1))

    def _still_wanted(self, piece: list[Ticket]) -> list[Ticket]:
        """Without what is answered, overdue, or behind a command of the same store that was set aside."""
        now = monotonic()
        late = [ticket for ticket in piece if ticket.deadline <= now]
        if late:
            self.answer_late(late)
            piece = [ticket for ticket in piece if ticket.deadline > now]
        if self._aside:
            for ticket in piece:
                if ticket.store in self._aside:
                    self._aside[ticket.store].append(ticket)
            piece = [ticket for ticket in piece if ticket.store not in self._aside]
        return piece

    async def _run(self, batch: Batch, *, skip_locked: bool) -> Exception | None:
        """Run the transaction once and answer it, or leave the connection ready for the next and return the fault."""
        self._batch_no += 1
        self._batch = batch
        try:
            if self._broken:
                await self._reconnect()
            await batch.run(self._batch_no, skip_locked=skip_locked)
        except Exception as error:  # noqa: BLE001 - every fault is given a meaning by the caller
            if batch.phase is Phase.COMMITTING and not _says_no(error):
                return await self._settle(batch, error)
            await self._clean_up(error)
            return error
        self._answer(batch)
        return None

    async def _reconnect(self) -> None:
        """Open a new connection. Whatever stands in the way, it isn't the commands' fault: Unavailable."""
        try:
            await self._lane.reconnect()
        except port.Unavailable:
            raise
        except port.StorageFault as fault:
            raise port.Unavailable(str(fault)) from fault
        self._broken = False

    async def _clean_up(self, error: Exception) -> None:
        """Make the lane usable again after a fault before COMMIT."""
        if isinstance(error, (port.LostConnection, port.Unavailable)):
            self._broken = True
            return
        if not isinstance(error, port.StorageFault):
            # a bug below the rules: nobody knows in which state it left the connection
            self._broken = True
        await self._lane.rollback()

    async def _settle(self, batch: Batch, error: Exception) -> Exception | None:
        """The connection was lost during COMMIT: find out whether the batch is there."""
        self._broken = True
        until = monotonic() + self._limits.settle_seconds
        pause = _PAUSE_UNAVAILABLE_SECONDS
        while True:
            try:
                await self._lane.reconnect()
                committed = await self._lane.committed(self._batch_no)
                break
            except port.StorageFault as fault:
                _log.warning("lane %d looks for the outcome of batch %d: %r", self._lane_no, self._batch_no, fault)
                if monotonic() > until:
                    self._observer.commit_settled(self._lane_no, committed=None)
                    self._answer_all(batch.tickets, OutcomeUnknown("the database went away during COMMIT"))
                    self._take_aside(batch)
                    return None
                await asyncio.sleep(pause)
                pause = min(1.0, pause * 2)
        self._broken = False
        self._observer.commit_settled(self._lane_no, committed=committed)
        if committed:
            self._answer(batch)
            return None
        return error if isinstance(error, port.StorageFault) else port.LostConnection(str(error))

    def _answer(self, batch: Batch) -> None:
        """The transaction is known to be durable: tell everybody, in one go."""
        self._take_aside(batch)
        report, now = batch.report, monotonic()
        began = now - report.took
        for store, tickets in batch.by_store.items():
            self._contended.discard(store)
            for ticket in tickets:
                result, waited = ticket.result, began - ticket.queued_at
                if result is None:
                    result = CommandFailed("the command was not decided")
                if isinstance(result, EngineFault):
                    self._observer.command_failed(self._lane_no)
                elif isinstance(result, Refused):
                    self._observer.refused(ticket.command, result)
                ticket.answer(result)
                report.commands += 1
                report.background_commands += ticket.background
                report.waited_sum += waited
                report.waited_max = max(report.waited_max, waited)
        if report.timer_at is not None:
            self._timer_moved(report.timer_at)
        if report.commands:
            self._observer.batch_done(report)

    def _take_aside(self, batch: Batch) -> None:
        if not batch.aside:
            return
        self._observer.stores_set_aside(self._lane_no, len(batch.aside))
        self._contended.update(batch.aside)
        for store, tickets in batch.aside.items():
            self._aside.setdefault(store, []).extend(tickets)

    def _unavailable(self, piece: list[Ticket]) -> None:
        self._observer.unavailable(self._lane_no, len(piece))
        self._answer_all(piece, Unavailable("the database can't do it now; nothing was changed"))

    def _failed(self, ticket: Ticket, fault: Exception) -> None:
        _log.error("a command can't be saved: %r", ticket.command, exc_info=fault)
        self._observer.command_failed(self._lane_no)
        failed = CommandFailed(f"{type(ticket.command).__name__} could not be saved")
        failed.__cause__ = fault
        ticket.answer(failed)

    @staticmethod
    def _answer_all(tickets: list[Ticket], fault: EngineFault) -> None:
        for ticket in tickets:
            ticket.answer(fault)


def _says_no(error: Exception) -> bool:
    """Whether the database itself answered COMMIT with a refusal: then nothing was committed, for certain."""
    return isinstance(error, (port.Conflict, port.GuardFailed, port.Rejected))
