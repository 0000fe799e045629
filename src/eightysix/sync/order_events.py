"""The order service's messages: each does what the same call of HTTP would, strictly in the order of its order.

A message counts as consumed once its event is done, written down and answered; or waits in the database for those
before it; or is parked with the reason. Whatever may pass (the database or the bus is away, too many commands wait) is
raised, so that the bus delivers again. Nothing is dropped.

    arrives ── unreadable, too old, another event of that number ──────────────> parked
       │ ── done before ────────────────────────────> answered again, with the same answer
       │ ── early, or of an unknown store ──> waits ── too long ──> parked too, and done all the same when it can be
       └─ its turn ──> command ──> written with its answer ──> answered ──> consumed
"""

import asyncio
import contextlib
import logging
import random
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from weakref import WeakValueDictionary

from eightysix.core.key import StoreKey
from eightysix.engine import EngineFault
from eightysix.storage.message_parked import ParkedKey, ParkedMessage
from eightysix.storage.order_event import EventState
from eightysix.storage.port import Conflict, Database, StorageFault
from eightysix.wire.language import Language
from eightysix.wire.message import group_of
from eightysix.wire.order_event import ANSWERS_TOPIC, EVENTS_TOPIC, read_event
from eightysix.wire.parked_event import Because, Replayed, because, rejected
from eightysix.wire.problem import Rejection

from .bus import Bus, BusMessage, BusUnavailable, MessageRefused, Subscription
from .order_ledger import Arrived, OrderLedger
from .order_parking import Parking, event_key, unreadable
from .order_run import Known, Means, Processed, StoreRun, Submit, failed, order_of

_log = logging.getLogger(__name__)

CONSUMERS = "stock"
"""The group of consumers: every process that takes events is one of it."""

_SUBSCRIBE_SECONDS = (0.5, 15.0)

_CONFLICTS = 4
_CONFLICT_SECONDS = 0.05
"""How often, and after what time, what stood in another transaction's way is tried."""


class OrderEvents:
    """The consumer of one process.

    `done` counts events by what they were answered, `arrivals` those that were repeated, early or unreadable,
    `parking.parked` what was parked by its reason.
    """

    def __init__(
        self,
        bus: Bus,
        submit: Submit,
        catalog: Known,
        database: Database,
        language: Language = Language.ENGLISH,
    ) -> None:
        self._bus = bus
        self.parking = Parking(database.parked_messages)
        self.done: Counter[str] = Counter()
        self.arrivals: Counter[str] = Counter()
        table = database.order_events
        self.means = Means(bus, submit, catalog, table, self.parking, language, self.done, self.arrivals)
        self._turns: WeakValueDictionary[StoreKey, asyncio.Lock] = WeakValueDictionary()  # of stores at work
        self._subscribing: asyncio.Task[None] | None = None
        self._subscription: Subscription | None = None

    def start(self) -> None:
        """Subscribe, as soon as the bus can be had."""
        self._subscribing = asyncio.create_task(self._subscribe(), name="order events")

    async def stop(self) -> None:
        """Take no more messages; those in hand come to their end."""
        if self._subscribing is not None:
            self._subscribing.cancel()
            await asyncio.wait([self._subscribing])
        if self._subscription is not None:
            await self._subscription.close()

    async def handle(self, messages: Sequence[BusMessage]) -> None:
        """Consume messages of one group. Raises what may pass, after all others have come to their end."""
        by_store: dict[StoreKey, list[Arrived]] = defaultdict(list)
        for message in messages:
            try:
                event = read_event(message.body)
            except Rejection as rejection:
                await self._put_aside(message.body, rejection)
            else:
                by_store[event.store].append(Arrived(event, message.body.decode()))
        results = await asyncio.gather(
            *(self.process(store, arrived) for store, arrived in by_store.items()), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def process(self, store: StoreKey, arrived: Sequence[Arrived]) -> Processed:
        """Do the store's events that arrived, or find out which of them can't be."""
        try:
            return await self._run(store, arrived, ())
        except Exception as error:
            if may_pass(error):
                raise
            if len(arrived) == 1:
                _log.exception("an event of the order service can't be processed")
                event, body = arrived[0].event, arrived[0].body
                key = event_key(store, event.event_id, event.digest)
                return Processed({await self.parking.put_body(key, store, body, failed(error))}, {})
        each = [await self.process(store, [one]) for one in arrived]
        return Processed({key for one in each for key in one.parked}, {})

    async def replay(self, key: ParkedKey) -> Replayed:
        """Process a parked message once more. Raises what may pass; it stays parked then."""
        message = await self.parking.get(key)
        if message is None:
            return "unknown"
        if key.topic == ANSWERS_TOPIC:
            return await self._publish_again(message)
        try:
            event = read_event(message.body.encode())
        except Rejection as rejection:
            await self.parking.put(message, rejected(rejection))
            return "parked"
        done = await self.process(event.store, [Arrived(event, message.body)])
        if key in done.parked:
            return "parked"
        ledger = done.ledgers.get(event.order_id)
        row = None if ledger is None else ledger.row(event.order_seq)
        if row is not None and row.state is EventState.OVERDUE:
            return "waiting"
        await self.parking.drop([key])
        if done.parked:
            return "parked"
        return "processed" if row is None or row.is_done else "waiting"

    async def look_at(self, store: StoreKey, order_ids: Collection[str]) -> Mapping[str, OrderLedger]:
        """Do what waits in these orders, if its turn has come, and answer what may not have been answered; how far the
        orders are."""
        return (await self._run(store, (), order_ids)).ledgers

    async def _run(self, store: StoreKey, arrived: Sequence[Arrived], order_ids: Collection[str]) -> Processed:
        lock = self._turns.get(store)
        if lock is None:
            lock = self._turns[store] = asyncio.Lock()
        async with lock:
            for _ in range(_CONFLICTS - 1):
                with contextlib.suppress(Conflict):
                    return await StoreRun(self.means, store, arrived, order_ids).run()
                await asyncio.sleep(_CONFLICT_SECONDS)
            return await StoreRun(self.means, store, arrived, order_ids).run()

    async def _publish_again(self, message: ParkedMessage) -> Replayed:
        store, answer = message.store, message.body.encode()
        if store is None:
            return "parked"
        try:
            await self._bus.publish(BusMessage(ANSWERS_TOPIC, answer, group_of(store), order_of(answer)))
        except MessageRefused as refused:
            await self.parking.put(message, because(Because.ANSWER_REFUSED, why=str(refused)))
            return "parked"
        await self.parking.drop([message.key])
        return "processed"

    async def _put_aside(self, body: bytes, rejection: Rejection) -> None:
        reason = rejected(rejection)
        self.arrivals["unreadable"] += 1
        await self.parking.put(unreadable(body, reason), reason)

    async def _subscribe(self) -> None:
        least, most = _SUBSCRIBE_SECONDS
        wait = least
        while self._subscription is None:
            with contextlib.suppress(BusUnavailable):
                self._subscription = await self._bus.subscribe(EVENTS_TOPIC, CONSUMERS, self.handle)
                return
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 - a jitter
            wait = min(most, 2 * wait)


def may_pass(error: Exception) -> bool:
    """Whether the same message may be processed if it is delivered again."""
    if isinstance(error, (StorageFault, EngineFault)):
        return error.retryable
    return isinstance(error, (BusUnavailable, OSError))
