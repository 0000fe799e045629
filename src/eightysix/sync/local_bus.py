"""The bus within one process: who publishes waits until everybody has handled the message.

It keeps nothing. A message that could not be handled is BusUnavailable for its publisher, who has it in the outbox and
publishes again; one without a subscription is gone. Delayed messages stand in the loop's timers and are lost when the
process ends, which is why they are never the only trigger of anything.
"""

import asyncio
import itertools
import logging
import time
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from math import inf

from eightysix.core.invariant import InvariantError, invariant

from .bus import Bus, BusMessage, BusUnavailable, Handler, MessageRefused, Subscription
from .group_turns import GroupTurns
from .refusal import refuse

_log = logging.getLogger(__name__)

_AGAIN_SECONDS = 1.0
"""Until a delayed message, which has no publisher any more, is handed over again after a failure."""

_QUICK_SECONDS = 0.001

_SLEEP_SECONDS_MAX = 86_400.0
"""Timers further off than this go stepwise, so that a clock that was set is noticed."""


_Messages = Sequence[BusMessage]
"""One, or several of one group."""


class LocalBus(Bus):
    """One for the whole process, used on its event loop."""

    at_once = 32

    def __init__(self) -> None:
        self._topics: dict[str, dict[str, _Consumers]] = {}
        self._delayed: set[asyncio.Task[None]] = set()
        self._asleep: set[asyncio.Task[None]] = set()
        self._besides: set[asyncio.Task[None]] = set()
        self._running = 0
        self._idle = asyncio.Event()
        self._closed = False

    async def publish(self, *messages: BusMessage) -> None:
        """Return once one subscription of each group of consumers has handled the messages.

        Of a delayed one: at once. Raises BusUnavailable where a handler failed, MessageRefused where one says that it
        will never take one of them; the others may have handled them.
        """
        if self._closed:
            raise BusUnavailable("the bus is closed")
        first = messages[0]
        for message in messages:
            refuse(message)
            invariant(
                message is first or (message.topic == first.topic and message.group == first.group != ""),
                "several messages are of one group",
            )
        if first.deliver_at is not None:
            task = asyncio.create_task(self._later(first, first.deliver_at), name="delayed message")
            for tasks in (self._delayed, self._asleep):
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            return
        await self._hand_over(messages)

    async def subscribe(self, topic: str, consumers: str, handle: Handler) -> Subscription:
        """Have the messages that are published from now on handled."""
        if self._closed:
            raise BusUnavailable("the bus is closed")
        return self._topics.setdefault(topic, {}).setdefault(consumers, _Consumers(consumers)).join(handle)

    async def close(self) -> None:
        """Take no more messages; return when no handler runs. Delayed messages that are not due are lost."""
        self._closed = True
        for task in tuple(self._asleep):
            task.cancel()
        await asyncio.gather(*self._delayed, return_exceptions=True)
        while self._running:
            self._idle.clear()
            await self._idle.wait()
        self._topics.clear()

    async def _hand_over(self, messages: _Messages) -> None:
        """First to those who were quick last time, one by one: a task for each would cost more than they do. Then to
        the others, all at once."""
        everybody = self._topics.get(messages[0].topic)
        if not everybody:
            return
        waiting, slow = _by_speed(everybody.values())
        failures: list[BaseException] = []
        self._running += 1
        try:
            while waiting:
                try:
                    await waiting.popleft().hand_over(messages)
                except asyncio.CancelledError:
                    self._tell_besides([*waiting, *slow], messages)
                    raise
                except Exception as error:  # noqa: BLE001 - the others are to handle it nevertheless
                    failures.append(error)
            if slow:
                told = await asyncio.gather(*(each.hand_over(messages) for each in slow), return_exceptions=True)
                failures += [each for each in told if isinstance(each, BaseException)]
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()
        if failures:  # what comes again comes to those, too, who refuse it
            raise next((each for each in failures if isinstance(each, BusUnavailable)), failures[0])

    def _tell_besides(self, waiting: Iterable["_Consumers"], messages: _Messages) -> None:
        """The publisher has given up on one that doesn't come to an end: those behind it hear the messages anyway."""
        for consumers in waiting:
            task = asyncio.create_task(consumers.hand_over(messages), name="messages besides")
            self._besides.add(task)
            task.add_done_callback(self._besides_done)

    def _besides_done(self, task: asyncio.Task[None]) -> None:
        self._besides.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.warning("a message that nobody waited for was not handled: %r", task.exception())

    async def _later(self, message: BusMessage, deliver_at: int) -> None:
        wait = deliver_at / 1000 - time.time()
        while wait > 0:
            await asyncio.sleep(min(wait, _SLEEP_SECONDS_MAX))
            wait = deliver_at / 1000 - time.time()
        me = asyncio.current_task()
        if me is None:
            raise InvariantError("a delayed message outside of its task")
        while not self._closed:
            self._asleep.discard(me)
            try:
                await self._hand_over((message,))
            except BusUnavailable:
                self._asleep.add(me)
                await asyncio.sleep(_AGAIN_SECONDS)
            except MessageRefused:
                _log.exception("a delayed message of %s is given up", message.topic)
                return
            else:
                return


class _Consumers:
    """The subscriptions that share a topic's messages. Of a group they have one in hand at a time."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._members: list[_Member] = []
        self._turn = itertools.count()
        self._groups = GroupTurns()
        self.took = inf
        """How long the last message of a group took, in seconds."""

    def join(self, handle: Handler) -> "_Member":
        member = _Member(self, handle)
        self._members.append(member)
        return member

    def leave(self, member: "_Member") -> None:
        if member in self._members:
            self._members.remove(member)

    async def hand_over(self, messages: _Messages) -> None:
        group = messages[0].group
        if not group:
            await self._handled(next(self._turn), messages)
            return
        if not self._groups.take(group):
            await self._groups.wait(group)
        started = time.monotonic()
        try:
            await self._handled(hash(group), messages)
        finally:
            self.took = time.monotonic() - started
            self._groups.give(group)

    async def _handled(self, number: int, messages: _Messages) -> None:
        if not self._members:
            return
        member = self._members[number % len(self._members)]
        try:
            await member.call(messages)
        except MessageRefused:  # it won't be handled later either: its publisher parks it, and its group goes on
            raise
        except Exception as error:
            _log.warning("%s could not handle a message of %s: %r", self._name, messages[0].topic, error)
            raise BusUnavailable(f"{self._name} could not handle it") from error


def _by_speed(everybody: Collection[_Consumers]) -> tuple[deque[_Consumers], list[_Consumers]]:
    """Who is told one by one, and who at once; of one who is slow alone there is nothing to be told at once."""
    slow = [consumers for consumers in everybody if consumers.took > _QUICK_SECONDS]
    if not slow:
        return deque(everybody), slow
    quick = deque(consumers for consumers in everybody if consumers.took <= _QUICK_SECONDS)
    if len(slow) == 1:
        quick.append(slow.pop())
    return quick, slow


class _Member(Subscription):
    def __init__(self, consumers: _Consumers, handle: Handler) -> None:
        self._consumers = consumers
        self._handle = handle
        self._running = 0
        self._idle = asyncio.Event()

    async def call(self, messages: _Messages) -> None:
        self._running += 1
        try:
            await self._handle(messages)
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()

    async def close(self) -> None:
        """No more calls of the handler; those running come to their end."""
        self._consumers.leave(self)
        while self._running:
            self._idle.clear()
            await self._idle.wait()
