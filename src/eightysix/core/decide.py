"""command + shelf -> decision: the one door to the rules."""

from collections.abc import Callable
from typing import Any

from .amend import amend
from .command import (
    AmendStock,
    Command,
    DeductStock,
    ExpireLocks,
    LockStock,
    ReleaseGuarantees,
    ReturnStock,
    SetStock,
    UnlockStock,
)
from .deduct import deduct
from .expiry import expire_order
from .flow_back import release_guarantees
from .giveback import giveback
from .lock import lock
from .outcome import LocksExpired
from .scope import out_of_reach
from .setting import set_stock
from .shelf import Decision, Shelf
from .unlock import unlock

_RULES: dict[type[Command], Callable[[Any, Shelf], Decision]] = {
    LockStock: lock,
    DeductStock: deduct,
    UnlockStock: unlock,
    ReturnStock: giveback,
    AmendStock: amend,
    SetStock: set_stock,
    ReleaseGuarantees: release_guarantees,
}


def decide(command: Command, shelf: Shelf) -> Decision:
    """What `command` comes to, given the rows on the shelf. Changes nothing; `shelf.put` does.

    Due locks have to be released first, by `release_due`. An exception is a bug and fails this command alone.
    """
    if isinstance(command, ExpireLocks):
        return Decision(LocksExpired(len(shelf.due)))
    if command.actor.channel_code is not None and (refusal := out_of_reach(command, shelf)) is not None:
        return Decision(refusal)
    return _RULES[type(command)](command, shelf)


def release_due(shelf: Shelf) -> None:
    """Release every lock of the shelf whose time has passed, before anything else is decided for the store."""
    for due in shelf.due:
        if due.due_at <= shelf.now:
            # each on top of the one before: several orders may hold the same stock
            shelf.put(expire_order(shelf, due.order_id))
