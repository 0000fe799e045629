"""The digest of a stock's row: equal exactly where two sides have the same row.

It is the first 32 hexadecimal digits of the SHA-256 of the row's values, a line each (joined by a newline), UTF-8, in
the order of `stock_row.FIELDS`, then of its CHANNEL_FIELDS for each channel row by channel code. Values are written as
the wire has them: a quantity without trailing zeros, true and false, an instant as text, null as an empty line.
What changes without a version of its own (what is available, what a channel used) is not part of it.
"""

import hashlib
from collections.abc import Iterable

from .stock import ChannelStock, Stock
from .stock_row import channel_values, row_values


def digest_of(stock: Stock, channels: Iterable[ChannelStock]) -> str:
    """The digest of a row as the database has it."""
    rows = sorted(channels, key=lambda each: each.channel_code)
    return digest([*row_values(stock), *(value for row in rows for value in channel_values(row))])


def digest(values: Iterable[object]) -> str:
    """The digest of these values in this order."""
    return hashlib.sha256("\n".join(map(_written, values)).encode()).hexdigest()[:32]


def _written(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:f}" if hasattr(value, "is_finite") else str(value)
