"""The sweep of a lane: finds stores with due locks and asks, as anybody would, for their release.

Nothing depends on it for being right, since a dead lock is dead by the clock and every batch releases its stores' due
locks first. It tidies what nobody else touches, each due lock within a second.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from time import monotonic

from eightysix.core.command import ExpireLocks
from eightysix.core.key import StoreKey
from eightysix.core.outcome import LocksExpired, Outcome
from eightysix.storage.port import DUE_MOST, Reader, StorageFault

from .fault import EngineFault
from .limits import Limits
from .observer import Observer

_log = logging.getLogger(__name__)


class Sweep:
    """The sweep of one lane's buckets."""

    def __init__(
        self,
        reader: Reader,
        lane_no: int,
        buckets: Sequence[int],
        submit: "Callable[[ExpireLocks], asyncio.Future[Outcome]]",
        *,
        limits: Limits,
        observer: Observer,
    ) -> None:
        self._reader = reader
        self._lane_no = lane_no
        self._buckets = buckets
        self._submit = submit
        self._limits = limits
        self._observer = observer

    async def run(self) -> None:
        """Sweep until cancelled. Whatever goes wrong, the next round tries again."""
        while True:
            started = monotonic()
            try:
                found = await self._sweep_once()
            except (StorageFault, EngineFault) as fault:
                _log.warning("the sweep of lane %d failed: %r", self._lane_no, fault)
                self._observer.sweep_failed(self._lane_no)
                found = 0
            except Exception:  # noqa: BLE001 - a bug must not end the sweep
                _log.exception("the sweep of lane %d failed", self._lane_no)
                self._observer.sweep_failed(self._lane_no)
                found = 0
            if found < self._limits.sweep_stores:  # else there is more: look again at once
                await asyncio.sleep(max(0.0, started + self._limits.sweep_seconds - monotonic()))

    async def _sweep_once(self) -> int:
        """Release the due locks of up to `sweep_stores` stores; how many had some, all where one may have more.

        All releases are awaited, so a lane never has more than one round of them queued.
        """
        stores: list[StoreKey] = await self._reader.due_stores(self._buckets, self._limits.sweep_stores)
        if not stores:
            return 0
        results = await asyncio.gather(*(self._submit(ExpireLocks(store)) for store in stores), return_exceptions=True)
        faults = [result for result in results if isinstance(result, BaseException)]
        if faults:
            _log.warning("the sweep of lane %d left %d stores for later: %r", self._lane_no, len(faults), faults[0])
            self._observer.sweep_failed(self._lane_no)
        released = [result.orders for result in results if isinstance(result, LocksExpired) and result.orders]
        return self._limits.sweep_stores if max(released, default=0) >= DUE_MOST else len(released)
