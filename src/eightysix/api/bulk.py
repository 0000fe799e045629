"""The same, or something of its own, in many stores: a command each, a bounded number of them under way."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Protocol

from eightysix.core.command import Command, SetStock
from eightysix.core.outcome import Outcome, Refused, StockRow, StocksSet
from eightysix.wire.problem import Rejection

from .reply import rejection_of

IN_FLIGHT = 32
"""Commands of one call that are under way at once. They are background work: orders go first."""


class Submit(Protocol):
    """The engine's `submit`."""

    def __call__(self, command: Command, *, background: bool = False) -> "asyncio.Future[Outcome]": ...


Result = StockRow | Refused | Rejection
"""What one setting came to."""


async def set_in_each(submit: Submit, commands: Sequence[SetStock]) -> list[list[Result]]:
    """The results of each command, setting by setting. A store that can't be had has its own, and stops no other."""
    results: list[list[Result]] = [[] for _ in commands]
    waiting = iter(enumerate(commands))
    workers = (_work(submit, waiting, results) for _ in range(min(IN_FLIGHT, len(commands))))
    await asyncio.gather(*workers)
    return results


async def _work(submit: Submit, waiting: Iterator[tuple[int, SetStock]], results: list[list[Result]]) -> None:
    for at, command in waiting:
        results[at] = await set_in_one(submit, command, background=True)


async def set_in_one(submit: Submit, command: SetStock, *, background: bool) -> list[Result]:
    """The results of a command, setting by setting; what refuses or fails the whole command is each one's."""
    try:
        outcome = await submit(command, background=background)
    except Exception as fault:  # noqa: BLE001 - one store's fault is that store's result
        return [rejection_of(fault)] * len(command.settings)
    if isinstance(outcome, StocksSet):
        return list(outcome.results)
    if isinstance(outcome, Refused):
        return [outcome] * len(command.settings)
    raise TypeError(f"{SetStock.__name__} came to {type(outcome).__name__}")
