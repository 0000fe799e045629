"""The HTTP load: a process of its own that costs little, so that it takes little from what it measures.

Raw protocols on uvloop, keep-alive, one request in flight a connection; of an answer only its status and length are
read. Run as ``python -m eightysix.cli.benching.http_client`` with an `Assignment` as JSON on standard input; the answer
is JSON too.
"""

import asyncio
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import cast

import msgspec
import uvloop

from eightysix.cli.benching.process import cpu_seconds
from eightysix.cli.benching.requests import Order, OrderBook
from eightysix.cli.benching.sample import CpuShare, Latency, Sample, latency_of
from eightysix.cli.benching.workload import Load

_PAY_AFTER_SECONDS = 1.0
"""How long an order of the steady load stays locked before it is deducted."""


class Assignment(msgspec.Struct, frozen=True):
    """What this process is to do. With `rate` requests go out by the clock, else when the last one is answered."""

    load: Load
    host: str
    port: int
    key: str
    rate: int | None = None
    service: int | None = None
    """The service's process id, to see what CPU time it uses."""
    database: int | None = None
    """The database's process id."""


class Finding(msgspec.Struct, frozen=True):
    """What came of it. The latencies by verb are of a steady load only."""

    sample: Sample
    lock: Latency | None = None
    deduct: Latency | None = None
    late: Latency | None = None
    """How late requests left this process, by the clock: part of each latency, and no fault of the service."""


Answered = Callable[["Connection", int, bytes], None]
Lost = Callable[["Connection"], None]


class Connection(asyncio.Protocol):
    """One kept connection; `answered(connection, status, answer)` is called for each whole answer, `lost` when the
    service ends it."""

    def __init__(self, answered: Answered, lost: Lost) -> None:
        self._answered = answered
        self._lost = lost
        self._received = b""
        self._closing = False
        self.order: Order | None = None
        self.paying = False
        self.started_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(
            asyncio.Transport, transport
        )  # a TCP connection has no other; uvloop's is of no base class
        self.send = self._transport.write

    def data_received(self, data: bytes) -> None:
        if self._received:
            data = self._received + data
        head_end = data.find(b"\r\n\r\n")
        if head_end < 0 or len(data) < head_end + 4 + _content_length(data, head_end):
            self._received = data
            return
        self._received = b""
        self._answered(self, int(data[9:12]), data)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if not self._closing:
            self._lost(self)

    def close(self) -> None:
        """Ends the connection."""
        self._closing = True
        self._transport.close()


def _content_length(data: bytes, head_end: int) -> int:
    at = data.find(b"content-length:", 0, head_end)
    if at < 0:
        at = data.find(b"Content-Length:", 0, head_end)
    if at < 0:
        raise ValueError(f"an answer without a length: {data[:head_end]!r}")
    return int(data[at + 15 : data.index(b"\r\n", at)])


class Tally:
    """What was seen between the start and the end of the measurement."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.failed = 0
        self.failure: str | None = None

    def refuse(self, status: int, answer: bytes) -> None:
        """An answer other than 200."""
        self.failed += 1
        if self.failure is None:
            body = answer[answer.find(b"\r\n\r\n") + 4 :][:300].decode(errors="replace")
            self.failure = f"{status} {body}"

    def lose(self) -> None:
        """A connection that the service ended."""
        self.failed += 1
        self.failure = self.failure or "the service closed a connection"


class ClosedLoop:
    """Each client sends its next request when the last one is answered: what the service can do at most."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._book = OrderBook(assignment.load, f"{assignment.host}:{assignment.port}", assignment.key)
        self._life = assignment.load.verb == "life"
        self._tally = Tally()
        self._stopping = False
        self._busy = 0
        self._done = asyncio.Event()

    async def run(self) -> Finding:
        """Warms up, measures, lets what is under way end."""
        load = self._assignment.load
        connections = await _connect(self._assignment, self._answered, self._lost, load.clients)
        for connection in connections:
            self._busy += 1
            self._begin(connection)
        await asyncio.sleep(load.warmup_seconds)
        self._tally = tally = Tally()
        before, started_at = _cpu(self._assignment), time.perf_counter()
        await asyncio.sleep(load.seconds)
        self._tally = Tally()
        ended_at, after = time.perf_counter(), _cpu(self._assignment)
        self._stopping = True
        await asyncio.wait_for(self._done.wait(), 30)
        for connection in connections:
            connection.close()
        sample = Sample(
            len(tally.seconds), ended_at - started_at, tally.failed, tally.failure, latency_of(tally.seconds),
            _difference(before, after),
        )  # fmt: skip
        return Finding(sample)

    def _begin(self, connection: Connection) -> None:
        connection.order = order = self._book.next()
        connection.paying = False
        connection.started_at = time.perf_counter()
        connection.send(order.lock)

    def _answered(self, connection: Connection, status: int, answer: bytes) -> None:
        if status != 200:
            self._tally.refuse(status, answer)
        elif self._life and not connection.paying and connection.order is not None:
            connection.paying = True
            connection.send(connection.order.deduct)
            return
        else:
            self._tally.seconds.append(time.perf_counter() - connection.started_at)
        if not self._stopping:
            self._begin(connection)
            return
        self._rest()

    def _lost(self, connection: Connection) -> None:
        del connection
        self._tally.lose()
        self._rest()

    def _rest(self) -> None:
        self._busy -= 1
        if self._busy == 0:
            self._done.set()


class _Due(msgspec.Struct, gc=False):
    """A request of the steady load: when it should leave, what it is, and whether it is for the record."""

    at: float
    order: Order
    paying: bool
    measured: bool


class SteadyLoad:
    """Requests by the clock: by turns a lock, and the deduct of an order locked a second before.

    A latency counts from the instant at which the clock wanted the request to leave: a service that stalls makes all
    the requests late that should have left meanwhile, and they count (no coordinated omission).
    """

    def __init__(self, assignment: Assignment, rate: int) -> None:
        self._assignment = assignment
        self._rate = rate
        self._book = OrderBook(assignment.load, f"{assignment.host}:{assignment.port}", assignment.key)
        self._idle: list[Connection] = []
        self._waiting: deque[_Due] = deque()
        self._locked: deque[tuple[float, Order]] = deque()
        self._under_way: dict[Connection, _Due] = {}
        self._tally = Tally()
        self._locks: list[float] = []
        self._deducts: list[float] = []
        self._late: list[float] = []
        self._turn = False

    async def run(self) -> Finding:
        """Sends for warming up, then `seconds` long for the record."""
        load = self._assignment.load
        self._idle = await _connect(self._assignment, self._answered, self._lost, load.clients)
        connections = list(self._idle)
        start = time.perf_counter()
        unmeasured = round((load.warmup_seconds + _PAY_AFTER_SECONDS) * self._rate)
        await self._send_by_the_clock(start, 0, unmeasured)
        before = _cpu(self._assignment)
        await self._send_by_the_clock(start, unmeasured, unmeasured + round(load.seconds * self._rate))
        after = _cpu(self._assignment)
        ended_at = time.perf_counter()
        while self._under_way or self._waiting:
            await asyncio.sleep(0.01)
            if time.perf_counter() > ended_at + 30:
                self._tally.failed += len(self._under_way) + len(self._waiting)
                break
        for connection in connections:
            connection.close()
        both = self._locks + self._deducts
        sample = Sample(
            len(both),
            load.seconds,
            self._tally.failed,
            self._tally.failure,
            latency_of(both),
            _difference(before, after),
        )
        return Finding(sample, latency_of(self._locks), latency_of(self._deducts), latency_of(self._late))

    async def _send_by_the_clock(self, start: float, first: int, end: int) -> None:
        """The requests number `first` to `end`, each when its time has come; `first` 0 is warming up."""
        number = first
        while number < end:
            now = time.perf_counter()
            while number < end and (due_at := start + number / self._rate) <= now:
                self._dispatch(due_at, measured=first > 0)
                number += 1
            await asyncio.sleep(0.001)

    def _dispatch(self, due_at: float, *, measured: bool) -> None:
        self._turn = not self._turn
        if self._turn and self._locked and self._locked[0][0] <= due_at - _PAY_AFTER_SECONDS:
            due = _Due(due_at, self._locked.popleft()[1], paying=True, measured=measured)
        else:
            due = _Due(due_at, self._book.next(), paying=False, measured=measured)
        if self._idle:
            self._send(self._idle.pop(), due)
        else:
            self._waiting.append(due)

    def _send(self, connection: Connection, due: _Due) -> None:
        self._under_way[connection] = due
        if due.measured:
            self._late.append(time.perf_counter() - due.at)
        connection.send(due.order.deduct if due.paying else due.order.lock)

    def _answered(self, connection: Connection, status: int, answer: bytes) -> None:
        due = self._under_way.pop(connection)
        now = time.perf_counter()
        if status != 200:
            self._tally.refuse(status, answer)
        elif due.measured:
            (self._deducts if due.paying else self._locks).append(now - due.at)
        if status == 200 and not due.paying:
            self._locked.append((now, due.order))
        if self._waiting:
            self._send(connection, self._waiting.popleft())
        else:
            self._idle.append(connection)

    def _lost(self, connection: Connection) -> None:
        self._tally.lose()
        if self._under_way.pop(connection, None) is None:
            self._idle.remove(connection)


async def _connect(assignment: Assignment, answered: Answered, lost: Lost, count: int) -> list[Connection]:
    loop = asyncio.get_running_loop()
    made = []
    for _ in range(count):
        _, connection = await loop.create_connection(
            lambda: Connection(answered, lost), assignment.host, assignment.port
        )
        made.append(connection)
    return made


def _cpu(assignment: Assignment) -> CpuShare:
    return CpuShare(time.process_time(), cpu_seconds(assignment.service), cpu_seconds(assignment.database))


def _difference(before: CpuShare, after: CpuShare) -> CpuShare:
    def less(late: float | None, early: float | None) -> float | None:
        return None if late is None or early is None else late - early

    return CpuShare(
        less(after.client, before.client), less(after.service, before.service), less(after.database, before.database)
    )


def main() -> None:
    """Does the assignment of standard input and prints what was found."""
    assignment = msgspec.json.decode(sys.stdin.buffer.read(), type=Assignment)
    finding = uvloop.run(
        (ClosedLoop(assignment) if assignment.rate is None else SteadyLoad(assignment, assignment.rate)).run()
    )
    sys.stdout.buffer.write(msgspec.json.encode(finding))


if __name__ == "__main__":
    main()
