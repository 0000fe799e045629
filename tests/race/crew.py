"""The client processes of a session, from the test's side: all are told, and all have answered, before it goes on."""

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from .message import Answer, Close, Open, Order, Report, Run, Target, Wave

ROOT = Path(__file__).parents[2]
SIZE = 4
_LEAD_SECONDS = 0.03
"""Between the order to start and the start: long enough for every process to have read it."""
_REPLY_SECONDS = 60.0
_REPLY_BYTES_MAX = 16 * 1024 * 1024
_DECODER = msgspec.json.Decoder(Report)


class Outcome(msgspec.Struct, frozen=True):
    """What all processes answered, and what their batches ran into."""

    answers: tuple[Answer, ...]
    faults: Counter[str]


class Crew:
    """Several client processes."""

    def __init__(self, members: Sequence[asyncio.subprocess.Process]) -> None:
        self._members = members
        self._targets: tuple[Target, ...] = ()

    async def go(self, *targets: Target) -> None:
        """Open every process at a target: at its own, or all at the only one. Where they are already they stay."""
        each = targets * SIZE if len(targets) == 1 else targets
        if each != self._targets:
            await self.leave()
            await self._tell([Open(target) for target in each])
            self._targets = each

    async def leave(self) -> None:
        """Close what is open."""
        self._targets = ()
        await self._tell([Close()] * SIZE)

    async def run(self, waves: Sequence[Sequence[Wave]]) -> Outcome:
        """Each process sends its own waves; they start at the same instant."""
        at = time.monotonic() + _LEAD_SECONDS
        reports = await self._tell([Run(at, tuple(each)) for each in waves])
        faults: Counter[str] = Counter()
        for report in reports:
            faults.update(report.faults)
        return Outcome(tuple(answer for report in reports for answer in report.answers), faults)

    async def _tell(self, orders: Sequence[Order]) -> list[Report]:
        assert len(orders) == len(self._members)
        reports = await asyncio.gather(*map(_told, self._members, orders))
        problems = [report.problem for report in reports if report.problem]
        assert not problems, "\n".join(problems)
        return reports


async def _told(member: asyncio.subprocess.Process, order: Order) -> Report:
    assert member.stdin is not None
    assert member.stdout is not None
    member.stdin.write(msgspec.json.encode(order) + b"\n")
    line = await asyncio.wait_for(member.stdout.readline(), _REPLY_SECONDS)
    assert line, "a client process has ended"
    return _DECODER.decode(line)


@asynccontextmanager
async def crew(folder: Path) -> AsyncIterator[Crew]:
    """The processes, ended with the context; what they log goes to files in `folder`."""
    members = []
    try:
        path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
        for number in range(SIZE):
            with (folder / f"client{number}.log").open("wb") as log:
                command = (sys.executable, "-m", "tests.race.client")
                pipe = asyncio.subprocess.PIPE
                members.append(
                    await asyncio.create_subprocess_exec(
                        *command,
                        stdin=pipe,
                        stdout=pipe,
                        stderr=log,
                        limit=_REPLY_BYTES_MAX,
                        env={**os.environ, "PYTHONPATH": path},
                    )
                )
        yield Crew(members)
    finally:
        for member in members:
            assert member.stdin is not None
            member.stdin.close()
        for member in members:
            await asyncio.wait_for(member.wait(), _REPLY_SECONDS)
