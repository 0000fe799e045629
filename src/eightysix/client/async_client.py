"""The client for asyncio."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from typing import Any, Self, TypeVar

from msgspec.structs import replace

from eightysix.wire.language import Language
from eightysix.wire.message import StockState

from .address import address
from .async_line import AsyncLine
from .attempts import attempts
from .call import Call
from .duty import Duty
from .follower import AsyncFollower
from .following import Pace
from .mirror import Mirror
from .policy import Policy
from .series import Series
from .setup import Attempt, Setup
from .step import Close, Exchange, Give, Open, Pause, Read, Steps
from .transport import AsyncStream, AsyncTransport
from .verbs import Verbs
from .wording import StoreLike

T = TypeVar("T")


class AsyncClient(Verbs):
    """As Client, for asyncio: calls are awaited, series iterated with `async for`.

    A call that is cancelled leaves the client usable; whether it was done, the same call sent again tells.
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
        transport: AsyncTransport | None = None,
    ) -> None:
        self.setup = Setup(key=key, language=Language(language), policy=policy or Policy(), observe=observe)
        self._line = transport or AsyncLine(address(url), connections=connections)

    async def send(self, call: Call[T]) -> T:
        """The answer to a call; to one that was sent before, by the same keys. Raises ClientError."""
        steps = attempts(call, self.setup)
        step = next(steps)
        try:
            while True:
                if isinstance(step, Exchange):
                    step = steps.send(await self._line.send(step.request, step.seconds))
                elif isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    step = next(steps)
                else:
                    raise TypeError(f"a call doesn't {type(step).__name__}")
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]

    def iterate(self, series: Series[T]) -> AsyncIterator[T]:
        """What a series gives, one by one. Whoever stops early should close it (`contextlib.aclosing`)."""
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
    ) -> AsyncFollower:
        """Keeps a store's state current while somebody iterates over it; see AsyncFollower."""
        mirror = Mirror(cursor, rows)
        duty = Duty(self.setup, store, mirror, device_id=device_id, save=save, pace=pace or Pace())
        return AsyncFollower(mirror, lambda: _run(duty.steps(), self._line))

    def within(self, seconds: float) -> Self:
        """The same client, on the same connections, for calls that have only so long in all."""
        other = object.__new__(type(self))
        other._line = self._line
        other.setup = replace(self.setup, policy=replace(self.setup.policy, deadline_seconds=seconds))
        return other

    async def close(self) -> None:
        """Close every connection."""
        await self._line.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def _run(steps: Steps[None], line: AsyncTransport) -> AsyncGenerator[Any, None]:
    stream: AsyncStream | None = None
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
                    came = await line.send(request, seconds)
                case Pause(seconds):
                    await asyncio.sleep(seconds)
                case Open(request, seconds):
                    came, stream = await line.open(request, seconds)
                case Read(seconds) if stream is not None:
                    came = await stream.read(seconds)
                case Close() if stream is not None:
                    await stream.close()
                    stream = None
                case _:
                    pass
    finally:
        steps.close()
        if stream is not None:
            await stream.close()
