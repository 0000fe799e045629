"""One process of a race: `python -m tests.race.client`. Orders come as lines of JSON, and each gets a line back."""

import asyncio
import contextlib
import logging
import sys
import traceback
from collections import Counter
from collections.abc import AsyncIterator
from typing import Protocol, assert_never

import msgspec

from .careless import CarelessTeller
from .engine_teller import EngineTeller
from .http_teller import HttpTeller
from .message import Answer, AtCareless, AtEngine, AtHttp, Close, Open, Order, RaceCommand, Report, Run, Target, Wave


class Teller(Protocol):
    """Where a command is taken and answered."""

    @property
    def faults(self) -> Counter[str]:
        """What it ran into, by name."""
        ...

    async def ask(self, command: RaceCommand) -> Answer: ...


def teller_at(target: Target) -> contextlib.AbstractAsyncContextManager[Teller]:
    """The teller of a target, open while the context lasts."""
    match target:
        case AtEngine():
            return EngineTeller.open(target)
        case AtHttp():
            return HttpTeller.open(target)
        case AtCareless():
            return CarelessTeller.open(target)
        case _:
            assert_never(target)


class Client:
    """Carries out one order after the other."""

    def __init__(self) -> None:
        self._open = contextlib.AsyncExitStack()
        self._teller: Teller | None = None

    async def obey(self, order: Order) -> Report:
        """The reply to one order."""
        match order:
            case Open(target):
                await self.close()
                self._teller = await self._open.enter_async_context(teller_at(target))
                return Report()
            case Close():
                await self.close()
                return Report()
            case Run(at, waves):
                assert self._teller is not None
                self._teller.faults.clear()
                answers = [answer async for answer in self._run(at, waves)]
                return Report(tuple(answers), dict(self._teller.faults))

    async def _run(self, at: float, waves: tuple[Wave, ...]) -> AsyncIterator[Answer]:
        teller, loop = self._teller, asyncio.get_running_loop()
        assert teller is not None
        for wave in waves:
            await _reached(loop, at + wave.after_seconds)
            for answer in await asyncio.gather(*map(teller.ask, wave.commands)):
                yield answer

    async def close(self) -> None:
        """Leave the target."""
        await self._open.aclose()
        self._teller = None


async def _reached(loop: asyncio.AbstractEventLoop, at: float) -> None:
    """The start barrier: every process waits for the same instant of the machine's one monotonic clock."""
    if at > loop.time():
        reached = asyncio.Event()
        loop.call_at(at, reached.set)
        await reached.wait()


async def main() -> None:
    """Obey until the input ends."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    client, decoder = Client(), msgspec.json.Decoder(Order)
    loop = asyncio.get_running_loop()
    try:
        while line := await loop.run_in_executor(None, sys.stdin.buffer.readline):
            try:
                report = await client.obey(decoder.decode(line))
            except Exception:  # noqa: BLE001 - told to the test, which fails with it
                report = Report(problem=traceback.format_exc())
            sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
            sys.stdout.buffer.flush()
    finally:
        await client.close()


if __name__ == "__main__":
    asyncio.run(main())
