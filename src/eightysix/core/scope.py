"""Whose orders a caller of one channel reaches: those with lines of that channel and of no other.

Decided on the loaded rows, in the batch, so no order can change hands between the question and the answer. Other
channels' orders are as good as absent. An order that nobody has locked can't be cancelled beforehand by such a caller
either: that would stand in the way of whoever locks it. Callers without a channel never come here.
"""

from collections.abc import Iterable

from .command import Command, LockStock, OrderCommand
from .outcome import Code, Refused
from .reservation import Reservation
from .shelf import Shelf


def out_of_reach(command: Command, shelf: Shelf) -> Refused | None:
    """The refusal where the order is, or may become, another channel's; None where the caller may go on."""
    if not isinstance(command, OrderCommand):
        return None
    lines = shelf.orders.get(command.order_id, {}).values()
    if isinstance(command, LockStock):
        taken = any(line.channel_code not in ("", command.actor.channel_code) for line in lines)
        return Refused(Code.IDEMPOTENCY_MISMATCH, field="order_id") if taken else None
    return None if is_of(command.actor.channel_code, lines) else Refused(Code.ORDER_NOT_FOUND)


def is_of(channel_code: str | None, lines: Iterable[Reservation]) -> bool:
    """Whether the order is that channel's (None: any). Lines cancelled before they were locked are nobody's."""
    return channel_code is None or {line.channel_code for line in lines} - {""} == {channel_code}
