"""Setting stock: what a person or a rule decides about it (DESIGN sections 4, 5 and 8)."""

from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from .availability import period_start
from .command import ChannelSetting, SetStock, Setting
from .draft import Draft, turned
from .key import StockKey
from .outcome import Code, Refused, StockRow, StocksSet
from .reservation import Reservation, State
from .shelf import Decision, Shelf
from .stock import ON_SALE, SOLD_OUT, ChannelStock, Stock

BELOW_PROMISED = "count_below_promised"
"""The kind of incident that a count below what is promised opens."""


def set_stock(command: SetStock, shelf: Shelf) -> Decision:
    """Each setting is decided on its own: a refused one changes nothing and doesn't hold up the others."""
    draft = Draft(shelf, command.actor)
    results = tuple(_set_one(command, setting, draft, shelf) for setting in command.settings)
    return draft.decision(StocksSet(results))


def _set_one(command: SetStock, setting: Setting, draft: Draft, shelf: Shelf) -> StockRow | Refused:
    before = draft.stock(setting.key)
    if setting.expected_version is not None and setting.expected_version != before.settings_version:
        return Refused(Code.VERSION_CONFLICT, stock=before)
    wanted = turned(_wanted(before, setting))
    rows = _channel_rows(setting, draft, shelf)
    content = _content(before, wanted, draft, rows)
    if content is None:
        return StockRow(before, tuple(draft.channel_rows(setting.key).values()), replayed=True)
    stock = replace(
        wanted,
        settings_version=before.settings_version + 1,
        updated_at=max(draft.now, before.updated_at + 1),
    )
    stock = draft.set_stock(stock, content, oversell=BELOW_PROMISED, reason=command.reason)
    for row in rows:
        draft.put_channel(row)
    return StockRow(stock, tuple(draft.channel_rows(setting.key).values()))


def _wanted(before: Stock, setting: Setting) -> Stock:
    """The row with the fields that were sent; whether an 86 is manual follows from where it stood."""
    fields: dict[str, Any] = {
        name: value
        for name in ("type", "plan", "real", "auto_restore_type", "auto_restore_at")
        if (value := getattr(setting, name)) is not UNSET
    }
    stock = replace(before, **fields)
    if setting.status is UNSET:
        return stock
    if setting.status == ON_SALE:
        return replace(stock, status=ON_SALE, manual=False)
    # false is the wire's default and says nothing: only status 1 lifts a manual 86
    newly = before.status == ON_SALE
    manual = (not stock.is_limited or stock.real > 0) if newly else before.manual
    return replace(stock, status=SOLD_OUT, manual=manual or setting.manual is True)


def _channel_rows(setting: Setting, draft: Draft, shelf: Shelf) -> list[ChannelStock]:
    """The channel rows that differ from what there is, `used` counted anew where a cap or guarantee is new."""
    rows: list[ChannelStock] = []
    for channel in setting.channels:
        before = draft.channel_rows(setting.key).get(channel.channel_code)
        base = before or ChannelStock(setting.key, channel.channel_code)
        row = _set_channel(base, channel)
        if before == row:
            continue
        if row.counts and not (before is not None and before.counts):
            period_at = period_start(draft.day, draft.stock(setting.key))
            row = replace(row, period_at=period_at, used=_taken(setting.key, channel.channel_code, period_at, shelf))
        rows.append(row)
    return rows


def _set_channel(row: ChannelStock, setting: ChannelSetting) -> ChannelStock:
    fields: dict[str, Any] = {
        name: value
        for name in ("status", "type", "limit", "guarantee", "weight")
        if (value := getattr(setting, name)) is not UNSET
    }
    return replace(row, **fields)


def _taken(key: StockKey, channel_code: str, period_at: int, shelf: Shelf) -> int:
    """What the channel has taken of the stock since `period_at`, from its reservations as this batch left them."""
    loaded = {(each.order_id, each.line): each for each in shelf.taken or ()}
    current = {(order_id, line): each for order_id, lines in shelf.orders.items() for line, each in lines.items()}
    return sum(
        take.amount(_kept(each))
        for each in (loaded | current).values()
        if each.channel_code == channel_code and each.locked_at >= period_at
        for take in each.takes
        if take.key == key
    )


def _kept(reservation: Reservation) -> int:
    """What a reservation counts in `used`: locked + deducted − restocked."""
    if reservation.state is State.LOCKED:
        return reservation.quantity
    if reservation.state in (State.DEDUCTED, State.RETURNED):
        return reservation.quantity - reservation.restocked
    return 0


def _content(before: Stock, wanted: Stock, draft: Draft, rows: list[ChannelStock]) -> str | None:
    """JSON of what changes: `{field: [before, after]}`, channels by code; None where nothing does."""
    changed: dict[str, Any] = {
        name: [getattr(before, name), getattr(wanted, name)]
        for name in ("status", "type", "manual", "plan", "real", "auto_restore_type", "auto_restore_at")
        if getattr(before, name) != getattr(wanted, name)
    }
    if rows:
        old = draft.channel_rows(before.key)
        changed["channels"] = {row.channel_code: [_shown(old.get(row.channel_code)), _shown(row)] for row in rows}
    return msgspec.json.encode(changed).decode() if changed else None


def _shown(row: ChannelStock | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {name: getattr(row, name) for name in ("status", "type", "limit", "guarantee", "weight")}
