"""Return: paid portions come back (DESIGN section 4). Named giveback because `return` is Python's."""

from msgspec.structs import replace

from .command import ReturnStock
from .draft import Draft
from .outcome import Code, LineRefusal, Refused
from .request import recall, remember
from .reservation import LineKey, Reservation, State
from .selection import Asked, asked, done, refused
from .shelf import Decision, Shelf
from .table import TABLE, Step, Verb, situation
from .take import put_back


def giveback(command: ReturnStock, shelf: Shelf) -> Decision:
    """Quantities are increments; each line says how much of it goes back on sale."""
    known = recall(command, shelf)
    if known is not None:
        return Decision(known)
    draft = Draft(shelf, command.actor, command.order_id)
    held = draft.lines()
    wanted = asked(command.lines) if command.lines is not None else _whole(held)
    if not wanted:
        return Decision(
            refused([LineRefusal(*key, Code.NOT_DEDUCTED) for key in held]) if held else Refused(Code.ORDER_NOT_FOUND)
        )
    refusals: list[LineRefusal] = []
    act: dict[LineKey, Asked] = {}
    for key, ask in wanted.items():
        before = held.get(key)
        verdict = TABLE[situation(before, draft.now)][Verb.RETURN]
        if isinstance(verdict, Code):
            refusals.append(LineRefusal(*key, verdict))
        elif before is not None and verdict is Step.ACT:
            left = before.quantity - before.returned
            quantity = left if ask.quantity is None else ask.quantity
            if quantity > left:
                refusals.append(LineRefusal(*key, Code.QUANTITY_EXCEEDS_DEDUCTED, quantity, left))
            act[key] = Asked(quantity, ask.restock)
    if refusals:
        return Decision(refused(refusals))
    for key, ask in act.items():
        _return_line(draft, held[key], ask)
    outcome = done(draft, command.order_id, list(wanted), replayed=not act)
    if act:
        remember(command, draft, outcome)
    return draft.decision(outcome)


def _whole(held: dict[LineKey, Reservation]) -> dict[LineKey, Asked]:
    """The whole order: what was unlocked is left out, what is returned in full replays."""
    lines = {key: each for key, each in held.items() if each.state is not State.UNLOCKED}
    to_return = {key: each for key, each in lines.items() if each.state is not State.RETURNED}
    return dict.fromkeys(to_return or lines, Asked(None))


def _return_line(draft: Draft, reservation: Reservation, ask: Asked) -> None:
    if ask.restock:
        put_back(draft, reservation, ask.restock)
    returned = reservation.returned + (ask.quantity or 0)
    draft.keep(
        replace(
            reservation,
            returned=returned,
            restocked=reservation.restocked + ask.restock,
            state=State.RETURNED if returned == reservation.quantity else State.DEDUCTED,
        )
    )
