"""The stores' streams of one process, and all that reaches them: messages from the bus, the clock, what others say.

Two tasks serve all streams. The ticker sends heartbeats, ends streams whose key opens nothing any more, cuts off who
takes nothing, and begins anew where a new generation of the database was begun. The net compares the streams' places
with the stores' heads, set-based: what a head says at one look must have come by the next one, or it is read from the
database. So a message that is lost, by whomever, is late by two looks at most.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from time import monotonic

import msgspec

from eightysix.catalog.catalog import Catalog
from eightysix.core.change import Head
from eightysix.core.key import StoreKey
from eightysix.storage.following import Following
from eightysix.storage.port import StorageFault
from eightysix.wire.event import frame
from eightysix.wire.grant import RECALLS_TOPIC
from eightysix.wire.message import STOCK_TOPIC, group_of

from .bus import Bus, BusMessage, Subscription
from .catching_up import CatchingUp
from .stream import Counts, Stream, Told

_log = logging.getLogger(__name__)

TICK_SECONDS = 0.5

HEARD_SECONDS = 0.1
"""So long the bus has to bring what another process told of; then it is read from the database."""


Work = Callable[[], Awaitable[None]]


class GatewayLimits(msgspec.Struct, frozen=True):
    """`check_seconds`: between two looks of the net. `stall_seconds`: who takes nothing for so long is cut off."""

    heartbeat_seconds: float = 15.0
    check_seconds: float = 2.0
    stall_seconds: float = 30.0
    streams: int = 10_000


class _Head(msgspec.Struct, frozen=True, gc=False):
    """Of a message, what says where it belongs."""

    eventType: str  # noqa: N815 - as it stands on the wire
    seq: int
    prev_seq: int


_read_head = msgspec.json.Decoder(_Head).decode


class Room:
    """The streams of one store; `waits`: it was told of a change that the bus hasn't brought yet."""

    __slots__ = ("store", "streams", "waits")

    def __init__(self, store: StoreKey) -> None:
        self.store = store
        self.streams: list[Stream] = []
        self.waits = False


class Gateway:
    """Joined by each stream for as long as it runs."""

    def __init__(
        self, following: Following, catalog: Catalog, catching_up: CatchingUp, limits: GatewayLimits | None = None
    ) -> None:
        self._following = following
        self._catalog = catalog
        self.catching_up = catching_up
        self.limits = limits or GatewayLimits()
        self.counts = Counts()
        self._rooms: dict[str, Room] = {}
        self._streams = 0
        self._generation = catalog.generation
        self._heard: dict[str, Room] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._subscriptions: list[Subscription] = []
        self.is_open = False

    @property
    def streams(self) -> int:
        """How many there are."""
        return self._streams

    @property
    def stores(self) -> list[StoreKey]:
        """Those that have a stream here."""
        return [room.store for room in self._rooms.values()]

    async def start(self, bus: Bus, owner: str) -> None:
        """Listen, as a group of consumers of this process alone: each gateway needs every message."""
        self._subscriptions = [
            await bus.subscribe(STOCK_TOPIC, f"gateway-{owner}", self.handle),
            await bus.subscribe(RECALLS_TOPIC, f"gateway-recalls-{owner}", self.recall),
        ]
        self._tasks = [
            asyncio.create_task(self._every(TICK_SECONDS, self._tick), name="gateway ticker"),
            asyncio.create_task(self._every(self.limits.check_seconds, self.check), name="gateway net"),
        ]
        self.is_open = True

    async def close(self) -> None:
        """End all streams, take no more."""
        self.is_open = False
        for stream in self._all():
            stream.close()
        await self.deafen()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def deafen(self) -> None:
        """Hear nothing of the bus any more: what changes is found by the net alone."""
        subscriptions, self._subscriptions = self._subscriptions, []
        for each in subscriptions:
            await each.close()

    @contextlib.contextmanager
    def joined(self, stream: Stream) -> Iterator[None]:
        """The stream hears of its store."""
        group = group_of(stream.store)
        room = self._rooms.get(group)
        if room is None:
            room = self._rooms[group] = Room(stream.store)
        room.streams.append(stream)
        self._streams += 1
        self.counts.opened += 1
        try:
            yield
        finally:
            self._streams -= 1
            room.streams.remove(stream)
            if not room.streams and self._rooms.get(group) is room:
                del self._rooms[group]

    async def handle(self, messages: Sequence[BusMessage]) -> None:
        """Messages from the bus; those of stores without a stream here cost a look into a dictionary."""
        self._heed_generation()
        for sent in messages:
            room = self._rooms.get(sent.group)
            if room is None:
                continue
            room.waits = False
            try:
                head = _read_head(sent.body)
            except msgspec.MsgspecError as error:  # again it would be the same; what it was about is in the database
                _log.warning("a message about %s can't be read: %s", room.store, error)
                for stream in room.streams:
                    stream.catch_up()
                continue
            event = frame(self.catching_up.text(head.seq), head.eventType, sent.body)
            told = Told(head.seq, head.prev_seq, event)
            for stream in room.streams:
                stream.tell(told)

    async def recall(self, messages: Sequence[BusMessage]) -> None:
        """Online orders go short of what the store's hub holds; what isn't heard now is never heard."""
        for sent in messages:
            room = self._rooms.get(sent.group)
            for stream in () if room is None else room.streams:
                stream.recall(sent.body)

    def hear(self, stores: Sequence[StoreKey]) -> None:
        """Another process has committed changes of these stores; of any, where none is named. Where the bus brings
        nothing of one shortly, as where there is none between the processes, it is read from the database."""
        groups = [group_of(store) for store in stores] or list(self._rooms)
        was_quiet = not self._heard
        for group in groups:
            room = self._rooms.get(group)
            if room is not None:
                room.waits = True
                self._heard[group] = room
        if was_quiet and self._heard:
            asyncio.get_running_loop().call_later(HEARD_SECONDS, self._follow_up)

    def of(self, store: StoreKey) -> Sequence[Stream]:
        """The store's streams here."""
        room = self._rooms.get(group_of(store))
        return () if room is None else room.streams

    def has(self, store: StoreKey, device_id: str) -> bool:
        """Whether the device has a stream here."""
        return any(stream.device_id == device_id for stream in self.of(store))

    async def check(self) -> None:
        """One look of the net at all stores that have streams."""
        places = [(stream, stream.place) for stream in self._all()]
        if not places:
            return
        seen = await self._following.heads(self.stores)
        for stream, place in places:
            found = seen.get(stream.store)
            head = Head() if found is None else found.head
            if not stream.is_idle:
                stream.suspect = 0
            elif place > head.seq:  # where it was before the look: by now it may rightly be further
                stream.restart()
            elif stream.place < stream.suspect:
                self.counts.repaired += 1
                stream.catch_up()
            else:
                stream.suspect = head.outbox_seq

    def _follow_up(self) -> None:
        heard, self._heard = self._heard, {}
        for room in heard.values():
            if not room.waits:
                continue
            room.waits = False
            for stream in room.streams:
                stream.catch_up()

    async def _tick(self) -> None:
        now, limits = monotonic(), self.limits
        self._heed_generation()
        for stream in self._all():
            if not stream.welcome():
                self.counts.cut_key += 1
                stream.close()
            elif stream.sending_since is not None:
                if now - stream.sending_since > limits.stall_seconds:
                    stream.cut_slow()
            elif now - stream.sent_at >= limits.heartbeat_seconds and not stream.beat:
                stream.heartbeat()

    def _heed_generation(self) -> None:
        """Nobody gets a cursor of a new generation before they were told that it has begun."""
        if self._catalog.generation != self._generation:
            self._generation = self._catalog.generation
            for stream in self._all():
                stream.restart()

    def _all(self) -> list[Stream]:
        return [stream for room in self._rooms.values() for stream in room.streams]

    async def _every(self, seconds: float, work: Work) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await work()
            except StorageFault as fault:
                _log.warning("the gateway looks again later: %s", fault)
            except Exception:  # noqa: BLE001 - were this loop to end, a revoked key's stream would go on
                _log.exception("the gateway looks again later")
