"""The engine: `submit(command) -> outcome`, for everybody and everything that changes stock."""

import asyncio
import contextlib
import logging
import os
from time import monotonic

from eightysix.core.admission import admit
from eightysix.core.catalogue import Catalogue
from eightysix.core.command import Command, ExpireLocks, RunTimers
from eightysix.core.hub import Side
from eightysix.core.invariant import invariant
from eightysix.core.outcome import Outcome
from eightysix.storage.port import Database

from .days import BusinessDays
from .fault import Overloaded, Unavailable
from .lane import CatalogueSource, LaneWriter
from .layout import Layout
from .limits import Limits, measured_lanes
from .observer import Observer
from .queue import LaneQueue
from .sweep import Sweep
from .ticket import Ticket, rows_of
from .timers import Timers

_log = logging.getLogger(__name__)

_EXPIRY_SECONDS = 0.1
_CANCEL_SECONDS = 1.0
_CANCEL_ROUNDS = 3


class Engine:
    """All lanes of one process on one database. Lives on one event loop; several engines on one database are safe.

    The database stays its owner's: `stop` closes the lanes' connections, not the database.
    """

    def __init__(
        self,
        database: Database,
        catalogue_source: CatalogueSource,
        limits: Limits | None = None,
        observer: Observer | None = None,
        *,
        side: Side | None = None,
    ) -> None:
        """`side`: which hub this is, of which the database keeps the books; None in the cloud."""
        invariant(side is None or database.capabilities.keeps_hub, "a hub runs on a database that keeps its books")
        self._side = side
        self._database = database
        self._source = catalogue_source
        self._limits = limits or Limits()
        self._observer = observer or Observer()
        capabilities = database.capabilities
        cores = len(os.sched_getaffinity(0))
        per_shard = self._limits.lanes_per_shard or measured_lanes(capabilities.dialect, cores)
        self.layout = Layout(capabilities.physical_shards, per_shard)
        self._queues = [LaneQueue(self._limits) for _ in range(self.layout.lanes)]
        self._writers: list[LaneWriter] = []
        self._open = contextlib.AsyncExitStack()
        self._loops: list[asyncio.Task[None]] = []
        self._helpers: list[asyncio.Task[None]] = []
        self._accepting = False

    async def start(self) -> None:
        """Open the lanes and begin to work. Raises a `StorageFault` when the database can't be had."""
        days = BusinessDays()
        database, layout = self._database, self.layout
        timers = [self._timers(lane_no) for lane_no in range(layout.lanes)]
        try:
            for lane_no, queue in enumerate(self._queues):
                lane = await database.lane(lane_no, layout.buckets(lane_no)[0])
                self._open.push_async_callback(lane.close)
                self._writers.append(
                    LaneWriter(
                        lane,
                        lane_no,
                        queue,
                        catalogue_source=self._source,
                        days=days,
                        limits=self._limits,
                        observer=self._observer,
                        skips_locked_rows=database.capabilities.skips_locked_rows,
                        timer_moved=timers[lane_no].moved,
                        side=self._side,
                    )
                )
        except BaseException:
            await self._open.aclose()
            raise
        self._loops = [asyncio.create_task(writer.run()) for writer in self._writers]
        self._helpers = [asyncio.create_task(self._expire_waiting())]
        for lane_no in range(layout.lanes):
            sweep = Sweep(
                database.reader,
                lane_no,
                layout.buckets(lane_no),
                self._submit_by_itself,
                limits=self._limits,
                observer=self._observer,
            )
            self._helpers.append(asyncio.create_task(sweep.run()))
        self._helpers += [asyncio.create_task(each.run()) for each in timers]
        self._accepting = True

    def submit(self, command: Command, *, background: bool = False) -> "asyncio.Future[Outcome]":
        """Put the command on its store's lane; the future gives its outcome once that is durable.

        Never raises; the future may: see `fault`. What needs no rows to be refused is answered at once. Cancelling the
        future does not cancel the command. `background` is for work that nobody stands at a counter for.
        """
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        if not self._accepting:
            future.set_exception(Unavailable("the engine isn't running"))
            return future
        catalogue = self._source.current
        refusal = admit(command, catalogue)
        if refusal is not None:
            future.set_result(refusal)
            return future
        self._enqueue(command, future, catalogue, background=background)
        return future

    def _enqueue(
        self, command: Command, future: "asyncio.Future[Outcome]", catalogue: Catalogue, *, background: bool
    ) -> None:
        limits, now, store = self._limits, monotonic(), command.store
        lane_no = self.layout.lane_of[store.bucket]
        wait = limits.background_deadline_seconds if background else limits.deadline_seconds
        queue = self._queues[lane_no]
        if not queue.put(
            Ticket(store, command, future, catalogue, now, now + wait, rows_of(command), background=background)
        ):
            self._observer.overloaded(lane_no)
            future.set_exception(Overloaded(queue.retry_after_seconds))

    async def stop(self) -> None:
        """Refuse what is new, answer everything accepted, close the lanes; takes `stop_seconds` at most."""
        self._accepting = False
        await _cancel(self._helpers[1:])
        for queue in self._queues:
            queue.close()
        if self._loops:
            _, unfinished = await asyncio.wait(self._loops, timeout=self._limits.stop_seconds)
            await _cancel(list(unfinished))
        await _cancel(self._helpers)
        for writer in self._writers:
            writer.give_up()
        try:
            async with asyncio.timeout(_CANCEL_SECONDS):
                await self._open.aclose()
        except TimeoutError:
            _log.warning("a lane's connection could not be closed in %s s", _CANCEL_SECONDS)

    @property
    def waiting(self) -> list[int]:
        """How many commands wait, by lane."""
        return [len(queue) for queue in self._queues]

    def _timers(self, lane_no: int) -> Timers:
        return Timers(
            self._database.reader,
            lane_no,
            self.layout.buckets(lane_no),
            self._submit_by_itself,
            lambda: self._source.current,
            limits=self._limits,
            observer=self._observer,
        )

    def _submit_by_itself(self, command: ExpireLocks | RunTimers) -> "asyncio.Future[Outcome]":
        """What comes by the clock is not admitted: the locks of a store that was taken out of the catalogue die too."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._enqueue(command, future, self._source.current, background=True)
        return future

    async def _expire_waiting(self) -> None:
        """Answer overdue commands also while their lane is held up by a transaction, and at last those in it."""
        while True:
            await asyncio.sleep(_EXPIRY_SECONDS)
            now = monotonic()
            for queue, writer in zip(self._queues, self._writers, strict=True):
                writer.answer_stuck(now)
                if len(queue):
                    late = queue.expire(now)
                    if late:
                        writer.answer_late(late)


async def _cancel(tasks: "list[asyncio.Task[None]]") -> None:
    """End the tasks. The first request lets a running statement come to its end, a further one does not."""
    for _ in range(_CANCEL_ROUNDS):
        unfinished = [task for task in tasks if not task.done()]
        if not unfinished:
            return
        for task in unfinished:
            task.cancel()
        await asyncio.wait(unfinished, timeout=_CANCEL_SECONDS)
    _log.error("%d tasks of the engine could not be ended", sum(not task.done() for task in tasks))
