"""One receiver's stream of a store's changes: where it is in the store's sequence, what waits for it, what comes next.

Messages are handed to it as they come, in whatever order and however often; its own task takes them out one after the
other. One at or below its place is old. One whose `prev_seq` is at or below the place, and whose `seq` is above, is
sent. One whose `prev_seq` is above the place says that something is missing: then what changed since is read from the
database, and the place is the end of that. So what is sent is always a chain, whatever happened to the messages.

What waits is bounded. A receiver that takes nothing while its queue runs over is cut off, and resumes from the last
event that it has got; one that was merely slow to get its turn is caught up from the database.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from time import monotonic

import msgspec

from eightysix.core.key import StoreKey
from eightysix.storage.port import StorageFault
from eightysix.wire.cursor import Cursor
from eightysix.wire.event import CURRENT, HEARTBEAT, NUDGE, READY, RESET, encode, frame
from eightysix.wire.following import StreamEvent
from eightysix.wire.grant import RECALL

from .catching_up import CatchingUp

_log = logging.getLogger(__name__)

QUEUE_MOST = 256
"""Messages that wait for one receiver."""

RECALLS_MOST = 100
"""Recalls of grants that wait for one receiver."""

PAGE = 200
"""Stocks that one look at the database brings: what a receiver that takes nothing holds in memory amid catching up."""

SLOW_SECONDS = 1.0
"""A receiver that took nothing for so long while its queue ran over is cut off."""

_AGAIN_SECONDS = 1.0

_BATCH_BYTES = 65_536

Emit = Callable[[bytes], Awaitable[None]]
"""Hands bytes to the receiver; returns when there is room for more."""


class Told(msgspec.Struct, frozen=True, gc=False):
    """A message as an event. `seq` and `prev_seq` as in the message."""

    seq: int
    prev_seq: int
    event: bytes


class Counts(msgspec.Struct):
    """What all streams of a process have come to since it started."""

    opened: int = 0
    messages: int = 0
    caught_up: int = 0
    resets: int = 0
    gaps: int = 0
    repaired: int = 0
    overflowed: int = 0
    nudged: int = 0
    cut_slow: int = 0
    cut_key: int = 0


class Stream:
    """Made, joined to the gateway, and then run in the task of its request."""

    __slots__ = (
        "_announce", "_behind", "_catching_up", "_counts", "_nudge", "_pending", "_recalls", "_reset", "_task",
        "_waiter", "beat", "device_id", "is_closed", "place", "sending_since", "sent_at", "store", "suspect", "welcome",
    )  # fmt: skip

    def __init__(
        self,
        store: StoreKey,
        device_id: str | None,
        welcome: Callable[[], bool],
        catching_up: CatchingUp,
        counts: Counts,
    ) -> None:
        self.store = store
        self.device_id = device_id
        self.welcome = welcome
        self.place = 0
        self.beat = False
        self.sent_at = monotonic()
        self.sending_since: float | None = None
        self.suspect = 0
        """What the last look at the head says must have come by the next one."""
        self._catching_up = catching_up
        self._counts = counts
        self._pending: deque[Told] | None = None
        self._recalls: deque[bytes] | None = None
        self._behind = False
        self._reset = False
        self._announce = False
        self._nudge: int | None = None
        self.is_closed = False
        self._waiter: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether it has sent all that it knows of."""
        return self._waiter is not None and not self._waiter.done() and not self._pending

    @property
    def waiting(self) -> int:
        """How many messages wait for the receiver."""
        return len(self._pending or ())

    @property
    def _has_more(self) -> bool:
        return self._reset or self._behind or bool(self._pending)

    # --- told from outside, on the event loop

    def tell(self, told: Told) -> None:
        """A message of the store."""
        if self._pending is None:
            self._pending = deque()
        if len(self._pending) >= QUEUE_MOST:
            self._pending.clear()
            self._counts.overflowed += 1
            if self.sending_since is not None and monotonic() - self.sending_since >= SLOW_SECONDS:
                self.cut_slow()
                return
            self._behind = True
        else:
            self._pending.append(told)
        self._wake()

    def recall(self, told: bytes) -> None:
        """A hint for the store's hub; of too many the oldest goes."""
        if self._recalls is None:
            self._recalls = deque(maxlen=RECALLS_MOST)
        self._recalls.append(told)
        self._wake()

    def catch_up(self) -> None:
        """Something seems to be missing."""
        self._behind = True
        self._wake()

    def restart(self) -> None:
        """What the receiver knows is void."""
        self._reset = True
        self._wake()

    def nudge(self, seq: int) -> None:
        """The receiver hasn't applied what comes after `seq`: it is sent again."""
        self._nudge = seq
        self._wake()

    def heartbeat(self) -> None:
        self.beat = True
        self._wake()

    def cut_slow(self) -> None:
        """The receiver takes nothing."""
        if not self.is_closed:
            self._counts.cut_slow += 1
            _log.info("a stream of %s is cut off: its receiver takes nothing", self.store)
            self.close()

    def close(self) -> None:
        """End it, also amid a send that nobody takes. What was sent before is not taken back."""
        if self.is_closed:
            return
        self.is_closed = True
        self._wake()
        if self.sending_since is not None and self._task is not None:
            self._task.cancel()

    # --- its own task

    async def run(self, cursor: Cursor | None, emit: Emit, *, follow: bool = True) -> None:
        """Send events until it is closed. `cursor`: from there on, else from now on.
        Without `follow` it ends when it has sent all that there is.

        Closed amid a send, it ends by CancelledError. A StorageFault means that it never began.
        """
        self._task = asyncio.current_task()
        try:
            await self._open(cursor, emit)
            while not self.is_closed and (follow or self._has_more):
                await self._next(emit)
        finally:
            self.is_closed = True
            self._task = None
            self._pending = None

    async def _open(self, cursor: Cursor | None, emit: Emit) -> None:
        head = await self._catching_up.head(self.store)
        if cursor is None:
            self.place = head.outbox_seq
        elif await self._catching_up.is_ours(cursor) and cursor.seq <= head.seq:
            self.place, self._behind = cursor.seq, cursor.seq < head.seq
        else:
            self._reset = True
        await self._say(READY, emit)

    async def _next(self, emit: Emit) -> None:
        try:
            if self._reset:
                await self._begin_anew(emit)
            elif self._nudge is not None:
                self.place, self._nudge, self._behind = min(self.place, self._nudge), None, True
                self._counts.nudged += 1
                await self._say(NUDGE, emit)
            elif self._behind:
                self._behind = False
                await self._catch_up(emit)
            elif self._recalls:
                await self._hint(self._recalls.popleft(), emit)
            elif self._pending:
                await self._deliver(self._pending, emit)
            elif self.beat:
                self.beat = False
                await self._emit(HEARTBEAT, emit)
            else:
                await self._sleep()
        except StorageFault as fault:
            _log.warning("a stream of %s waits for the database: %s", self.store, fault)
            self._behind = True
            if self.beat:  # or its receiver would take it for dead, and come again to a database that isn't there
                self.beat = False
                await self._emit(HEARTBEAT, emit)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _begin_anew(self, emit: Emit) -> None:
        self._reset, self._nudge, self.place = False, None, 0
        self._counts.resets += 1
        self._behind = self._announce = True
        await self._say(RESET, emit)

    async def _catch_up(self, emit: Emit) -> None:
        """From the database, a page at a time; a change meanwhile lies above the page's end, and so on the next."""
        self._counts.caught_up += 1
        has_more = True
        while has_more and not self.is_closed and not self._reset:
            async with self._catching_up.turns:
                stretch = await self._catching_up.since(self.store, self.place, PAGE)
            if self.place > stretch.head.seq:
                self._reset = True  # the database has been put back to an earlier state
                return
            async for place, events in self._catching_up.frames(stretch):
                await self._emit(events, emit)
                self.place = place
            has_more = stretch.has_more
        if self._announce and not self._reset:
            self._announce = False
            await self._say(CURRENT, emit)

    async def _deliver(self, pending: deque[Told], emit: Emit) -> None:
        """What waits, as far as it is a chain, in one piece."""
        events, size, place = [], 0, self.place
        while pending and size < _BATCH_BYTES:
            told = pending[0]
            if told.prev_seq > place:
                self._behind = True
                self._counts.gaps += 1
                break
            pending.popleft()
            if told.seq > place:
                events.append(told.event)
                size += len(told.event)
                place = told.seq
        if events:
            self._counts.messages += len(events)
            await self._emit(b"".join(events), emit)
            self.place = place
        if not pending:
            self._pending = None

    async def _hint(self, told: bytes, emit: Emit) -> None:
        """No part of the chain: the receiver's place stays where it is."""
        await self._emit(frame(self._catching_up.text(self.place), RECALL, told), emit)

    async def _say(self, event: str, emit: Emit) -> None:
        cursor = self._catching_up.text(self.place)
        await self._emit(frame(cursor, event, encode(StreamEvent(cursor))), emit)

    async def _emit(self, content: bytes, emit: Emit) -> None:
        self.sending_since = monotonic()
        await emit(content)
        self.sending_since, self.sent_at = None, monotonic()

    async def _sleep(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
