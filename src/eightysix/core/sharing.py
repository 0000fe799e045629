"""Sharing: the weights of a stock's channels make parts of what there is (DESIGN section 8, docs/decisions/0005).

The parts are made when a setting or a restore changes what there is, and stand until the next: an order changes none.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from .allocation import largest_remainder
from .availability import period_start, used_since
from .draft import Draft
from .quantity import step_of
from .stock import Allocation, ChannelStock, Stock

_FIELDS: dict[int, tuple[str, int | None]] = {Allocation.GUARANTEE: ("guarantee", 0), Allocation.LIMIT: ("limit", None)}
"""What a part is, and what it is where there is none."""


def share_out(draft: Draft, stock: Stock, wanted: Iterable[ChannelStock] = ()) -> list[ChannelStock]:
    """The channel rows to write with `stock`, which is about to be written: `wanted`, and those whose part changes.

    Where `stock` allocates, every channel with a weight gets as its guarantee or cap what it has used in the period and
    its share of what is there and not locked, in whole units of the item; equal remainders go in the order of channel
    codes. What doesn't allocate any more takes back what it gave. Another word on how to share opens guarantees that
    had flowed back; another count doesn't. `used` of a row that begins to count is counted anew.
    """
    before, was = draft.channel_rows(stock.key), draft.stock(stock.key)
    rows = {**before, **{row.channel_code: row for row in wanted}}
    said_anew = _word(was, before) != _word(stock, rows)
    if said_anew or (was.type, was.real, was.epoch_at) != (stock.type, stock.real, stock.epoch_at):
        for code in _shared(was, before):
            rows[code] = _without_part(was.allocation, before[code], rows[code])
        rows |= _with_parts(draft, stock, rows, is_open=said_anew)
    changed = [row for code, row in rows.items() if row != (before.get(code) or ChannelStock(stock.key, code))]
    return [_counting(draft, stock, row) for row in changed]


def channel_changes(draft: Draft, rows: Iterable[ChannelStock]) -> dict[str, Any]:
    """What `rows` change, for the log: `{code: [before, after]}`, before None where there was no row."""
    return {row.channel_code: [_shown(draft.channel_rows(row.key).get(row.channel_code)), _shown(row)] for row in rows}


def _word(stock: Stock, rows: Mapping[str, ChannelStock]) -> tuple[int, dict[str, int]]:
    """How the stock is to be shared."""
    return stock.allocation, {code: row.weight for code, row in rows.items() if row.weight > 0}


def _shared(stock: Stock, rows: Mapping[str, ChannelStock]) -> list[str]:
    """The channels among which the stock is shared, in order."""
    if stock.allocation == Allocation.NONE or not stock.is_limited:
        return []
    return [code for code, row in sorted(rows.items()) if row.weight > 0]


def _without_part(allocation: int, before: ChannelStock, row: ChannelStock) -> ChannelStock:
    """The row without its part; a value that was set by name just now stays."""
    name, nothing = _FIELDS[allocation]
    return replace(row, **{name: nothing}) if getattr(row, name) == getattr(before, name) else row


def _with_parts(
    draft: Draft, stock: Stock, rows: Mapping[str, ChannelStock], *, is_open: bool
) -> dict[str, ChannelStock]:
    """The rows that share, with their parts. `is_open`: also where guarantees have flowed back in this period."""
    brand_id = draft.store.brand_id
    known = draft.catalogue.channels(brand_id)
    codes = [code for code in _shared(stock, rows) if code in known]
    if not codes:
        return {}
    item = draft.catalogue.item(brand_id, *stock.key)
    step = step_of(item.decimals if item is not None else 3)
    shares = largest_remainder(stock.real - stock.locked, [rows[code].weight for code in codes], step)
    name, _ = _FIELDS[stock.allocation]
    return {
        code: replace(
            rows[code],
            released_at=0 if is_open else rows[code].released_at,
            **{name: _used(draft, stock, code) + share},
        )
        for code, share in zip(codes, shares, strict=True)
    }


def _used(draft: Draft, stock: Stock, channel_code: str) -> int:
    """What the channel has used in the period, also where nothing made it count so far."""
    period_at = period_start(draft.day, stock)
    row = draft.channel_rows(stock.key).get(channel_code)
    if row is not None and row.counts:
        return used_since(row, period_at)
    return draft.taken_since(stock.key, channel_code, period_at)


def _counting(draft: Draft, stock: Stock, row: ChannelStock) -> ChannelStock:
    """The row, `used` counted anew where a cap or a guarantee makes it count from now on."""
    before = draft.channel_rows(row.key).get(row.channel_code)
    if not row.counts or (before is not None and before.counts):
        return row
    period_at = period_start(draft.day, stock)
    return replace(row, period_at=period_at, used=draft.taken_since(row.key, row.channel_code, period_at))


def _shown(row: ChannelStock | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {name: getattr(row, name) for name in ("status", "type", "limit", "guarantee", "weight", "low")}
