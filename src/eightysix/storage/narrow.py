"""Which changed rows may be written narrowly: an order moves a few columns, a setting or a new lock any of them."""

from operator import attrgetter

from eightysix.core.reservation import Reservation
from eightysix.core.stock import Stock

_COUNTED = {"status", "real", "locked", "oversold", "version"}
_rest = attrgetter(*(name for name in Stock.__struct_fields__ if name not in _COUNTED))
"""All that a narrow write leaves as it is."""


def only_counted(before: Stock, after: Stock) -> bool:
    """Whether an order moved counters and nobody set anything."""
    return bool(_rest(before) == _rest(after))


def only_moved(before: Reservation, after: Reservation) -> bool:
    """Whether the line went on in its life; a new lock on a dead line replaces more than that."""
    return (
        before.locked_at == after.locked_at
        and before.requested == after.requested
        and before.channel_code == after.channel_code
        and before.hub_id == after.hub_id
        and (before.takes is after.takes or before.takes == after.takes)
    )
