"""Unlock: an order or some of its lines are cancelled before payment (DESIGN section 4)."""

from msgspec.structs import replace

from .change import Kind, OrderFact
from .command import UnlockStock
from .draft import Draft
from .outcome import Code, LineRefusal
from .reservation import LineKey, Reservation, State
from .selection import asked, done, refused
from .shelf import Decision, Shelf
from .table import TABLE, Step, Verb, situation
from .take import give_back


def unlock(command: UnlockStock, shelf: Shelf) -> Decision:
    """Free what is held. Without lines the order is closed, even an unknown one; an unknown line is remembered."""
    draft = Draft(shelf, command.actor, command.order_id)
    held = draft.lines()
    whole = command.lines is None
    keys = list(asked(command.lines)) if command.lines is not None else _whole(held)
    if whole and held and all(each.state is State.RETURNED for each in held.values()):
        return Decision(refused([LineRefusal(*key, Code.ALREADY_RETURNED) for key in held]))
    refusals: list[LineRefusal] = []
    act: list[LineKey] = []
    for key in keys:
        verdict = TABLE[situation(held.get(key), draft.now)][Verb.UNLOCK]
        if isinstance(verdict, Code):
            refusals.append(LineRefusal(*key, verdict))
        elif verdict is Step.ACT:
            act.append(key)
    if refusals:
        return Decision(refused(refusals))
    for key in act:
        _unlock_line(draft, command.order_id, key, held.get(key))
    closes = whole and not draft.is_closed()
    if closes:
        draft.facts.append(OrderFact(command.order_id, draft.now))
    about = list(held) if whole else keys
    return draft.decision(done(draft, command.order_id, about, replayed=not (act or closes)))


def _whole(held: dict[LineKey, Reservation]) -> list[LineKey]:
    return [key for key, each in held.items() if each.state not in (State.UNLOCKED, State.RETURNED)]


def _unlock_line(draft: Draft, order_id: str, key: LineKey, before: Reservation | None) -> None:
    if before is None:
        now = draft.now
        draft.keep(Reservation(order_id, key[0], key[1], "", State.UNLOCKED, 0, 0, now, now, ()))
        return
    if before.state is State.LOCKED:
        give_back(draft, before, before.quantity, Kind.UNLOCK)
    draft.keep(replace(before, state=State.UNLOCKED))
