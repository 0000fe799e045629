"""Which bucket ranges this process works for: whoever publishes, sends or compensates asks the one `Leases` object.

Every second it gives a sign of life and renews what it holds. Its fair share is an equal part for each process alive;
what is more than that it gives up, what has ended elsewhere it takes. A process that dies is replaced once its leases
have ended: 3 s after its last renewal, and at most one look later.

By its own clock a process stops working for a range when the last renewal's time is over, whether it could look or not.
For a moment two may believe that they hold a range; that makes repeats, never losses.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from time import monotonic

from eightysix.storage.lease import LEASE_MS, RANGES, Lease, LeaseTable
from eightysix.storage.port import StorageFault

_log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""Between two looks at who holds what."""

_HELD_SECONDS = LEASE_MS / 1000
_LEAVE_SECONDS = 2.0

_ALL = frozenset(range(RANGES))
_NONE: frozenset[int] = frozenset()

Change = Callable[[frozenset[int]], None]
"""Called on the event loop with the ranges that are held from now on."""


class Leases:
    """The leases of one process. Without a table, the database is its own and so are all ranges."""

    def __init__(self, table: LeaseTable | None, owner: str, look_seconds: float = LOOK_SECONDS) -> None:
        self._table = table
        self._owner = owner
        self._look_seconds = look_seconds
        self._held = _ALL if table is None else _NONE
        self._until = float("inf") if table is None else 0.0
        self._changes: list[Change] = []
        self._looking: asyncio.Task[None] | None = None
        self.members = 1
        """Processes that share the ranges, as of the last look."""

    @property
    def held(self) -> frozenset[int]:
        """The ranges of this process, by bucket % RANGES."""
        return self._held if monotonic() < self._until else _NONE

    def holds(self, bucket: int) -> bool:
        """Whether this process works for the bucket."""
        return bucket % RANGES in self._held and monotonic() < self._until

    def on_change(self, change: Change) -> None:
        """Have `change` called whenever other ranges are held."""
        self._changes.append(change)

    async def start(self) -> None:
        """Take part from now on."""
        if self._table is not None and self._looking is None:
            self._looking = asyncio.create_task(self._look_forever(self._table), name="leases")

    async def stop(self) -> None:
        """Give everything up, so that others go on at once."""
        if self._table is None or self._looking is None:
            return
        self._looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._looking
        given_up, self._until = self._held, 0.0
        self._set(_NONE)
        with contextlib.suppress(TimeoutError, StorageFault):
            async with asyncio.timeout(_LEAVE_SECONDS):
                await self._table.give_up(self._owner, given_up)
                await self._table.leave(self._owner)

    async def _look_forever(self, table: LeaseTable) -> None:
        while True:
            started = monotonic()
            try:
                await self.look(table)
            except StorageFault as fault:
                _log.warning("the leases could not be renewed: %r", fault)
            except Exception:  # noqa: BLE001 - a bug must not end the looking
                _log.exception("the leases could not be renewed")
            if self._held and monotonic() >= self._until:
                self._set(_NONE)
            await asyncio.sleep(max(0.0, self._look_seconds - (monotonic() - started)))

    async def look(self, table: LeaseTable) -> None:
        """One look: sign of life first, so that the lease of who died ends after the sign of life does."""
        members = await table.show(self._owner)
        self.members = len(members)
        share = -(-RANGES // len(members))
        asked = monotonic()
        kept = await table.renew(self._owner, self._held) if self._held else _NONE
        if monotonic() >= self._until:
            self._set(_NONE)  # what was told of them meanwhile went unheard: so whoever works by them looks anew
        if kept:
            self._until = asked + _HELD_SECONDS
        self._set(kept)  # what others have by now is theirs, whatever becomes of the rest of this look
        if len(kept) > share:
            surplus = frozenset(sorted(kept)[share:])
            kept -= surplus
            self._set(kept)  # before others may have them
            await table.give_up(self._owner, surplus)
        elif len(kept) < share:
            asked = monotonic()
            taken = await table.take(self._owner, self._wanted(await table.all(), kept, share - len(kept)))
            if taken and not kept:
                self._until = asked + _HELD_SECONDS
            kept |= taken
        self._set(kept)

    def _wanted(self, leases: dict[int, Lease], kept: frozenset[int], most: int) -> dict[int, Lease | None]:
        free = [
            number for number in range(RANGES) if number not in kept and (number not in leases or leases[number].ended)
        ]
        return {number: leases.get(number) for number in free[:most]}

    def _set(self, held: frozenset[int]) -> None:
        if held == self._held:
            return
        self._held = held
        for change in tuple(self._changes):
            change(held)
