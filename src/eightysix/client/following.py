"""Following a store: its stream, resumed wherever it broke off, and pulling where there is no stream.

- A stream that ends, breaks or falls silent is opened again after a pause that doubles, with `Last-Event-ID`.
- Where it can't be opened, what has changed is asked for: at once the first time, then every `poll_seconds`.
- A message whose `prev_seq` is above what was heard last shows a gap: what is missing is asked for before it is given.
- `reset` makes what is known worthless: everything is asked for, then the stream is opened from there.
- While a store or its brand is closed, messages of its dishes are as if it were open; so when it opens or closes,
  everything is asked for once more.

What the cursor says beyond its letters (its seq) is read where it can be; a cursor of another make only means that the
first message can't be checked for a gap.
"""

from collections.abc import Generator
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import msgspec
from msgspec.structs import replace

from eightysix.wire.cursor import read_cursor
from eightysix.wire.event import NUDGE, READY, RESET
from eightysix.wire.grant import RECALL, decode_recall
from eightysix.wire.message import Message, StoreMessage, StoreState, decode_message
from eightysix.wire.problem import Problem, Rejection

from .attempts import attempts
from .error import AWAY, ClientError, Failed, Refused, unreachable
from .event_stream import EventParser, ServerEvent
from .news import Found, News, Ready, Recalled, Reset, Told
from .policy import Policy
from .pos import STREAM, find
from .reading import error_in
from .request import Broken, Reply, Request
from .series import Series
from .setup import Setup
from .step import Close, Give, Open, Pause, Read, Step, Steps
from .wording import StoreLike

_NO_STREAM = (Problem.NOT_FOUND, Problem.METHOD_NOT_ALLOWED)
_LASTING_SECONDS = 1.0
"""A stream that was cut sooner counts as a failure: whoever cuts it will do so again."""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How patiently a store is followed; all in seconds.

    `silence_seconds`: a stream that says nothing for so long, not even its heartbeat (15 s), is taken for dead.
    """

    silence_seconds: float = 40.0
    poll_seconds: float = 30.0
    open_seconds: float = 10.0
    first_pause_seconds: float = 0.1
    longest_pause_seconds: float = 15.0


class Following:
    """One store, followed from `cursor` on; None: from now on."""

    def __init__(
        self, setup: Setup, store: StoreLike, cursor: str | None, pace: Pace, device_id: str | None = None
    ) -> None:
        self._setup, self._store, self._pace = setup, store, pace
        self._backoff = Policy(
            first_pause_seconds=pace.first_pause_seconds, longest_pause_seconds=pace.longest_pause_seconds
        )
        brief = replace(setup.policy, deadline_seconds=min(setup.policy.deadline_seconds, pace.open_seconds))
        self._brief = replace(setup, policy=brief)
        self._device_id = device_id
        self.cursor = cursor
        self.is_nudged = False
        """The service believes that the device is behind; whoever acknowledges says it once more."""
        self._seq = _seq_of(cursor)
        self._known: StoreState | None = None
        self._is_turning = False
        """The store has opened or closed, and not every row is told of as it is since."""
        self._pull_at = setup.clock()

    def steps(self, *, from_start: bool = False) -> Steps[None]:
        """Gives News without end. With `from_start` everything that there is comes first. Raises ClientError for what
        waiting doesn't change, such as a key that was revoked."""
        if from_start and self.cursor is None:
            yield from self._pull_all()
        failures = 0
        while True:
            began = self._setup.clock()
            heard = yield from self._stream()
            failures = 0 if heard and self._setup.clock() - began >= _LASTING_SECONDS else failures + 1
            yield from self._wait(self._backoff.pause(max(1, failures), self._setup.chance()), failures)

    def _stream(self) -> Generator[Step, Any, bool]:
        """Open the stream and listen until it ends. Whether anything was heard."""
        if self._is_turning:
            try:
                yield from self._look_again()
            except AWAY:
                return False
        opened: Reply | Broken = yield Open(self._request(), self._pace.open_seconds)
        if isinstance(opened, Broken) or not opened.is_ok:
            error = self._error(opened)
            if not isinstance(error, AWAY) and not _is_absent(error):
                raise error
            return False
        parser, heard = EventParser(), False
        while True:
            some: bytes | Broken = yield Read(self._pace.silence_seconds)
            if isinstance(some, Broken) or not some:
                yield Close()
                return heard
            heard = True
            self._pull_at = self._setup.clock() + self._pace.poll_seconds
            for event in parser.feed(some):
                if not (yield from self._hear(event)):
                    yield Close()
                    return True

    def _hear(self, event: ServerEvent) -> Generator[Step, Any, bool]:
        """One event of the stream; whether to listen on."""
        try:
            message = decode_message(event.data)
        except msgspec.MsgspecError:
            return (yield from self._hear_besides(event))
        if self._seq is not None and message.prev_seq > self._seq:
            try:
                if (yield from self._pull()):
                    return False  # of another database; this stream may be of the one before
            except AWAY:
                return False  # once more, from the place before the gap
        yield from self._tell(message, event.last_id)
        if isinstance(message, StoreMessage) and self._is_turned(message.data, is_told=True):
            try:
                yield from self._look_again()
            except AWAY:
                return False  # it is come back to before the stream is opened again
        return True

    def _hear_besides(self, event: ServerEvent) -> Generator[Step, Any, bool]:
        """What the stream says of itself, or of what this client doesn't know; whether to listen on."""
        if event.name == RESET:
            yield Close()
            yield from self._reset()
            return False
        if event.name == READY:
            if self.cursor is None:
                self._move(_cursor_in(event) or None)
            yield Give(Ready(self.cursor))
        elif event.name == NUDGE:
            self.is_nudged = True
        elif event.name == RECALL:
            with suppress(msgspec.MsgspecError):  # of a newer service: a hint at most
                yield Give(Recalled(self.cursor, decode_recall(event.data)))
            self._advance(event.last_id)
        else:
            self._advance(event.last_id)
        return True

    def _tell(self, message: Message, cursor: str) -> Steps[None]:
        if self._seq is None or message.seq > self._seq:
            self.cursor, self._seq = cursor, message.seq
        yield Give(Told(self.cursor or cursor, message))

    def _wait(self, seconds: float, failures: int) -> Steps[None]:
        """Let the pause pass; where there was no stream for too long, pull."""
        clock = self._setup.clock
        until = clock() + seconds
        if failures and self._pull_at <= until:
            if self._pull_at > clock():
                yield Pause(self._pull_at - clock())
            self._pull_at = clock() + self._pace.poll_seconds
            with suppress(*AWAY):
                yield from self._pull()
        if until > clock():
            yield Pause(until - clock())

    def _pull(self) -> Steps[bool]:
        """Give what has changed since the cursor, page by page; whether everything had to be asked for. Raises
        ClientError."""
        while True:
            page = yield from attempts(find(self._store, self.cursor), self._brief)
            if page.reset and self.cursor is not None:
                yield from self._reset()
                return True
            self._move(page.cursor)
            yield Give(Found(page.cursor, page.data, page.store, page.has_more))
            if not page.has_more:
                if self._is_turned(page.store):
                    yield from self._look_again()
                return False

    def _is_turned(self, store: StoreState, *, is_told: bool = False) -> bool:
        """Whether the store, or its brand, has opened or closed since it was last heard of; where it wasn't, whether it
        `is_told` that something has changed."""
        known, self._known = self._known, store
        if known is None:
            self._is_turning = self._is_turning or is_told
        elif (known.brand_open, known.store_open) != (store.brand_open, store.store_open):
            self._is_turning = True
        return self._is_turning

    def _look_again(self) -> Steps[None]:
        """Every row as it is now; where it is told of already, its version is the same. Raises ClientError."""
        since: str | None = None
        while True:
            page = yield from attempts(find(self._store, since), self._brief)
            since = page.cursor
            yield Give(Found(self.cursor or page.cursor, page.data, page.store, page.has_more))
            if not page.has_more:
                self._is_turning = False
                return

    def _reset(self) -> Steps[None]:
        self._move(None)
        yield Give(Reset())
        yield from self._pull_all()

    def _pull_all(self) -> Steps[None]:
        """Everything, however long it takes: nothing can be told before it is there."""
        failures = 0
        while True:
            try:
                yield from self._pull()
            except AWAY:
                failures += 1
                yield Pause(self._backoff.pause(failures, self._setup.chance()))
            else:
                self._pull_at = self._setup.clock() + self._pace.poll_seconds
                return

    def _request(self) -> Request:
        query = {"brandId": self._store[0], "poiId": self._store[1]}
        if self._device_id is not None:
            query["device_id"] = self._device_id
        headers = [("accept", "text/event-stream"), ("cache-control", "no-store")]
        if self.cursor is not None:
            headers.append(("last-event-id", self.cursor))
        return Request("GET", f"{STREAM}?{urlencode(query)}", self._setup.headers(*headers))

    def _error(self, opened: Reply | Broken) -> ClientError:
        if isinstance(opened, Broken):
            return unreachable(opened.why, self._setup.language)
        return error_in(opened.status, opened.body, self._setup.language)

    def _advance(self, cursor: str) -> None:
        """The cursor of something that isn't told, if it leads on."""
        seq = _seq_of(cursor or None)
        if seq is not None and (self._seq is None or seq > self._seq):
            self.cursor, self._seq = cursor, seq

    def _move(self, cursor: str | None) -> None:
        self.cursor, self._seq = cursor, _seq_of(cursor)


def stream(store: StoreLike, since: str | None = None, *, pace: Pace | None = None) -> Series[News]:
    """What a store hears, without end: from the cursor `since` on, or from now on. Resumes and pulls by itself."""
    return Series(lambda setup: Following(setup, store, since, pace or Pace()).steps())


def _is_absent(error: ClientError) -> bool:
    """There is no stream at this address, or what stands between doesn't let it through."""
    return isinstance(error, Failed) or (isinstance(error, Refused) and error.code in _NO_STREAM)


class _Cursor(msgspec.Struct):
    cursor: str = ""


def _cursor_in(event: ServerEvent) -> str:
    try:
        return msgspec.json.decode(event.data, type=_Cursor).cursor
    except msgspec.MsgspecError:
        return ""


def _seq_of(cursor: str | None) -> int | None:
    try:
        return None if cursor is None else read_cursor(cursor, "cursor").seq
    except Rejection:
        return None
