"""An engine in the client's own process, guards taken out where the target says so."""

import asyncio
import contextlib
import uuid
from collections import Counter
from collections.abc import AsyncIterator

from eightysix.core.outcome import OrderDone, Outcome, Refused
from eightysix.engine import Engine, EngineFault, Limits, Observer
from eightysix.storage.open import open_database

from . import guard
from .market import Market
from .message import Answer, AtEngine, RaceCommand

_ATTEMPTS = 20
"""How often a command that got a 503 is sent again, as a client of the API would."""


class _Faults(Observer):
    def __init__(self, faults: Counter[str]) -> None:
        self._faults = faults

    def batch_retried(self, lane_no: int, fault: BaseException) -> None:
        self._faults[type(fault).__name__] += 1

    def stores_set_aside(self, lane_no: int, stores: int) -> None:
        self._faults["SetAside"] += 1


class EngineTeller:
    """Submits, and tries again where the engine says that it can."""

    def __init__(self, engine: Engine, faults: Counter[str]) -> None:
        self._engine = engine
        self.faults = faults

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, target: AtEngine) -> AsyncIterator["EngineTeller"]:
        """The teller, its engine running."""
        faults: Counter[str] = Counter()
        with guard.taken_out(target.without):
            database = guard.unguarded(await open_database(target.url, owner=uuid.uuid4().hex), target.without)
            lanes = 2 if database.capabilities.several_processes else 1
            engine = Engine(database, Market(), Limits(lanes_per_shard=lanes, deadline_seconds=10), _Faults(faults))
            await engine.start()
            try:
                yield cls(engine, faults)
            finally:
                await engine.stop()
                await database.close()

    async def ask(self, command: RaceCommand) -> Answer:
        about = type(command).__name__, command.store.poi_id, getattr(command, "order_id", "")
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return _answer(about, await self._engine.submit(command))
            except EngineFault as fault:
                if not fault.retryable or attempt == _ATTEMPTS:
                    return Answer(*about, fault=f"{type(fault).__name__}: {fault.__cause__!r}")
            await asyncio.sleep(0)
        raise AssertionError("the last attempt returns")


def _answer(about: tuple[str, str, str], outcome: Outcome) -> Answer:
    if isinstance(outcome, OrderDone):
        state = None if outcome.state is None else outcome.state.name
        quantity = sum(line.quantity for line in outcome.lines)
        return Answer(*about, state or "MIXED", replayed=outcome.replayed, quantity=quantity)
    if isinstance(outcome, Refused):
        return Answer(*about, code=outcome.code.value)
    return Answer(*about, "DONE")
