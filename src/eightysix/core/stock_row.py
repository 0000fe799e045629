"""A stock's row as others see it: its values in the one order that answers, messages and digests share.

Quantities in portions without trailing zeros, `real` never below 0, instants as text.
"""

from typing import Any

from .instant import to_iso
from .quantity import as_number
from .stock import Allocation, ChannelStock, RestoreTo, Stock

FIELDS = (
    "object_type",
    "object_id",
    "stock_status",
    "stock_type",
    "manual",
    "plan_quantity",
    "real_quantity",
    "locked_quantity",
    "grant_quantity",
    "oversold_quantity",
    "version",
    "settings_version",
    "updated_at",
    "auto_restore_type",
    "auto_restore_at",
    "restore_to",
    "allocation",
    "low_quantity",
    "is_low",
)
"""What the wire calls the values of a stock."""

CHANNEL_FIELDS = (
    "channel_code",
    "stock_status",
    "stock_type",
    "limit_quantity",
    "guarantee_quantity",
    "weight",
    "low_quantity",
    "is_low",
)
"""What it calls those of a channel row."""

_RESTORE_NAMES = {int(each): each.name.lower() for each in RestoreTo}
_ALLOCATION_NAMES = {int(each): each.name.lower() for each in Allocation}


def row_values(stock: Stock) -> tuple[Any, ...]:
    """The values of FIELDS."""
    return (
        *stock.key,
        stock.status,
        stock.type,
        stock.manual,
        as_number(stock.plan),
        as_number(max(0, stock.real)),
        as_number(stock.locked),
        as_number(stock.grant),
        as_number(stock.oversold),
        stock.version,
        stock.settings_version,
        to_iso(stock.updated_at) if stock.is_set else None,
        stock.auto_restore_type,
        None if stock.auto_restore_at is None else to_iso(stock.auto_restore_at),
        _RESTORE_NAMES[stock.restore_to],
        _ALLOCATION_NAMES[stock.allocation],
        None if stock.low is None else as_number(stock.low),
        stock.is_low,
    )


def channel_values(row: ChannelStock) -> tuple[Any, ...]:
    """The values of CHANNEL_FIELDS."""
    return (
        row.channel_code,
        row.status,
        row.type,
        None if row.limit is None else as_number(row.limit),
        as_number(row.guarantee),
        row.weight,
        None if row.low is None else as_number(row.low),
        row.is_low,
    )
