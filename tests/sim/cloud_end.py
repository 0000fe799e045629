"""The cloud's end of the line: what its HTTP layer and relay would do with a hub's calls, on a kitchen.

A crash loses what isn't committed: a batch is all or nothing, and an answer may be lost after its commit.
"""

from collections.abc import Callable, Sequence
from random import Random

from eightysix.core.command import Actor, Command, MoveGrants, TellHubEvent
from eightysix.core.hub import MirrorRow, Side
from eightysix.core.hub_event import chained, decode_event
from eightysix.core.key import StockKey
from eightysix.core.outcome import GrantsMoved, HubEventTold, Outcome, Refused
from eightysix.core.restore_rule import RestoreRule
from eightysix.hub import call as calls
from tests.world.kitchen import Kitchen
from tests.world.menu import STORE

from .climate import Climate
from .timeline import Timeline

PAGE = 3
"""Rows that one pull answers with; few, so that pages are seen to follow one another."""


class CloudEnd:
    """One store in the cloud."""

    acknowledges_before_it_stores = False
    """A planted fault: see `faults`."""

    def __init__(self, timeline: Timeline, random: Random, climate: Climate) -> None:
        self._timeline = timeline
        self._random = random
        self.crash = climate.crash
        self.kitchen = Kitchen(timeline.now)
        self.rules: tuple[RestoreRule, ...] = ()
        self.watch: Callable[[Sequence[Command], Sequence[Outcome]], None] = lambda _commands, _outcomes: None
        """Sees every committed batch."""

    def batch(self, commands: Sequence[Command]) -> list[Outcome]:
        """Decide and commit."""
        self.kitchen.now = self._timeline.now
        outcomes = self.kitchen.batch(commands)
        self.watch(commands, outcomes)
        return outcomes

    def crashes(self) -> bool:
        """Whether the process dies here."""
        return self._random.random() < self.crash

    def answer(self, side: Side, call: calls.Call) -> calls.Answer | None:
        """What comes back; None where the process died on the way."""
        if self.crashes():
            return None  # before anything was done
        if isinstance(call, calls.Upload):
            answer = self._upload(side, call)
        elif isinstance(call, calls.MoveGrants):
            answer = self._move_grants(side, call)
        elif isinstance(call, calls.Pull):
            answer = self._pull(call.cursor)
        elif isinstance(call, calls.FetchStore):
            version = self.kitchen.menu.timers_version
            answer = calls.StoreFetched(version, None if call.version == version else self.rules)
        else:
            answer = calls.OrdersFetched()
        return None if self.crashes() else answer  # after it was committed

    def _upload(self, side: Side, call: calls.Upload) -> calls.Answer | None:
        """In one batch or in several, as the engine may happen to cut them."""
        told: list[Command] = []
        chain = call.chain
        actor = Actor(f"hub {side.hub_id}", "hub")
        for at, body in enumerate(call.events):
            told.append(TellHubEvent(STORE, side, call.seq + at, chain, decode_event(body), body, actor))
            chain = chained(chain, body)
        if self.acknowledges_before_it_stores and self.crashes():
            return calls.Uploaded(call.seq + len(call.events) - 1)
        settled: list[tuple[StockKey, int]] = []
        last_seq = 0
        while told:
            most = self._random.choice([1, 3, 100])
            batch, told = told[:most], told[most:]
            for outcome in self.batch(batch):
                if isinstance(outcome, Refused):
                    return calls.Denied(outcome.code, outcome.expected_seq)
                assert isinstance(outcome, HubEventTold)
                last_seq = outcome.expected_seq - 1
                settled += outcome.settled
            if told and self.crashes():
                return None
        return calls.Uploaded(last_seq, tuple(settled))

    def _move_grants(self, side: Side, call: calls.MoveGrants) -> calls.Answer:
        request = call.request
        actor = Actor(f"hub {side.hub_id}", "hub")
        [outcome] = self.batch([MoveGrants(STORE, side.hub_id, request.request_id, request.changes, actor)])
        if isinstance(outcome, Refused):
            return calls.Denied(outcome.code)
        assert isinstance(outcome, GrantsMoved)
        return calls.Moved(outcome.totals)

    def _pull(self, cursor: str | None) -> calls.Pulled:
        since = 0 if cursor is None else int(cursor)
        stocks = sorted(self.kitchen.stocks.values(), key=lambda each: each.version)
        rows = [each for each in stocks if each.version > since]
        page = rows[:PAGE]
        if len(page) < len(rows):
            return calls.Pulled(tuple(map(self._row, page)), str(page[-1].version), has_more=True)
        return calls.Pulled(tuple(map(self._row, page)), str(max(since, self.kitchen.head.outbox_seq)))

    def _row(self, stock: "object") -> MirrorRow:
        return self.row(stock.key)  # type: ignore[attr-defined]

    def row(self, key: StockKey) -> MirrorRow:
        """A row as it is now."""
        channels = tuple(row for (of, _), row in self.kitchen.channels.items() if of == key)
        return MirrorRow(self.kitchen.stocks[key], channels)

    def published(self, since: int) -> list[tuple[MirrorRow, str, str]]:
        """The messages of what was committed since the outbox had `since` rows: (row, place before it, place)."""
        return [
            (self.row(row.key), str(row.prev_seq), str(row.seq))
            for row in self.kitchen.outbox[since:]
            if row.key in self.kitchen.stocks  # others are about incidents, or the store as a whole
        ]
