"""Which changed rows may be written narrowly: an order moves a few columns, a setting or a new lock any of them."""

from eightysix.core.reservation import Reservation
from eightysix.core.stock import Stock


def only_counted(before: Stock, after: Stock) -> bool:
    """Whether an order moved counters and nobody set anything."""
    return (
        before.settings_version == after.settings_version
        and before.updated_at == after.updated_at
        and before.grant == after.grant
        and before.manual == after.manual
        and before.type == after.type
        and before.plan == after.plan
        and before.epoch_at == after.epoch_at
        and before.auto_restore_type == after.auto_restore_type
        and before.auto_restore_at == after.auto_restore_at
        and before.is_low == after.is_low
        and before.settings_real == after.settings_real
    )


def only_moved(before: Reservation, after: Reservation) -> bool:
    """Whether the line went on in its life; a new lock on a dead line replaces more than that."""
    return (
        before.locked_at == after.locked_at
        and before.requested == after.requested
        and before.channel_code == after.channel_code
        and (before.takes is after.takes or before.takes == after.takes)
    )
