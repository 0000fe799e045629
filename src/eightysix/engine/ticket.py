"""A command on its way through a lane, with the future its caller waits for."""

import asyncio

import msgspec

from eightysix.core.catalogue import Catalogue
from eightysix.core.command import (
    Command,
    MirrorStock,
    MoveGrants,
    OrderCommand,
    ReconcileStock,
    ReleaseGuarantees,
    ReplayEvent,
    RunTimers,
    SellStock,
    SetStock,
    TellHubEvent,
)
from eightysix.core.key import StoreKey
from eightysix.core.outcome import Outcome

from .fault import EngineFault


class Ticket(msgspec.Struct):
    """One accepted command. Instants are `time.monotonic()` seconds.

    `catalogue` is the one the command was admitted against. `result` is what the running batch decided; it becomes the
    future's result only after commit. A caller that leaves cancels its future, never the command.
    """

    store: StoreKey
    command: Command
    future: "asyncio.Future[Outcome]"
    catalogue: Catalogue
    queued_at: float
    deadline: float
    rows: int
    background: bool = False
    result: Outcome | EngineFault | None = None

    def answer(self, result: Outcome | EngineFault) -> None:
        """Hand the result to the caller, if it is still there."""
        future = self.future
        if future.done():
            return
        if isinstance(result, EngineFault):
            future.set_exception(result)
        else:
            future.set_result(result)


_ROWS_A_RESTORE = 2
"""A restore writes as much as two lines of an order: what it changes is told in full. And orders wait for it."""


def rows_of(command: Command) -> int:
    """How many lines, settings or stocks the command is about; 1 where it names none."""
    if isinstance(command, SetStock):
        return len(command.settings) or 1
    if isinstance(command, ReleaseGuarantees):
        return len(command.keys or ()) or 1
    if isinstance(command, RunTimers):
        return _ROWS_A_RESTORE * max(1, command.stocks)
    if isinstance(command, (ReconcileStock, MirrorStock)):
        return len(command.rows or ()) or 1
    if isinstance(command, MoveGrants):
        return len(command.changes) or 1
    if isinstance(command, TellHubEvent):
        return max(1, len(command.event.lines), len(command.event.moves))
    told = command.event if isinstance(command, ReplayEvent) else command
    return len(told.lines or ()) or 1 if isinstance(told, (OrderCommand, SellStock)) else 1
