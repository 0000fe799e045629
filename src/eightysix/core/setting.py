"""Setting stock: what a person or a rule decides about it (DESIGN sections 4, 5 and 8)."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from .admission import admit_setting
from .change import Kind
from .command import ChannelSetting, SetStock, Setting
from .draft import Draft, turned
from .key import StockKey
from .one_off import dated, wrong_one_off
from .outcome import Code, Refused, StockRow, StocksSet
from .quantity import MAX_QUANTITY
from .request import recalled, remember
from .restore import plan_earlier
from .sharing import channel_changes, share_out
from .shelf import Decision, Shelf
from .stock import ON_SALE, SOLD_OUT, ChannelStock, RestoreTo, Stock

BELOW_PROMISED = "count_below_promised"
"""The kind of incident that a count below what is promised opens."""


class _Remembered(msgspec.Struct, frozen=True, gc=False):
    """Which settings of a request were refused, and why; None for those that were made.

    The rows aren't kept, a thousand of them would be too much: a repeat is told what they are by then.
    """

    results: tuple[Refused | None, ...]


def set_stock(command: SetStock, shelf: Shelf) -> Decision:
    """Each setting is decided on its own: a refused one changes nothing and doesn't hold up the others."""
    known = recalled(command, shelf, _Remembered)
    draft = Draft(shelf, command.actor)
    if known is not None:
        return Decision(known if isinstance(known, Refused) else _again(command, known, draft))
    results = tuple(_set_one(command, setting, draft, shelf) for setting in command.settings)
    if command.dry_run:
        return Decision(StocksSet(results))
    kept = tuple(replace(each, stock=None) if isinstance(each, Refused) else None for each in results)
    if None in kept:
        remember(command, draft, _Remembered(kept))
    plan_earlier(draft, (setting.key for setting in command.settings))
    return draft.decision(StocksSet(results))


def _again(command: SetStock, known: _Remembered, draft: Draft) -> StocksSet:
    pairs = zip(command.settings, known.results, strict=True)
    return StocksSet(tuple(refused or unchanged(draft, setting.key) for setting, refused in pairs))


def unchanged(draft: Draft, key: StockKey) -> StockRow:
    """The row as it is."""
    return StockRow(draft.stock(key), tuple(draft.channel_rows(key).values()), replayed=True)


def _set_one(command: SetStock, setting: Setting, draft: Draft, shelf: Shelf) -> StockRow | Refused:
    refusal = admit_setting(command.store.brand_id, setting, shelf.catalogue)
    if refusal is not None:
        return refusal
    before = draft.stock(setting.key)
    if setting.expected_version is not None and setting.expected_version != before.settings_version:
        return Refused(Code.VERSION_CONFLICT, stock=before)
    field = wrong_one_off(before, setting)
    if field is not None:
        return Refused(Code.SETTING_INVALID, field=field)
    wanted = _wanted(before, setting, draft.now)
    if isinstance(wanted, Refused):
        return wanted
    return settle(draft, wanted, setting, command.reason) or unchanged(draft, setting.key)


def settle(
    draft: Draft, wanted: Stock, setting: Setting, reason: str | None, also: Mapping[str, Any] | None = None
) -> StockRow | None:
    """Write what `setting` makes of the stock, its channels included; None where that changes nothing. `also` is told
    in the log besides."""
    before = draft.stock(setting.key)
    wanted = dated(before, turned(wanted), draft.now)
    rows = _channel_rows(setting, wanted, draft)
    changes = _changes(before, wanted, draft, rows)
    if not changes:
        return None
    stock = replace(
        wanted,
        settings_version=before.settings_version + 1,
        updated_at=max(draft.now, before.updated_at + 1),
    )
    content = msgspec.json.encode(changes | dict(also or {})).decode()
    draft.set_stock(stock, content, oversell=BELOW_PROMISED, reason=reason, kind=setting.kind)
    for row in rows:
        draft.put_channel(row)
    draft.watch(setting.key)
    return StockRow(draft.stock(setting.key), tuple(draft.channel_rows(setting.key).values()), changes=changes)


def differences(draft: Draft, wanted: Stock, setting: Setting) -> dict[str, Any]:
    """What `settle` would change: `{field: [before, after]}`, channels by code."""
    before = draft.stock(setting.key)
    wanted = dated(before, turned(wanted), draft.now)
    return _changes(before, wanted, draft, _channel_rows(setting, wanted, draft))


def _wanted(before: Stock, setting: Setting, now: int) -> Stock | Refused:
    """The row as it shall be, before the automatic turn."""
    if setting.kind in (Kind.ADD, Kind.COUNT):
        return _counted(before, setting)
    if setting.kind is Kind.EIGHTY_SIX:
        restore_at = setting.auto_restore_at
        if isinstance(restore_at, int) and restore_at <= now:
            return Refused(Code.SETTING_INVALID, field="until", stock=before)
    return stated(before, setting)


def stated(before: Stock, setting: Setting) -> Stock | Refused:
    """The row with what is stated of it; what a manual 86 is follows from where it stood."""
    if setting.manual is True and setting.status is UNSET and not before.manual:  # what makes it so is status 2
        return Refused(Code.SETTING_INVALID, field="manual", stock=before)
    if setting.status == ON_SALE and before.manual and before.restore_to == RestoreTo.KEEP:
        return _put_back(before, setting)
    return _set(before, setting)


def _put_back(before: Stock, setting: Setting) -> Stock:
    """The row without the 86 and its end. Who sends whole rows shows the end as it was and doesn't ask for another."""
    if all(getattr(setting, name) in (UNSET, getattr(before, name)) for name in _ONE_OFF):
        setting = replace(setting, **dict.fromkeys(_ONE_OFF, UNSET))
    return _set(replace(before, auto_restore_type=0, auto_restore_at=None, restore_to=RestoreTo.PLAN), setting)


def _counted(before: Stock, setting: Setting) -> Stock | Refused:
    """The row after something was added to what is there, or it was counted."""
    if not before.is_limited:
        return Refused(Code.SETTING_INVALID, field="op", stock=before)
    if setting.quantity is UNSET:
        return Refused(Code.SETTING_INVALID, field="quantity")
    real = setting.quantity + before.real * (setting.kind is Kind.ADD)
    # what was sold beyond what is there (real below 0) may be made up for in part
    if real > MAX_QUANTITY or (real < 0 and real < before.real):
        return Refused(Code.QUANTITY_OUT_OF_RANGE, field="quantity", stock=before)
    return replace(before, real=real)


def _set(before: Stock, setting: Setting) -> Stock:
    """The row with the fields that were sent; whether an 86 is manual follows from where it stood."""
    fields: dict[str, Any] = {name: value for name in _SETTABLE if (value := getattr(setting, name)) is not UNSET}
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
        for name in ("status", "type", "limit", "guarantee", "weight", "low")
        if (value := getattr(setting, name)) is not UNSET
    }
    if fields.get("guarantee", row.guarantee) != row.guarantee:
        fields["released_at"] = 0
    return replace(row, **fields)


_ONE_OFF = ("auto_restore_type", "auto_restore_at", "restore_to")
_SETTABLE = ("type", "plan", "real", *_ONE_OFF, "allocation", "low")
_SHOWN = ("status", "manual", *_SETTABLE)


def _changes(before: Stock, wanted: Stock, draft: Draft, rows: list[ChannelStock]) -> dict[str, Any]:
    """What changes: `{field: [before, after]}`, channels by code."""
    changed: dict[str, Any] = {
        name: [getattr(before, name), getattr(wanted, name)]
        for name in _SHOWN
        if getattr(before, name) != getattr(wanted, name)
    }
    if rows:
        changed["channels"] = channel_changes(draft, rows)
    return changed
