"""The digest of a stock's row: equal exactly where two sides have the same row.

It is the first 32 hexadecimal digits of the SHA-256 of the row's values, a line each (joined by a newline), UTF-8, in
the order of FIELDS, then of CHANNEL_FIELDS for each channel row in the order of channel codes. Values are written as
the wire has them: a quantity without trailing zeros, true and false, an instant as text, null as an empty line.
What changes without a version of its own (what is available, what a channel used) is not part of it.
"""

import hashlib
from collections.abc import Iterable

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
"""Of the stock, by their names on the wire."""

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
"""Of each channel row."""


def digest_of(stock: Stock, channels: Iterable[ChannelStock]) -> str:
    """The digest of a row as the database has it."""
    values: list[object] = [
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
        RestoreTo(stock.restore_to).name.lower(),
        Allocation(stock.allocation).name.lower(),
        None if stock.low is None else as_number(stock.low),
        stock.is_low,
    ]
    for row in sorted(channels, key=lambda each: each.channel_code):
        values += [
            row.channel_code,
            row.status,
            row.type,
            None if row.limit is None else as_number(row.limit),
            as_number(row.guarantee),
            row.weight,
            None if row.low is None else as_number(row.low),
            row.is_low,
        ]
    return digest(values)


def digest(values: Iterable[object]) -> str:
    """The digest of these values in this order."""
    return hashlib.sha256("\n".join(map(_written, values)).encode()).hexdigest()[:32]


def _written(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:f}" if hasattr(value, "is_finite") else str(value)
