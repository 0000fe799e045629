"""Sending a timeline through the order API.

Several clients take the events in order of time; an order's own verbs stay in sequence.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import pairwise

import msgspec

from eightysix.cli.calling.setup import limited, set_stock
from eightysix.client import AsyncClient, Attempt, Failed, Refused
from eightysix.core.quantity import as_number
from eightysix.wire.order import LockLine

from .timeline import Event, Fate, Placed, Verb

_EXPIRY_PATIENCE_SECONDS = 15.0
_EXPIRY_LOOK_SECONDS = 0.25
_TIMED = ("lock", "deduct", "unlock")


class Pace(msgspec.Struct, frozen=True):
    """How fast: `speed` times real time, or None for as fast as the service answers."""

    clients: int = 16
    speed: float | None = None
    unpaid_hold_seconds: int = 5


class StockPlan(msgspec.Struct, frozen=True):
    """With how many portions every SKU starts in every store; None leaves all unlimited."""

    portions: int | None
    sku_ids: tuple[int, ...] = ()


class Sent(msgspec.Struct):
    """What came of the replay. Orders by outcome; `lines` of orders that were sent, locked or refused."""

    orders: int = 0
    lines: int = 0
    lines_locked: int = 0
    lines_refused: int = 0
    locked: int = 0
    refused: Counter[str] = msgspec.field(default_factory=Counter)
    deducted: int = 0
    unlocked: int = 0
    expired: int = 0
    left_locked: int = 0
    settle_refused: Counter[str] = msgspec.field(default_factory=Counter)
    portions_locked: int = 0
    """In thousandths."""
    refills: int = 0
    seconds: float = 0.0
    latest_seconds: float = 0.0
    """With `speed`: by how much the latest event was late."""
    latency: dict[str, list[float]] = msgspec.field(default_factory=lambda: defaultdict(list))
    """Of each verb's last attempts, without any waiting before them."""
    repeated: Counter[str] = msgspec.field(default_factory=Counter)
    """How often a call was sent again, by cause."""

    def hear(self, attempt: Attempt) -> None:
        """Count an attempt of the client."""
        if attempt.again and attempt.trouble is not None:
            self.repeated[attempt.trouble.value] += 1
        elif attempt.name in _TIMED:
            self.latency[attempt.name].append(attempt.seconds)


class Sender:
    """Runs one timeline."""

    def __init__(
        self,
        client: AsyncClient,
        brand_id: str,
        placed: Sequence[Placed],
        sku_of: Callable[[str], int],
        *,
        pace: Pace,
        plan: StockPlan,
        channel_code: str = "ONLINE_ORDER",
        prefix: str = "",
        sent: Sent | None = None,
    ) -> None:
        self._client, self._brand_id, self._placed, self._sku_of = client, brand_id, placed, sku_of
        self._pace, self._plan, self._channel_code, self._prefix = pace, plan, channel_code, prefix
        self._locks: dict[int, asyncio.Future[bool]] = {}
        self._unpaid: list[int] = []
        self._sold: defaultdict[str, set[int]] = defaultdict(set)
        self.sent = sent or Sent()

    async def run(self, events: Sequence[Event], done: Callable[[int], object] = lambda _: None) -> Sent:
        """Send every event, then wait until the unpaid locks have died. Raises ClientError."""
        began = time.perf_counter()
        for part in _between_refills(events):
            refills = part[0].verb is Verb.REFILL
            if refills:
                await self._refill()
            await self._send_all(part[refills:], events[0].at, began, done)
        self.sent.seconds = time.perf_counter() - began
        await self._await_expiry()
        return self.sent

    async def _send_all(self, events: Sequence[Event], start: int, began: float, done: Callable[[int], object]) -> None:
        waiting = iter(events)
        for event in events:
            if event.verb is Verb.LOCK:
                self._locks[event.order] = asyncio.get_running_loop().create_future()

        async def one_client() -> None:
            for event in waiting:
                await self._when_due(event.at - start, began)
                if event.verb is Verb.LOCK:
                    await self._lock(event.order)
                else:
                    await self._settle(event.order)
                done(1)

        async with asyncio.TaskGroup() as group:
            for _ in range(self._pace.clients):
                group.create_task(one_client())

    async def _when_due(self, after_ms: int, began: float) -> None:
        if self._pace.speed is None:
            return
        late = time.perf_counter() - began - after_ms / 1000 / self._pace.speed
        if late < 0:
            await asyncio.sleep(-late)
        else:
            self.sent.latest_seconds = max(self.sent.latest_seconds, late)

    async def _lock(self, at: int) -> None:
        placed, sent = self._placed[at], self.sent
        lines = [
            LockLine(self._sku_of(line.name), Decimal(as_number(line.quantity)), line.line_no)
            for line in placed.order.lines
        ]
        hold = self._pace.unpaid_hold_seconds if placed.fate is Fate.UNPAID else None
        sent.orders += 1
        sent.lines += len(lines)
        try:
            await self._client.lock(*self._order(at), self._channel_code, lines, expires_in=hold)
        except (Refused, Failed) as refused:
            sent.refused[reason(refused)] += 1
            sent.lines_refused += len(lines)
            self._locks[at].set_result(False)
            return
        sent.locked += 1
        sent.lines_locked += len(lines)
        sent.portions_locked += sum(line.quantity for line in placed.order.lines)
        self._sold[placed.poi_id].update(self._sku_of(line.name) for line in placed.order.lines)
        if placed.fate is Fate.UNPAID:
            self._unpaid.append(at)
        self._locks[at].set_result(True)

    async def _settle(self, at: int) -> None:
        locked = await self._locks[at]
        del self._locks[at]
        if not locked:
            return
        paid = self._placed[at].fate is Fate.PAID
        try:
            await (self._client.deduct if paid else self._client.unlock)(*self._order(at))
        except (Refused, Failed) as refused:
            self.sent.settle_refused[reason(refused)] += 1
            return
        if paid:
            self.sent.deducted += 1
        else:
            self.sent.unlocked += 1

    def _order(self, at: int) -> tuple[tuple[str, str], str]:
        """The store and the order's id."""
        placed = self._placed[at]
        return (self._brand_id, placed.poi_id), self._prefix + placed.order.order_id

    async def _refill(self) -> None:
        """Back to the plan, for what was sold since the last time."""
        portions = self._plan.portions
        if portions is None:
            return
        for poi_id, sku_ids in self._sold.items():
            some = [limited(sku_id, portions) for sku_id in sorted(sku_ids)]
            await set_stock(self._client, self._brand_id, poi_id, some)
            self.sent.refills += 1
        self._sold.clear()

    async def _await_expiry(self) -> None:
        """Ask after each unpaid order until it has died: expired is what the service says, not what was planned."""
        patience = time.monotonic() + self._pace.unpaid_hold_seconds + _EXPIRY_PATIENCE_SECONDS
        waiting = self._unpaid
        while waiting and time.monotonic() < patience:
            still = [at for at in waiting if await self._state(at) != "EXPIRED"]
            self.sent.expired += len(waiting) - len(still)
            waiting = still
            if waiting:
                await asyncio.sleep(_EXPIRY_LOOK_SECONDS)
        self.sent.left_locked = len(waiting)

    async def _state(self, at: int) -> str:
        try:
            return (await self._client.order(*self._order(at))).state
        except (Refused, Failed) as refused:
            return reason(refused)


def reason(error: Refused | Failed) -> str:
    """Why a call was refused: its code, and for missing stock what stood in the way of the first short line."""
    if isinstance(error, Failed):
        return f"HTTP_{error.status}"
    return f"{error.code}:{error.shortages[0].blocked_by}" if error.shortages else error.code


def _between_refills(events: Sequence[Event]) -> list[Sequence[Event]]:
    """The events in parts; every part but the first starts with a refill, before which all earlier ones have ended."""
    cuts = [0, *(at for at, event in enumerate(events) if event.verb is Verb.REFILL and at), len(events)]
    return [events[start:end] for start, end in pairwise(cuts) if end > start]
