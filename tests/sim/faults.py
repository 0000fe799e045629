"""Planted faults: each a small patch of the product, as somebody might write it. The simulation must find every one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from msgspec.structs import replace

from eightysix.core import decide as rules
from eightysix.core import hub_books, hub_intake, mirroring, restore, timetable
from eightysix.core.change import Journal
from eightysix.core.command import AskGrants, MirrorStock, TellHubEvent
from eightysix.core.shelf import Decision, Shelf
from eightysix.core.stock import Stock

from . import cloud_end


@contextmanager
def grant_freed_before_confirmation() -> Iterator[None]:
    """The hub sells on of what it has offered to give back, until the cloud has answered."""

    def ask(command: AskGrants, shelf: Shelf) -> Decision:
        decision = hub_books.ask(command, shelf)
        decision.stocks, decision.logs = {}, []
        return decision

    with patch.dict(rules._RULES, {AskGrants: ask}):
        yield


@contextmanager
def journal_acknowledged_before_stored() -> Iterator[None]:
    """The cloud answers an upload before it has committed it."""
    with patch.object(cloud_end.CloudEnd, "acknowledges_before_it_stores", True):
        yield


@contextmanager
def event_applied_twice() -> Iterator[None]:
    """The cloud doesn't look whether it has an event already."""

    def tell(command: TellHubEvent, shelf: Shelf) -> Decision:
        journal = shelf.journals.get(command.journal)
        if journal is not None and command.seq <= journal.last_seq:
            shelf.journals[command.journal] = Journal(
                *command.journal, command.seq - 1, chain=command.chain, marks=journal.marks
            )
            decision = hub_intake.tell(command, shelf)
            shelf.journals[command.journal] = journal
            decision.journal = None
            return decision
        return hub_intake.tell(command, shelf)

    with patch.dict(rules._RULES, {TellHubEvent: tell}):
        yield


@contextmanager
def restore_run_twice() -> Iterator[None]:
    """A worker doesn't write down what it has run: what came round last comes round again."""
    due, run = timetable.Timetable.due, restore.run_timers

    def again(self: timetable.Timetable, stock: Stock, window: timetable.Window, now: int) -> Any:
        return due(self, replace(stock, restored_slot=0, epoch_at=0), window, now)

    def run_timers(*args: Any, **kwargs: Any) -> Decision:
        decision = run(*args, **kwargs)
        if decision.stocks:
            decision.timer = None
        return decision

    with patch.object(timetable.Timetable, "due", again), patch.object(rules, "run_timers", run_timers):
        yield


@contextmanager
def stale_state_message_applied() -> Iterator[None]:
    """The hub takes over whatever row arrives, also one that is older than what it has."""

    def mirror(command: MirrorStock, shelf: Shelf) -> Decision:
        assert shelf.books is not None
        known = shelf.books.mirrors
        older = {
            row.stock.key: replace(known[row.stock.key], version=row.stock.version - 1)
            for row in command.rows
            if row.stock.key in known and known[row.stock.key].version >= row.stock.version
        }
        shelf.books.mirrors = {**known, **older}
        return mirroring.mirror(command, shelf)

    with patch.dict(rules._RULES, {MirrorStock: mirror}):
        yield


FAULTS: dict[str, Callable[[], Any]] = {
    "grant freed before confirmation": grant_freed_before_confirmation,
    "journal acknowledged before stored": journal_acknowledged_before_stored,
    "event applied twice": event_applied_twice,
    "restore run twice": restore_run_twice,
    "stale state message applied": stale_state_message_applied,
}
