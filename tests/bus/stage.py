"""What the contract is played on: a bus of each kind, topics of the test's own, and inboxes that remember."""

import asyncio
import contextlib
import secrets
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from eightysix.sync.bus import Bus, BusMessage, BusUnavailable
from eightysix.sync.bus_url import addresses
from eightysix.sync.local_bus import LocalBus
from eightysix.sync.rocketmq.rocketmq import RocketMQ
from eightysix.sync.topics import Kind, Topic

SECONDS = 60.0
"""How long anything may take; nothing that works takes a tenth of it on an idle machine."""


class Stage(ABC):
    """One kind of bus. What it can is declared, not found out."""

    persistent: bool
    """What was published while no consumer was there arrives later."""
    unhandled_max: int
    """How many messages are handed over and not handled at most; 0 where publishers wait for handlers."""

    def __init__(self) -> None:
        mark = secrets.token_hex(4)
        self.topic = f"stock_{mark}"
        self.delayed_topic = f"timers_{mark}"
        self._opened: list[Bus] = []

    @property
    def topics(self) -> tuple[Topic, ...]:
        """With two durable groups of consumers, and one on the delayed topic."""
        return (
            Topic(self.topic, Kind.FIFO, ("gateway", "webhooks")),
            Topic(self.delayed_topic, Kind.DELAY, ("timers",)),
        )

    @abstractmethod
    async def bus(self) -> Bus:
        """A bus as one process has it. A second one is a second process, where there can be one."""

    def message(self, number: int, group: str = "6.sesame/1") -> BusMessage:
        """Of the topic that keeps the order."""
        return BusMessage(self.topic, str(number).encode(), group, f"key {number}")

    async def close(self) -> None:
        """Every bus that was opened. Handlers that a failed test left waiting are left."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(20):
                await asyncio.gather(*(bus.close() for bus in self._opened))


class LocalStage(Stage):
    """One bus, for there is one process."""

    persistent = False
    unhandled_max = 0

    async def bus(self) -> Bus:
        """The same each time."""
        if not self._opened:
            self._opened.append(LocalBus())
        return self._opened[0]


class RocketMQStage(Stage):
    """On a running RocketMQ."""

    persistent = True
    unhandled_max = 8 * 32

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    async def bus(self) -> RocketMQ:
        """A new one, its topics made."""
        bus = RocketMQ(addresses(self.url), self.topics)
        await bus.set_up()
        self._opened.append(bus)
        return bus


class Inbox:
    """A handler that remembers what it got, and may be told to wait or to fail first."""

    def __init__(self, before: Callable[[BusMessage], None] | None = None) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.got: list[BusMessage] = []
        self.called = 0
        self.running: Counter[str] = Counter()
        self._before = before
        self._changed = asyncio.Event()

    async def __call__(self, messages: Sequence[BusMessage]) -> None:
        group = messages[0].group
        assert {message.group for message in messages} == {group}
        self.called += len(messages)
        self.running[group] += 1
        assert self.running[group] == 1 or not group, "one call of a group at a time"
        self._changed.set()
        try:
            await self.open.wait()
            for message in messages:
                if self._before is not None:
                    self._before(message)
            self.got += messages
        finally:
            self.running[group] -= 1
            self._changed.set()

    async def until(self, condition: Callable[[], bool], seconds: float = SECONDS) -> None:
        """Wait until what it got fulfils the condition."""
        async with asyncio.timeout(seconds):
            while not condition():
                await self._changed.wait()
                self._changed.clear()

    async def until_got(self, count: int, seconds: float = SECONDS) -> None:
        """Wait until it got so many different messages."""
        await self.until(lambda: len(self.firsts()) >= count, seconds)

    def firsts(self) -> list[BusMessage]:
        """What it got, without repeats, in the order of the first deliveries."""
        return list({(message.group, message.body): message for message in self.got}.values())

    def numbers(self, group: str) -> list[int]:
        """The numbers of a group, without repeats, in that order."""
        return [int(message.body) for message in self.firsts() if message.group == group]


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = SECONDS) -> None:
    """Look again and again until it is so."""
    async with asyncio.timeout(seconds):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.02)


async def publish(bus: Bus, messages: Sequence[BusMessage], seconds: float = SECONDS, *, at_once: int = 1) -> None:
    """One after the other, or several at once, as often as it takes: what a relay does with the messages of a store."""
    async with asyncio.timeout(seconds):
        for at in range(0, len(messages), at_once):
            pause = 0.02
            while True:
                try:
                    await bus.publish(*messages[at : at + at_once])
                    break
                except BusUnavailable:
                    await asyncio.sleep(pause)
                    pause = min(1.0, pause * 2)
