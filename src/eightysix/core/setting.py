"""Setting stock: what a person or a rule decides about it (DESIGN sections 4, 5 and 8)."""

from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from .admission import admit_setting
from .command import ChannelSetting, SetStock, Setting
from .draft import Draft, turned
from .outcome import Code, Refused, StockRow, StocksSet
from .sharing import channel_changes, share_out
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
    refusal = admit_setting(command.store.brand_id, setting, shelf.catalogue)
    if refusal is not None:
        return refusal
    before = draft.stock(setting.key)
    if setting.expected_version is not None and setting.expected_version != before.settings_version:
        return Refused(Code.VERSION_CONFLICT, stock=before)
    wanted = turned(_wanted(before, setting))
    rows = _channel_rows(setting, wanted, draft)
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
        for name in ("type", "plan", "real", "auto_restore_type", "auto_restore_at", "allocation")
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


def _channel_rows(setting: Setting, stock: Stock, draft: Draft) -> list[ChannelStock]:
    """The channel rows that differ from what there is, those that the weights make differ included."""
    before = draft.channel_rows(setting.key)
    wanted = [
        _set_channel(before.get(each.channel_code) or ChannelStock(setting.key, each.channel_code), each)
        for each in setting.channels
    ]
    return share_out(draft, stock, wanted)


def _set_channel(row: ChannelStock, setting: ChannelSetting) -> ChannelStock:
    fields: dict[str, Any] = {
        name: value
        for name in ("status", "type", "limit", "guarantee", "weight")
        if (value := getattr(setting, name)) is not UNSET
    }
    if fields.get("guarantee", row.guarantee) != row.guarantee:
        fields["released_at"] = 0
    return replace(row, **fields)


def _content(before: Stock, wanted: Stock, draft: Draft, rows: list[ChannelStock]) -> str | None:
    """JSON of what changes: `{field: [before, after]}`, channels by code; None where nothing does."""
    changed: dict[str, Any] = {
        name: [getattr(before, name), getattr(wanted, name)]
        for name in ("status", "type", "manual", "plan", "real", "auto_restore_type", "auto_restore_at", "allocation")
        if getattr(before, name) != getattr(wanted, name)
    }
    if rows:
        changed["channels"] = channel_changes(draft, rows)
    return msgspec.json.encode(changed).decode() if changed else None
