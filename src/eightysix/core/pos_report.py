"""What a POS reports of one stock (DESIGN section 5): a whole row, based on the row that it last saw.

A report is behind where somebody has set the stock since; orders don't count as that. Its count is, too, where orders
have moved what is there: then only a difference tells, and a number that the POS may have seen on the way says nothing.
"""

from typing import NamedTuple

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from .command import ReportStock, Setting
from .draft import Draft, turned
from .one_off import wrong_one_off
from .outcome import Code, Refused, StockReported
from .quantity import MAX_QUANTITY
from .request import digest_of, own_id, remember_as
from .restore import plan_earlier
from .setting import settle, stated, unchanged
from .shelf import Decision, Shelf
from .stock import LIMITED, ON_SALE, SOLD_OUT, Stock


class _Remembered(msgspec.Struct, frozen=True, gc=False):
    """What a repeat of the report is told besides the row as it is by then."""

    real_applied: bool


def report_ids(command: ReportStock) -> tuple[str, ...]:
    """Under what a report is remembered: its body with its base, and its event if it has one."""
    of_body = own_id("pos-body", _body(command))
    event_id = command.actor.event_id
    return (of_body,) if event_id is None else (of_body, own_id("pos", event_id))


def report_stock(command: ReportStock, shelf: Shelf) -> Decision:
    """Set what differs from the row, unless somebody else has set the stock since the POS saw it."""
    draft, setting = Draft(shelf, command.actor), command.setting
    known = _recalled(command, shelf)
    if isinstance(known, Refused):
        return Decision(known)
    if known is not None:
        return Decision(StockReported(unchanged(draft, setting.key), known.real_applied))
    before = draft.stock(setting.key)
    # a row that nobody has set yet is as good as none
    if before.settings_version and before.updated_at != command.base_at:
        return Decision(_refused(Code.STALE_REPORT, draft, setting))
    told = reported(before, setting, command.base_real)
    if isinstance(told, Refused):
        return Decision(replace(told, channels=tuple(draft.channel_rows(setting.key).values())))
    row = settle(draft, told.stock, setting, None) or replace(unchanged(draft, setting.key), replayed=False)
    for request_id in report_ids(command):
        remember_as(request_id, digest_of(_body(command)), draft, _Remembered(told.real_applied))
    plan_earlier(draft, (setting.key,))
    return draft.decision(StockReported(row, told.real_applied))


def _refused(code: Code, draft: Draft, setting: Setting) -> Refused:
    return Refused(code, stock=draft.stock(setting.key), channels=tuple(draft.channel_rows(setting.key).values()))


def _body(command: ReportStock) -> tuple[object, ...]:
    """Everything but who reports, and by which event."""
    return command.setting, command.base_at, command.base_real


def _recalled(command: ReportStock, shelf: Shelf) -> _Remembered | Refused | None:
    """What is known of the report: by its event, which must have had this body, else by its body on this base."""
    for request_id in reversed(report_ids(command)):
        record = shelf.requests.get(request_id)
        if record is None:
            continue
        if record.digest != digest_of(_body(command)):
            return Refused(Code.IDEMPOTENCY_MISMATCH, field="event_id")
        return msgspec.json.decode(record.outcome, type=_Remembered)
    return None


class Reported(NamedTuple):
    """The row as the report would have it. `real_applied` is False where its count was only an echo."""

    stock: Stock
    real_applied: bool


def reported(before: Stock, setting: Setting, base_real: int | None, *, knows_real: bool = True) -> Reported | Refused:
    """What a report makes of the row, which nobody else has set since the POS saw it. `knows_real`: the POS knows what
    was there when it was set last."""
    field = wrong_one_off(before, setting)
    if field is not None:
        return Refused(Code.SETTING_INVALID, field=field, stock=before)
    counted = _counted(before if knows_real else replace(before, settings_real=None), setting, base_real)
    if isinstance(counted, Refused):
        return counted
    real, real_applied = counted
    seen = _as_seen(before)
    if _is_automatic(seen, setting):
        setting = replace(setting, status=UNSET)
    stock = stated(before, replace(setting, real=real))
    if isinstance(stock, Refused):
        return stock
    if setting.status == SOLD_OUT:
        # by a person, where the row that they saw was on sale: orders may have turned it meanwhile
        manual = before.manual or seen.status == ON_SALE or setting.manual is True
        stock = replace(stock, status=SOLD_OUT, manual=manual)
    return Reported(stock, real_applied)


def _counted(before: Stock, setting: Setting, base_real: int | None) -> tuple[int, bool] | Refused:
    """(what is there after the report, whether its count says anything)."""
    there, told = before.real, setting.real
    if told is UNSET:
        return there, True
    then = before.settings_real if before.settings_version else there
    if then == there:
        if told == max(0, there):  # below 0 the POS was shown 0
            return there, True
        if base_real in (None, max(0, there)):
            return told, True
    else:
        shown = [max(0, each) for each in (there if then is None else then, there)]
        if min(shown) <= told <= max(shown):
            return there, False
    if base_real is None:
        return Refused(Code.COUNT_BASE_MISSING, field="base_real_quantity", stock=before)
    real = there + told - base_real
    if real > MAX_QUANTITY:
        return Refused(Code.QUANTITY_OUT_OF_RANGE, field="real_quantity", stock=before)
    return real, True


def _as_seen(before: Stock) -> Stock:
    """The row as it was right after it was set last, which is what the POS has seen."""
    then = before.settings_real
    return before if then is None or then == before.real else turned(replace(before, real=then))


def _is_automatic(seen: Stock, setting: Setting) -> bool:
    """Whether the report's "sold out" is only what follows from nothing being there."""
    if setting.status != SOLD_OUT or setting.manual is True:
        return False
    limited = seen.is_limited if setting.type is UNSET else setting.type == LIMITED
    return limited and (seen.real if setting.real is UNSET else setting.real) <= 0
