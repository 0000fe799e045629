"""What a setting changed, field by field, as the wire shows it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from eightysix.core.instant import to_iso
from eightysix.core.quantity import as_number
from eightysix.core.stock import Allocation, RestoreTo


class FieldChange(msgspec.Struct, frozen=True, gc=False):
    """One field; `channel_code` where it is a channel's. Quantities in portions."""

    field: str
    channel_code: str | None
    before: Any
    after: Any


def changes_answer(changes: Mapping[str, Any]) -> list[FieldChange]:
    """`{field: [before, after]}`, channels by code, as the core tells it."""
    shown: list[FieldChange] = []
    for name, value in changes.items():
        if name == "channels":
            for code, (before, after) in value.items():
                shown += _of_channel(code, before or _NOTHING_SET, after)
        else:
            shown.append(_change(name, None, *value))
    return shown


def _of_channel(code: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[FieldChange]:
    for name in after:
        if before.get(name) != after[name]:
            yield _change(name, code, before.get(name), after[name])


def _change(name: str, code: str | None, before: Any, after: Any) -> FieldChange:
    field, shown = _FIELDS.get(name, (name, _same))
    return FieldChange(field, code, shown(before), shown(after))


def _quantity(value: int | None) -> Any:
    return None if value is None else as_number(value)


def _iso(value: int | None) -> str | None:
    return None if value is None else to_iso(value)


def _same(value: Any) -> Any:
    return value


_FIELDS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "status": ("stock_status", _same),
    "type": ("stock_type", _same),
    "plan": ("plan_quantity", _quantity),
    "real": ("real_quantity", _quantity),
    "auto_restore_at": ("auto_restore_at", _iso),
    "restore_to": ("restore_to", lambda value: RestoreTo(value).name.lower()),
    "allocation": ("allocation", lambda value: Allocation(value).name.lower()),
    "limit": ("limit_quantity", _quantity),
    "guarantee": ("guarantee_quantity", _quantity),
    "low": ("low_quantity", _quantity),
    "open": ("open_quantity", _quantity),
    "released_at": ("released_at", lambda value: _iso(value or None)),
}
"""What the core calls a field, what the wire calls it, and how its values are shown; others are shown as they are."""

_NOTHING_SET = {"status": 1, "type": 1, "limit": None, "guarantee": 0, "weight": 0}
"""A channel of which nothing was set before."""
