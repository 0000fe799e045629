"""command + shelf -> decision: the one door to the rules."""

from collections.abc import Callable, Collection
from typing import Any

from .amend import amend
from .command import (
    AckEvents,
    AmendStock,
    AskGrants,
    ChangeStock,
    Command,
    CountStock,
    DeductStock,
    ExpireLocks,
    LockStock,
    MirrorStock,
    MoveGrants,
    ReconcileStock,
    ReleaseGuarantees,
    ReplayEvent,
    ReportStock,
    ResolveIncident,
    ReturnStock,
    RunTimers,
    SetStock,
    SettleGrants,
    TellHubEvent,
    TellVerb,
    UnlockStock,
    WriteOffHub,
    settings_of,
)
from .deduct import deduct
from .expiry import expire_order
from .flow_back import release_guarantees
from .giveback import giveback
from .grant import move_grants
from .home import away
from .hub_books import acknowledge, ask, settle, tell_verb
from .hub_intake import tell
from .hub_journal import settings_told
from .key import StockKey
from .lock import lock
from .mirroring import mirror
from .outcome import LocksExpired, TimersRun
from .pos_report import report_stock
from .reconciliation import reconcile
from .replay import replay
from .resolving import resolve
from .restore import is_due, run_timers
from .scope import out_of_reach
from .setting import set_stock
from .shelf import Decision, Shelf
from .unlock import unlock
from .write_off import write_off

_RULES: dict[type[Command], Callable[[Any, Shelf], Decision]] = {
    LockStock: lock,
    DeductStock: deduct,
    UnlockStock: unlock,
    ReturnStock: giveback,
    AmendStock: amend,
    SetStock: set_stock,
    ReleaseGuarantees: release_guarantees,
    ReconcileStock: reconcile,
    ReportStock: report_stock,
    ReplayEvent: replay,
    TellHubEvent: tell,
    MoveGrants: move_grants,
    WriteOffHub: write_off,
    ResolveIncident: resolve,
    AskGrants: ask,
    SettleGrants: settle,
    MirrorStock: mirror,
    AckEvents: acknowledge,
    TellVerb: tell_verb,
}

_VERBS = (LockStock, DeductStock, UnlockStock, ReturnStock, AmendStock)

_OWN = (AskGrants, SettleGrants, MirrorStock, AckEvents, TellVerb)
"""A hub asks them of itself: nobody's scope is in the way."""


def decide(command: Command, shelf: Shelf) -> Decision:
    """What `command` comes to, given the rows on the shelf. Changes nothing; `shelf.put` does.

    Due locks have to be released first, by `release_due`; then, where `is_timed`, what is due by the clock has to be
    run, by `run_due`. An exception is a bug and fails this command alone.
    """
    if isinstance(command, ExpireLocks):
        return Decision(LocksExpired(len(shelf.due)))
    if isinstance(command, RunTimers):
        due_at = None if shelf.timer is None else shelf.timer.due_at
        return Decision(TimersRun(shelf.restored, len(shelf.stocks), due_at))
    if isinstance(command, _OWN):
        return _RULES[type(command)](command, shelf)
    if command.actor.channel_code is not None and (refusal := out_of_reach(command, shelf)) is not None:
        return Decision(refusal)
    if isinstance(command, _VERBS) and (elsewhere := away(command, shelf)) is not None:
        return Decision(elsewhere)
    decision = _RULES[type(command)](command, shelf)
    if shelf.books is not None:
        decision.told = settings_told(command, decision, shelf)
    return decision


def release_due(shelf: Shelf) -> None:
    """Release every lock of the shelf whose time has passed, before anything else is decided for the store."""
    for due in shelf.due:
        if due.due_at <= shelf.now:
            # each on top of the one before: several orders may hold the same stock
            shelf.put(expire_order(shelf, due.order_id))


def is_timed(command: Command) -> bool:
    """Whether the command is to meet a store in which all that is due by the clock has been run.

    What sets stock is: a setting of after four must not be undone by the restore of four. Orders don't wait for that.
    """
    if isinstance(command, ReplayEvent):
        return isinstance(command.event, (CountStock, ChangeStock))
    if isinstance(command, TellHubEvent):
        return command.event.setting is not None
    return isinstance(command, (SetStock, ReportStock, ReleaseGuarantees, ResolveIncident, RunTimers, MirrorStock))


def run_due(shelf: Shelf, commands: Collection[Command]) -> None:
    """Run what is due of the store by the clock, before these commands are decided; the store must be whole on the
    shelf where `is_due`."""
    if not is_due(shelf.timer, shelf.store, shelf.catalogue, shelf.now):
        return
    first: set[StockKey] = set()
    for command in commands:
        first.update(setting.key for setting in settings_of(command))
    decision = run_timers(shelf, first, is_asked_for=any(isinstance(command, RunTimers) for command in commands))
    shelf.put(decision)
    if isinstance(decision.outcome, TimersRun):
        shelf.restored += decision.outcome.restored
