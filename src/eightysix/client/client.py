"""The client for threads."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, Self, TypeVar

from msgspec.structs import replace

from eightysix.wire.language import Language
from eightysix.wire.message import StockState

from .address import address
from .attempts import attempts
from .call import Call
from .duty import Duty
from .follower import Follower
from .following import Pace
from .mirror import Mirror
from .policy import Policy
from .series import Series
from .setup import Attempt, Setup
from .step import Close, Exchange, Give, Open, Pause, Read, Steps
from .transport import Stream, Transport
from .verbs import Verbs
from .wording import StoreLike

T = TypeVar("T")


class Client(Verbs):
    """Calls one service with one key; any number of threads may share it.

    `policy` says how patiently, `language` (`en`, `zh-CN`) in which messages come, `connections` how many calls can be
    under way at once. `observe` hears of every attempt, for counts and latencies. `transport` replaces the line.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        language: str = Language.ENGLISH,
        policy: Policy | None = None,
        connections: int = 16,
        observe: Callable[[Attempt], object] | None = None,
        transport: Transport | None = None,
    ) -> None:
        self.setup = Setup(key=key, language=Language(language), policy=policy or Policy(), observe=observe)
        self._line = transport or _line(address(url), connections)

    def send(self, call: Call[T]) -> T:
        """The answer to a call; to one that was sent before, by the same keys. Raises ClientError."""
        steps = attempts(call, self.setup)
        step = next(steps)
        try:
            while True:
                if isinstance(step, Exchange):
                    step = steps.send(self._line.send(step.request, step.seconds))
                elif isinstance(step, Pause):
                    time.sleep(step.seconds)
                    step = next(steps)
                else:
                    raise TypeError(f"a call doesn't {type(step).__name__}")
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]

    def iterate(self, series: Series[T]) -> Iterator[T]:
        """What a series gives, one by one. Whoever stops early closes the iterator, or lets go of it."""
        return _run(series.steps(self.setup), self._line)

    def follower(
        self,
        store: StoreLike,
        *,
        device_id: str | None = None,
        save: Callable[[str], object] | None = None,
        cursor: str | None = None,
        rows: Iterable[StockState] = (),
        pace: Pace | None = None,
    ) -> Follower:
        """Keeps a store's state current while somebody iterates over it; see Follower."""
        mirror = Mirror(cursor, rows)
        duty = Duty(self.setup, store, mirror, device_id=device_id, save=save, pace=pace or Pace())
        return Follower(mirror, lambda: _run(duty.steps(), self._line))

    def within(self, seconds: float) -> Self:
        """The same client, on the same connections, for calls that have only so long in all."""
        other = object.__new__(type(self))
        other._line = self._line
        other.setup = replace(self.setup, policy=replace(self.setup.policy, deadline_seconds=seconds))
        return other

    def close(self) -> None:
        """Close every connection."""
        self._line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _line(url: str, connections: int) -> Transport:
    from .httpx_line import HttpxLine  # noqa: PLC0415 - httpx takes five megabytes, which those on asyncio can do without

    return HttpxLine.to(url, connections)


def _run(steps: Steps[None], line: Transport) -> Generator[Any, None, None]:
    stream: Stream | None = None
    came: Any = None
    try:
        while True:
            try:
                step = steps.send(came)
            except StopIteration:
                return
            came = None
            match step:
                case Give(item):
                    yield item
                case Exchange(request, seconds):
                    came = line.send(request, seconds)
                case Pause(seconds):
                    time.sleep(seconds)
                case Open(request, seconds):
                    came, stream = line.open(request, seconds)
                case Read(seconds) if stream is not None:
                    came = stream.read(seconds)
                case Close() if stream is not None:
                    stream.close()
                    stream = None
                case _:
                    pass
    finally:
        steps.close()
        if stream is not None:
            stream.close()
