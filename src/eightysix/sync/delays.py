"""Delayed messages as a second trigger for what a store has due by the clock, beside the engine's own timers.

When a batch sets a store's timer, a message is published that the bus delivers at that time; whoever gets it submits
`RunTimers(store)`, in the background, as anybody may. So a restore is on time also where the process whose timers would
have run it is stuck or dead. It is never the only trigger: what a bus loses, repeats, refuses or delivers late costs
nothing but the second try, and a store that is found not to be due is left alone.

Timers further off than `horizon_seconds`, which must be below what the bus delays at most, are left to the engine.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from eightysix.core.command import RunTimers
from eightysix.core.invariant import invariant
from eightysix.core.key import StoreKey
from eightysix.engine.fault import EngineFault
from eightysix.engine.observer import BatchReport, Observer

from .bus import Bus, BusMessage, BusUnavailable, MessageRefused, Subscription
from .topics import TIMERS_TOPIC

_log = logging.getLogger(__name__)

CONSUMERS = "timers"

HORIZON_SECONDS = 47 * 3600.0
"""Below the three days that a RocketMQ takes, as deploy/rocketmq has it, and has by itself."""

_WAITING_MAX = 10_000
"""Timers that wait to be published; more are left to the engine: the bus is away, or very much was set at once."""

_LATE_MS = 20
"""Our clock and the database's differ, and a look that comes too early is in vain."""


_SUPPOSED_STOCKS = 200
"""How many stocks a store is supposed to have, so that a batch stays bounded."""


class TimerDue(msgspec.Struct, frozen=True):
    """The body of such a message; `dueAt` in milliseconds since 1970, by the database's clock."""

    brand_id: str = msgspec.field(name="brandId")
    poi_id: str = msgspec.field(name="poiId")
    due_at: int = msgspec.field(name="dueAt")


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(TimerDue).decode


async def _nobody(command: RunTimers) -> None:
    invariant(holds=False, what=f"{command} before the start")


class Delays(Observer):
    """The delayed messages of one process. It is told by the engine, as its observer, and tells it."""

    def __init__(
        self,
        bus: Bus,
        *,
        topic: str = TIMERS_TOPIC,
        horizon_seconds: float = HORIZON_SECONDS,
    ) -> None:
        self._bus = bus
        self._topic = topic
        self._horizon_ms = horizon_seconds * 1000
        self._submit: Callable[[RunTimers], Awaitable[object]] = _nobody
        self._waiting: dict[StoreKey, int] = {}
        self._some = asyncio.Event()
        self._publishing: asyncio.Task[None] | None = None
        self._subscription: Subscription | None = None
        self.left_out = 0
        """Timers that got no message, since the start: too far off, too many, or refused."""
        self.published = 0
        """Messages on their way, since the start."""
        self.ran = 0
        """Messages whose store was looked at, since the start."""

    async def start(self, submit: Callable[[RunTimers], Awaitable[object]]) -> None:
        """Begin to publish, and to consume for the engine. A bus that isn't there yet is waited for."""
        self._submit = submit
        self._publishing = asyncio.create_task(self._publish(), name="delays")

    async def stop(self) -> None:
        """Messages that wait are left to the engine's timers."""
        if self._publishing is not None:
            self._publishing.cancel()
            await asyncio.gather(self._publishing, return_exceptions=True)
        if self._subscription is not None:
            await self._subscription.close()

    def batch_done(self, report: BatchReport) -> None:
        """It may have set stores' timers."""
        if report.timers:
            self.timers_set(report.timers)

    def timers_set(self, timers: Sequence[tuple[StoreKey, int]]) -> None:
        """These stores' timers are set to these instants."""
        horizon = time.time() * 1000 + self._horizon_ms
        for store, due_at in timers:
            if due_at > horizon or (len(self._waiting) >= _WAITING_MAX and store not in self._waiting):
                self.left_out += 1
            else:
                self._waiting[store] = due_at
        if self._waiting:
            self._some.set()

    async def _publish(self) -> None:
        pause = 0.1
        while True:
            try:
                if self._subscription is None:
                    self._subscription = await self._bus.subscribe(self._topic, CONSUMERS, self._due)
                await self._some.wait()
                await self._publish_waiting()
            except BusUnavailable as away:
                _log.debug("delayed messages wait: %s", away)
                await asyncio.sleep(pause)
                pause = min(30.0, pause * 2)
            else:
                pause = 0.1

    async def _publish_waiting(self) -> None:
        while self._waiting:
            store, due_at = next(iter(self._waiting.items()))
            body = _encode(TimerDue(store.brand_id, store.poi_id, due_at))
            key = f"{store.brand_id}/{store.poi_id}"
            try:
                await self._bus.publish(BusMessage(self._topic, body, key=key, deliver_at=due_at + _LATE_MS))
                self.published += 1
            except MessageRefused as refused:
                _log.warning("the timer of %s got no message: %s", key, refused)
                self.left_out += 1
            if self._waiting.get(store) == due_at:
                del self._waiting[store]
        self._some.clear()

    async def _due(self, messages: Sequence[BusMessage]) -> None:
        """A store that can't be looked at now is looked at by the engine's timers: no message comes again for it."""
        for message in messages:
            try:
                timer = _decode(message.body)
                await self._submit(RunTimers(StoreKey.of(timer.brand_id, timer.poi_id), _SUPPOSED_STOCKS))
                self.ran += 1
            except (msgspec.DecodeError, ValueError, EngineFault) as fault:
                _log.info("a delayed message was of no use: %r", fault)
