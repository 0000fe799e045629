"""The timers of a lane: sleeps until the next store is due by the clock, and asks, as anybody would, for what is due.

Due times stand in the database, so any process may wake for them, after any crash; a store that another process has
served is found to be no longer due. It sleeps until the first timer it knows. Batches of its own lane tell it of
earlier ones; for those of other processes it looks at least every `timer_poll_seconds`.

When rules, clocks or categories change, what is due in a store changes with them; when brands and stores open or close
or items leave the menu, others are to be told. The stores that were planned from an older catalogue are planned anew:
at the start and after each such change, a few at a time, behind what is due.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Sequence
from math import inf
from time import monotonic

from eightysix.core.catalogue import Catalogue
from eightysix.core.command import RunTimers
from eightysix.core.key import StoreKey
from eightysix.core.outcome import Outcome, TimersRun
from eightysix.core.restore import is_older
from eightysix.storage.port import Reader, StorageFault

from .fault import EngineFault
from .limits import Limits
from .observer import Observer

_log = logging.getLogger(__name__)

_SUPPOSED_STOCKS = 200
"""How many stocks a store is supposed to have before one look at it."""

_EARLY_SECONDS = 0.001
"""The database's clock shows whole milliseconds."""


class Timers:
    """The timers of one lane's buckets."""

    def __init__(
        self,
        reader: Reader,
        lane_no: int,
        buckets: Sequence[int],
        submit: "Callable[[RunTimers], asyncio.Future[Outcome]]",
        catalogue: Callable[[], Catalogue],
        *,
        limits: Limits,
        observer: Observer,
    ) -> None:
        self._reader = reader
        self._lane_no = lane_no
        self._buckets = buckets
        self._mine = frozenset(buckets)
        self._submit = submit
        self._catalogue = catalogue
        self._limits = limits
        self._observer = observer
        self._moved = asyncio.Event()
        self._sleeps_until = inf
        self._planned = -1
        self._to_plan: deque[StoreKey] = deque()
        self._stocks: dict[StoreKey, int] = {}

    def moved(self, due_at: int) -> None:
        """A batch has set a store's timer to this instant."""
        if due_at < self._sleeps_until:
            self._moved.set()

    async def run(self) -> None:
        """Work until cancelled. Whatever goes wrong, the next round tries again."""
        while True:
            try:
                pause = await self._round()
            except (StorageFault, EngineFault) as fault:
                pause = self._failed(fault)
            except Exception as fault:  # noqa: BLE001 - a bug must not end the timers
                pause = self._failed(fault)
            if pause > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._moved.wait()
            self._moved.clear()

    def _failed(self, fault: BaseException) -> float:
        _log.warning("the timers of lane %d failed: %r", self._lane_no, fault)
        self._observer.timers_failed(self._lane_no)
        return self._limits.timer_poll_seconds

    async def _round(self) -> float:
        """Ask for what is due, or else for a few stores to be planned; how many seconds to sleep then."""
        await self._look_for_plans()
        self._sleeps_until = inf  # whatever moves from here on may be missed by the look
        now, timers = await self._reader.next_timers(self._buckets, self._limits.timer_stores)
        asked = monotonic()
        due = [store for due_at, store in timers if due_at <= now]
        if due:
            return 0.0 if await self._ask(due, now) else self._limits.timer_poll_seconds
        if self._to_plan:
            some = [self._to_plan.popleft() for _ in range(min(len(self._to_plan), self._limits.timer_stores))]
            return 0.0 if await self._ask(some, now, again=True) else self._limits.timer_poll_seconds
        first = timers[0][0] if timers else inf
        self._sleeps_until = first
        wait = (first - now) / 1000 + _EARLY_SECONDS - (monotonic() - asked)
        return min(self._limits.timer_poll_seconds, max(_EARLY_SECONDS, wait))

    async def _look_for_plans(self) -> None:
        """After a change of the catalogue: which stores were planned from an older one."""
        catalogue = self._catalogue()
        version = catalogue.timers_version
        if version == self._planned:
            return
        planned = await self._reader.planned_versions(self._buckets)
        older = [store for store, (version, told) in planned.items() if is_older(version, told, store, catalogue)]
        older += [store for store in catalogue.supplied_stores() if store.bucket in self._mine and store not in planned]
        self._to_plan = deque(older)
        self._planned = version

    async def _ask(self, stores: Sequence[StoreKey], now: int, *, again: bool = False) -> bool:
        """Submit, await all; whether every store got on. `again`: what failed is asked for in a later round."""
        commands = [RunTimers(store, self._stocks.get(store, _SUPPOSED_STOCKS)) for store in stores]
        results = await asyncio.gather(*(self._submit(command) for command in commands), return_exceptions=True)
        got_on = True
        for store, result in zip(stores, results, strict=True):
            if isinstance(result, TimersRun):
                self._stocks[store] = result.stocks or self._stocks.get(store, 1)
                got_on = got_on and (bool(result.restored) or result.due_at is None or result.due_at > now)
            else:
                got_on = False
                if again:
                    self._to_plan.append(store)
        faults = [result for result in results if isinstance(result, BaseException)]
        if faults:
            _log.warning("lane %d left the timers of %d stores for later: %r", self._lane_no, len(faults), faults[0])
            self._observer.timers_failed(self._lane_no)
        return got_on
