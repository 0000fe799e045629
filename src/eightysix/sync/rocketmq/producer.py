"""Publishes to the brokers: one request of a queue at a time, with all that has come for it meanwhile.

A group's messages go to one queue, so they are stored in their order; the queues take turns, over one connection a
broker. What isn't answered in time, or by a broker that is gone, has failed together with all that waits
behind it: who publishes tries again, with pauses.
"""

import asyncio
import hashlib
import itertools
from collections import deque
from collections.abc import Sequence
from functools import partial

import msgspec

from eightysix.sync.bus import BusMessage, BusUnavailable, MessageRefused
from eightysix.sync.refusal import refuse
from eightysix.sync.topics import Kind

from .channel import Channel
from .link import Link
from .remoting import SUCCESS, Answer, RemotingFailed
from .routes import Queue, Routes
from .sent import ALONE, TOGETHER, Sent, header, sent, together

_TOGETHER_MAX = 64
_TOGETHER_BYTES_MAX = 512 * 1024
"""Of a batch; the broker takes eight times that."""

_AT_ONCE = 2
"""Requests to a broker that are not answered. What comes meanwhile goes together, and a request costs more than what is
in it; so the more there is to do, the less each message costs."""

_ROUTE_SECONDS = 30.0
"""After which a topic's queues are looked up again."""

_ILLEGAL = 13
"""The broker's word for a message that it will never take."""

_NORMAL = "NORMAL"


class _Waiting(msgspec.Struct, eq=False):
    message: Sent
    future: "asyncio.Future[None]"
    by_itself: bool


class _Line:
    """What waits to be sent to a queue."""

    def __init__(self, topic: str, queue: Queue) -> None:
        self.topic = topic
        self.queue = queue
        self.waiting: deque[_Waiting] = deque()
        self.is_busy = False

    def take(self) -> list[_Waiting]:
        """What goes next: one, or many that may go together. Whoever has given up is left out."""
        taken, size = list[_Waiting](), 0
        while self.waiting and len(taken) < _TOGETHER_MAX:
            next_one = self.waiting[0]
            if next_one.future.done():
                self.waiting.popleft()
                continue
            size += next_one.message.size
            if taken and (next_one.by_itself or size > _TOGETHER_BYTES_MAX):
                break
            taken.append(self.waiting.popleft())
            if next_one.by_itself:
                break
        return taken

    def fail(self, taken: Sequence[_Waiting], reason: str) -> None:
        """What was sent and all that waits have failed."""
        for each in (*taken, *self.waiting):
            if not each.future.done():
                each.future.set_exception(BusUnavailable(reason))
        self.waiting.clear()


class _Way:
    """To a broker: the lines whose turn it is next, and how many requests it hasn't answered."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.turns: deque[_Line] = deque()
        self.asked = 0


class _Known(msgspec.Struct):
    """A topic: what its messages are like, its lines, and when that was last looked up."""

    kind: str
    lines: list[_Line]
    at: float


class Producer:
    """One for all topics."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes
        self._loop = asyncio.get_running_loop()
        self._ways: dict[str, _Way] = {}
        self._lines: dict[tuple[str, Queue], _Line] = {}
        self._topics: dict[str, _Known] = {}
        self._finding: dict[str, asyncio.Task[_Known]] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._turn = itertools.count()
        self._moved = asyncio.Event()

    async def publish(self, message: BusMessage) -> None:
        """As the port says."""
        refuse(message)
        topic = self._topics.get(message.topic) or await self._found(message.topic)
        if self._loop.time() - topic.at > _ROUTE_SECONDS:
            topic.at = self._loop.time()
            self._look(message.topic)
        kind = Kind.FIFO if message.group else _NORMAL if message.deliver_at is None else Kind.DELAY
        if kind != topic.kind or not topic.lines:
            raise BusUnavailable(f"topic {message.topic} is not what `eightysix bus-setup` makes it")
        line = topic.lines[self._number(message.group) % len(topic.lines)]
        made = sent(message)
        waiting = _Waiting(made, self._loop.create_future(), made.by_itself)
        line.waiting.append(waiting)
        if not line.is_busy:  # what else is published before the loop comes round goes with it
            line.is_busy = True
            self._loop.call_soon(self._send, line)
        await waiting.future

    async def close(self) -> None:
        """What is on its way arrives, or fails, first."""
        while any(line.is_busy for line in self._lines.values()):
            self._moved.clear()
            await self._moved.wait()
        for finding in self._finding.values():
            finding.cancel()
        for way in self._ways.values():
            way.link.close()

    def _number(self, group: str) -> int:
        """Every producer must send a group to the same queue."""
        return int.from_bytes(hashlib.sha256(group.encode()).digest()[:8]) if group else next(self._turn)

    # --- where to

    async def _found(self, topic: str) -> _Known:
        try:
            return await asyncio.shield(self._look(topic))
        except RemotingFailed as error:
            raise BusUnavailable(f"no route to topic {topic}: {error}") from error

    def _look(self, topic: str) -> "asyncio.Task[_Known]":
        finding = self._finding.get(topic)
        if finding is None:
            finding = self._finding[topic] = asyncio.create_task(self._find(topic), name=f"route to {topic}")
            finding.add_done_callback(lambda done: done.cancelled() or done.exception())  # perhaps nobody waits for it
        return finding

    async def _find(self, topic: str) -> _Known:
        try:
            queues = (await self._routes.find(topic)).writable
            kind = await self._routes.kind(topic, queues[0].address) if queues else ""
            lines = [self._lines.setdefault((topic, queue), _Line(topic, queue)) for queue in queues]
            found = self._topics[topic] = _Known(kind, lines, self._loop.time())
            return found
        finally:
            del self._finding[topic]

    # --- what goes

    def _send(self, line: _Line) -> None:
        if not line.waiting:
            line.is_busy = False
            self._moved.set()
            return
        way = self._ways.get(line.queue.address)
        if way is None:
            way = self._ways[line.queue.address] = _Way(Link(line.queue.address))
        way.turns.append(line)
        self._go_on(way)

    def _go_on(self, way: _Way) -> None:
        while way.turns and way.asked < _AT_ONCE:
            line = way.turns.popleft()
            channel = way.link.channel
            if channel is None:
                opening = asyncio.create_task(self._open(way.link, line), name=f"to send to {line.queue}")
                self._opening.add(opening)
                opening.add_done_callback(self._opening.discard)
                continue
            taken = line.take()
            if not taken:  # all have given up
                self._send(line)
                continue
            way.asked += 1
            self._ask(channel, line, taken).add_done_callback(partial(self._told, way, line, taken))

    def _ask(self, channel: Channel, line: _Line, taken: Sequence[_Waiting]) -> "asyncio.Future[Answer]":
        messages = [each.message for each in taken]
        if len(messages) == 1:
            fields = header(line.topic, line.queue.number, properties=messages[0].properties, is_batch=False)
            return channel.ask(ALONE, fields, messages[0].body)
        fields = header(line.topic, line.queue.number, properties="", is_batch=True)
        return channel.ask(TOGETHER, fields, together(messages))

    async def _open(self, link: Link, line: _Line) -> None:
        try:
            await link.opened()
        except RemotingFailed as error:
            self._failed(line, (), str(error))
        self._send(line)

    def _told(self, way: _Way, line: _Line, taken: list[_Waiting], future: "asyncio.Future[Answer]") -> None:
        way.asked -= 1
        error = future.exception()
        if error is not None:
            self._failed(line, taken, str(error))
        elif (answer := future.result()).code == SUCCESS:
            for each in taken:
                if not each.future.done():
                    each.future.set_result(None)
        elif answer.code == _ILLEGAL and len(taken) > 1:  # one of them is to blame
            for each in reversed(taken):
                each.by_itself = True
                line.waiting.appendleft(each)
        elif answer.code == _ILLEGAL:
            if not taken[0].future.done():
                taken[0].future.set_exception(MessageRefused(answer.reason))
        else:
            self._failed(line, taken, f"{line.queue.address}: {answer.reason}")
        self._send(line)
        self._go_on(way)

    def _failed(self, line: _Line, taken: Sequence[_Waiting], reason: str) -> None:
        """The topic may be elsewhere by now: who publishes next looks."""
        self._topics.pop(line.topic, None)
        line.fail(taken, reason)
