"""A lane's queue: which waiting commands go into the next batch.

Two classes: orders, and background (sweep, restore, import, bulk), which gets at most a quarter of a batch while orders
wait, and is never starved. Within a class commands of one store stay in order and stores take turns, one command
each. There is no timer and no fixed size: a batch is what queued up while the last one ran, within bounds.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from math import ceil, inf

from eightysix.core.key import StoreKey

from .limits import Limits
from .ticket import Ticket

_RETRY_AFTER_MAX = 30


class Room:
    """What still fits into a batch."""

    __slots__ = ("commands", "rows")

    def __init__(self, commands: int, rows: int) -> None:
        self.commands = commands
        self.rows = rows


class StoreTurns:
    """One class of a queue: the waiting commands of each store, and whose turn it is.

    A store has a deque exactly while it has commands; it is in `_turn` exactly while it has a deque and isn't paused.
    """

    def __init__(self) -> None:
        self.count = 0
        self._waiting: dict[StoreKey, deque[Ticket]] = {}
        self._turn: deque[StoreKey] = deque()
        self._paused: dict[StoreKey, float] = {}

    def append(self, ticket: Ticket) -> None:
        waiting = self._waiting.get(ticket.store)
        if waiting is None:
            self._waiting[ticket.store] = deque((ticket,))
            self._turn.append(ticket.store)
        else:
            waiting.append(ticket)
        self.count += 1

    def put_back(self, store: StoreKey, tickets: Iterable[Ticket], until: float) -> None:
        """Put `tickets` in front of what the store has waiting; leave the store alone until the instant `until`."""
        waiting = self._waiting.setdefault(store, deque())
        before = len(waiting)
        waiting.extendleft(reversed(list(tickets)))
        self.count += len(waiting) - before
        if store in self._turn:
            self._turn.remove(store)
        self._paused[store] = until

    def resume(self, now: float) -> None:
        """Give paused stores their turn again, ahead of the others, where the time has come."""
        for store in [store for store, until in self._paused.items() if until <= now]:
            del self._paused[store]
            self._turn.appendleft(store)

    @property
    def is_ready(self) -> bool:
        return bool(self._turn)

    @property
    def ready_at(self) -> float:
        """When the first paused store gets its turn again."""
        return min(self._paused.values(), default=inf)

    def take(self, batch: list[Ticket], late: list[Ticket], room: Room, store_commands: int, now: float) -> None:
        """Move commands into `batch` until `room` is used up, overdue ones into `late`."""
        turn, waiting = self._turn, self._waiting
        cap = store_commands if len(turn) > 1 else room.commands
        taken: dict[StoreKey, int] = {}
        capped: list[StoreKey] = []
        first = len(batch)
        while turn and room.commands > 0:
            store = turn[0]
            tickets = waiting[store]
            ticket = tickets[0]
            if ticket.deadline <= now:
                late.append(ticket)
            elif ticket.rows > room.rows and len(batch) > first:
                break
            else:
                batch.append(ticket)
                room.commands -= 1
                room.rows -= ticket.rows
                taken[store] = taken.get(store, 0) + 1
            self.count -= 1
            tickets.popleft()
            turn.popleft()
            if not tickets:
                del waiting[store]
            elif taken.get(store, 0) >= cap:
                capped.append(store)
            else:
                turn.append(store)
        turn.extend(capped)

    def expire(self, late: list[Ticket], now: float) -> None:
        """Move overdue commands into `late`."""
        for store, tickets in list(self._waiting.items()):
            while tickets and tickets[0].deadline <= now:
                late.append(tickets.popleft())
                self.count -= 1
            if not tickets:
                del self._waiting[store]
                if self._paused.pop(store, None) is None:
                    self._turn.remove(store)

    def drain(self) -> list[Ticket]:
        """Everything that waits, by store in order; nothing waits afterwards."""
        tickets = [ticket for waiting in self._waiting.values() for ticket in waiting]
        self.count = 0
        self._waiting.clear()
        self._turn.clear()
        self._paused.clear()
        return tickets


class LaneQueue:
    """The bounded queue of one lane; one consumer. Instants are `time.monotonic()` seconds."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._orders = StoreTurns()
        self._background = StoreTurns()
        self._waker: asyncio.Future[None] | None = None
        self._seconds_per_command = 0.0
        self.is_closed = False

    def __len__(self) -> int:
        return self._orders.count + self._background.count

    def put(self, ticket: Ticket) -> bool:
        """Queue the ticket; False when its class is full."""
        if ticket.background:
            if self._background.count >= self._limits.background_queue_commands:
                return False
            self._background.append(ticket)
        else:
            if self._orders.count >= self._limits.queue_commands:
                return False
            self._orders.append(ticket)
        if self._waker is not None:
            self.wake()
        return True

    def put_back(self, aside: Mapping[StoreKey, list[Ticket]], until: float) -> None:
        """Stores that can't be had now: their commands go back in front, in order, to be tried again at `until`."""
        for store, tickets in aside.items():
            for turns, background in ((self._orders, False), (self._background, True)):
                mine = [ticket for ticket in tickets if ticket.background is background]
                if mine:
                    turns.put_back(store, mine, until)

    def take(self, now: float) -> tuple[list[Ticket], list[Ticket]]:
        """The next batch, and the commands that waited too long for it."""
        limits, orders, background = self._limits, self._orders, self._background
        orders.resume(now)
        background.resume(now)
        batch: list[Ticket] = []
        late: list[Ticket] = []
        room = Room(limits.batch_commands, limits.batch_rows)
        if background.is_ready:  # keeps a quarter free, or orders that fill every batch would starve it
            room = Room(max(1, limits.batch_commands * 3 // 4), max(1, limits.batch_rows * 3 // 4))
        if orders.is_ready:
            orders.take(batch, late, room, limits.store_commands, now)
        if background.is_ready:
            if batch:  # a quarter of the batch is a third of its orders; one command at least
                room = Room(max(1, len(batch) // 3), limits.batch_rows // 4)
            else:
                room = Room(limits.batch_commands, limits.batch_rows)
            background.take(batch, late, room, limits.store_commands, now)
        return batch, late

    def expire(self, now: float) -> list[Ticket]:
        """Take out what is overdue, also while the lane is busy elsewhere."""
        late: list[Ticket] = []
        self._orders.expire(late, now)
        self._background.expire(late, now)
        return late

    def drain(self) -> list[Ticket]:
        """Take out everything."""
        return self._orders.drain() + self._background.drain()

    def close(self) -> None:
        """No more will be put; the consumer empties the queue and ends."""
        self.is_closed = True
        self.wake()

    def wake(self) -> None:
        """Let `wait` return."""
        waker, self._waker = self._waker, None
        if waker is not None and not waker.done():
            waker.set_result(None)

    async def wait(self, now: float) -> None:
        """Return when a command may be taken, or the queue was closed."""
        if self._orders.is_ready or self._background.is_ready:
            return
        loop = asyncio.get_running_loop()
        self._waker = loop.create_future()
        ready_at = min(self._orders.ready_at, self._background.ready_at)
        timer = loop.call_later(max(0.0, ready_at - now), self.wake) if ready_at < inf else None
        try:
            await self._waker
        finally:
            self._waker = None
            if timer is not None:
                timer.cancel()

    def measured(self, commands: int, seconds: float) -> None:
        """Note how long a batch of so many commands took; the estimate leans to the last few batches."""
        if commands:
            sample = seconds / commands
            self._seconds_per_command += (sample - self._seconds_per_command) * 0.2

    @property
    def retry_after_seconds(self) -> int:
        """When a refused caller may come back: what waits, at the recent rate; 1 to 30 s."""
        return min(_RETRY_AFTER_MAX, max(1, ceil(len(self) * self._seconds_per_command)))
