"""Rows of the cloud as they come over the line, made into what the hub's rules know.

The line tells what a channel has used in the cloud's current period, not when it began: it is taken for current here,
as it is applied at once.
"""

from decimal import Decimal

from eightysix.core.hub import MirrorRow
from eightysix.core.instant import from_iso
from eightysix.core.key import StockKey
from eightysix.core.quantity import thousandths
from eightysix.core.stock import Allocation, ChannelStock, Stock
from eightysix.wire.message import ChannelState, StockState
from eightysix.wire.stock import RESTORE_TO, Number


def mirror_row(state: StockState, now: int) -> MirrorRow:
    """The row; `now` in milliseconds. ValueError (or KeyError) for what no cloud of this make tells."""
    key = StockKey(state.object_type, state.object_id)
    epoch_at = _instant(state.epoch_at)
    stock = Stock(
        key,
        state.stock_status,
        state.stock_type,
        state.manual,
        _quantity(state.plan_quantity),
        _quantity(state.real_quantity),
        _quantity(state.locked_quantity),
        _quantity(state.grant_quantity),
        _quantity(state.oversold_quantity),
        state.version,
        state.settings_version,
        _instant(state.updated_at),
        state.auto_restore_type,
        None if state.auto_restore_at is None else _instant(state.auto_restore_at),
        epoch_at,
        RESTORE_TO[state.restore_to],
        _instant(state.auto_restore_from),
        state.restored_slot,
        allocation=Allocation[state.allocation.upper()],
        low=_optional(state.low_quantity),
        is_low=state.is_low,
    )
    return MirrorRow(stock, tuple(_channel(key, each, max(now, epoch_at)) for each in state.channel_stocks))


def _channel(key: StockKey, state: ChannelState, period_at: int) -> ChannelStock:
    return ChannelStock(
        key,
        state.channel_code,
        state.stock_status,
        state.stock_type,
        _optional(state.limit_quantity),
        _quantity(state.guarantee_quantity),
        state.weight,
        period_at,
        _quantity(state.used_quantity),
        _instant(state.released_at),
        _optional(state.low_quantity),
        state.is_low,
    )


def _quantity(value: Number) -> int:
    return thousandths(Decimal(value))


def _optional(value: Number | None) -> int | None:
    return None if value is None else _quantity(value)


def _instant(value: str | None) -> int:
    """0 is never."""
    return 0 if value is None else from_iso(value)
