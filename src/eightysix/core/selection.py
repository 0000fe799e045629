"""Which lines of an order a call is about: lines named twice are summed, no lines mean the whole order."""

from typing import NamedTuple

from .command import Line
from .draft import Draft
from .outcome import Code, LineRefusal, LineView, OrderDone, Refused
from .reservation import LineKey, Reservation, State


class Asked(NamedTuple):
    """What a call asks of one line, in thousandths. `quantity` None: all of it."""

    quantity: int | None
    restock: int = 0
    """How much of `quantity` goes back on sale (returns only)."""


def asked(lines: tuple[Line, ...]) -> dict[LineKey, Asked]:
    """The lines of a call, those with the same sku_id and line_no summed."""
    if len(lines) == 1:
        line = lines[0]
        return {(line.sku_id, line.line_no): _one(line)}
    summed: dict[LineKey, Asked] = {}
    for line in lines:
        key = (line.sku_id, line.line_no)
        before = summed.get(key)
        now = _one(line)
        summed[key] = now if before is None else _sum(before, now)
    return summed


def _one(line: Line) -> Asked:
    return Asked(line.quantity, line.quantity if line.restock and line.quantity else 0)


def _sum(one: Asked, other: Asked) -> Asked:
    if one.quantity is None or other.quantity is None:
        return Asked(None, 0)
    return Asked(one.quantity + other.quantity, one.restock + other.restock)


def view_of(reservation: Reservation) -> LineView:
    """A reservation as an answer shows it."""
    return LineView(
        reservation.sku_id,
        reservation.line_no,
        reservation.requested,
        reservation.quantity,
        reservation.returned,
        reservation.state,
    )


def done(draft: Draft, order_id: str, about: list[LineKey], *, replayed: bool) -> OrderDone:
    """The answer of a verb that succeeded: the lines it was about, the state and expiry of the whole order."""
    lines = draft.lines()
    # an order without lines can only have been cancelled before it was locked
    states = {reservation.state for reservation in lines.values()} or {State.UNLOCKED}
    expires_at = max((each.expires_at for each in lines.values() if each.state is State.LOCKED), default=None)
    return OrderDone(
        order_id,
        states.pop() if len(states) == 1 else None,
        tuple(view_of(lines[key]) for key in about),
        expires_at,
        replayed,
    )


def refused(refusals: list[LineRefusal]) -> Refused:
    """The strongest of the lines' refusals, naming every line that refuses."""
    code: Code = min((refusal.code for refusal in refusals), key=lambda each: each.rank)
    return Refused(code, tuple(refusals))
