"""Replay: what happened in a store while it was cut off, told by a device's journal (DESIGN sections 5 and 7).

Every event gets a final result and the journal moves on. Sales always count. A setting counts if nobody else has set
the stock since, and a newer 86 of the store does in any case; what is superseded is logged with both sides. Why each
rule is as it is: docs/decisions/0009.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from .admission import admit_setting
from .amend import amend
from .change import Journal, Kind, RequestRecord
from .command import (
    AmendStock,
    ChangeStock,
    CountStock,
    DeductStock,
    LockStock,
    ReplayEvent,
    ReturnStock,
    SellStock,
    Setting,
    UnlockStock,
)
from .draft import Draft
from .giveback import giveback
from .home import is_told_to_hub
from .journal import Mark, event_digest, is_current, knows_real, marked, own_mark, result_id
from .lock import lock
from .outcome import Code, EventReplayed, OrderDone, Outcome, Refused, Result
from .pos_report import Reported, reported
from .quantity import MAX_QUANTITY
from .replayed_sale import REPLAYED_SALE, remember_cancelled, sell, whole
from .restore import plan_earlier
from .selection import asked
from .setting import differences, settle
from .shelf import Decision, Shelf
from .stock import ON_SALE, SOLD_OUT, UNLIMITED, Stock
from .unlock import unlock


class _Remembered(msgspec.Struct, frozen=True, gc=False):
    """An event's result, told again to whoever sends it again."""

    result: Result
    code: Code | None


class Done(msgspec.Struct, gc=False):
    """What an event comes to: its changes, and why all or a part of it was superseded. `counted` says that something of
    it was done, or had been."""

    decision: Decision
    counted: bool = True
    code: Code | None = None
    journal: Journal | None = None


def replay(command: ReplayEvent, shelf: Shelf) -> Decision:
    """Decide the journal's next event; one that has its result is told that again."""
    journal = shelf.journals.get(command.journal)
    journal = journal or Journal(command.device_id, command.journal_id)
    record = shelf.requests.get(result_id(command))
    if command.seq <= journal.last_seq and record is not None:
        return Decision(_again(command, journal, record))
    if command.seq != journal.last_seq + 1:  # what is so old that its result is forgotten needn't be told again either
        return Decision(Refused(Code.JOURNAL_GAP, field="seq", expected_seq=journal.last_seq + 1))
    if is_told_to_hub(command.event, shelf):
        done = Done(Decision(Refused(Code.ORDER_AT_HUB)), counted=False, code=Code.ORDER_AT_HUB)
    else:
        done = _RULES[type(command.event)](command, shelf, journal)
    decision = done.decision
    result = Result.APPLIED if done.counted else Result.SUPERSEDED
    if decision.incidents:
        result = Result.INCIDENT
    kept = msgspec.json.encode(_Remembered(result, done.code))
    decision.requests = [*decision.requests, RequestRecord(result_id(command), event_digest(command), kept, shelf.now)]
    decision.journal = replace(done.journal or journal, last_seq=command.seq, last_at=shelf.now)
    decision.outcome = EventReplayed(command.seq, result, command.seq + 1, done.code)
    return decision


def _again(command: ReplayEvent, journal: Journal, record: RequestRecord) -> Outcome:
    if record.digest != event_digest(command):
        return Refused(Code.JOURNAL_MISMATCH, field="seq", expected_seq=journal.last_seq + 1)
    known = msgspec.json.decode(record.outcome, type=_Remembered)
    return EventReplayed(command.seq, known.result, journal.last_seq + 1, known.code, replayed=True)


def _verb(decision: Decision) -> Done:
    """A verb's own decision; what it refuses is superseded."""
    outcome = decision.outcome
    if isinstance(outcome, Refused):
        return Done(Decision(outcome), counted=False, code=outcome.code)
    return Done(decision)


def _lock(command: ReplayEvent, shelf: Shelf, _journal: Journal) -> Done:
    """What can be held of it is held; lines that were sold or returned already, or asked for in another quantity, are
    left out."""
    event: Any = command.event
    decision = lock(event, shelf, forced=REPLAYED_SALE)
    outcome = decision.outcome
    if isinstance(outcome, Refused):
        left_out = {(each.sku_id, each.line_no) for each in outcome.lines}
        rest = tuple(line for line in event.lines if (line.sku_id, line.line_no) not in left_out)
        if rest and len(rest) < len(event.lines):
            return Done(lock(replace(event, lines=rest), shelf, forced=REPLAYED_SALE), code=outcome.code)
        return Done(remember_cancelled(event, shelf, outcome), counted=False, code=outcome.code)
    return _verb(decision)


def _deduct(command: ReplayEvent, shelf: Shelf, _journal: Journal) -> Done:
    event: Any = command.event
    return deduct_told(event, shelf)


def deduct_told(event: DeductStock | SellStock, shelf: Shelf) -> Done:
    """A sale counts, whatever the order still holds."""
    draft = Draft(shelf, event.actor, event.order_id)
    held = draft.lines()
    wanted = whole(held) if event.lines is None else {key: each.quantity for key, each in asked(event.lines).items()}
    if not wanted:
        ended = Code.ALREADY_RETURNED if held else Code.ORDER_CANCELLED if draft.is_closed() else Code.ORDER_NOT_FOUND
        return Done(Decision(Refused(ended)), counted=False, code=ended)
    channel_code = event.channel_code if isinstance(event, SellStock) else ""
    counted, codes = sell(draft, event.order_id, wanted, channel_code, event.reason)
    code = min(codes, key=lambda each: each.rank, default=None)
    return Done(draft.decision(OrderDone(event.order_id, None, ())), counted, code)


def _unlock(command: ReplayEvent, shelf: Shelf, _journal: Journal) -> Done:
    event: Any = command.event
    return unlock_told(event, shelf)


def unlock_told(event: UnlockStock, shelf: Shelf) -> Done:
    """What was cancelled of what is known here."""
    held = shelf.orders.get(event.order_id, {})
    about = held.keys() if event.lines is None else held.keys() & asked(event.lines).keys()
    if not about and event.order_id not in shelf.closed:
        return Done(Decision(Refused(Code.ORDER_NOT_FOUND)), counted=False, code=Code.ORDER_NOT_FOUND)
    return _verb(unlock(event, shelf))


def _return(command: ReplayEvent, shelf: Shelf, _journal: Journal) -> Done:
    event: Any = command.event
    return _verb(giveback(event, shelf))


def _amend(command: ReplayEvent, shelf: Shelf, _journal: Journal) -> Done:
    event: Any = command.event
    decision = amend(event, shelf, forced=REPLAYED_SALE)
    outcome = decision.outcome
    if isinstance(outcome, Refused) and outcome.code is Code.LOCK_EXPIRED and event.lines:
        return _amend_dead(event, shelf) or _verb(decision)
    if isinstance(outcome, Refused) and event.lines:
        return Done(remember_cancelled(event, shelf, outcome), counted=False, code=outcome.code)
    return _verb(decision)


def _amend_dead(event: AmendStock, shelf: Shelf) -> Done | None:
    """The order's lock has died meanwhile: the lines are held anew in their new quantities, so that the deduct that
    follows finds them."""
    held = shelf.orders.get(event.order_id, {})
    lines = event.lines or ()
    about = [held.get((line.sku_id, line.line_no)) for line in lines]
    codes = {each.channel_code for each in about if each is not None and each.is_dead(shelf.now)}
    if len(codes) != 1 or any(each is None or not line.quantity for each, line in zip(about, lines, strict=True)):
        return None
    again = LockStock(
        event.store, event.order_id, codes.pop(), lines, event.actor, event.expires_in, reason=event.reason
    )
    done = _verb(lock(again, shelf, forced=REPLAYED_SALE))
    return done if done.counted else None


def _count(command: ReplayEvent, shelf: Shelf, journal: Journal) -> Done:
    event: Any = command.event
    draft = Draft(shelf, event.actor)
    before = draft.stock(event.key)
    real = before.real + event.counted - event.expected
    code = None
    if draft.catalogue.item(draft.store.brand_id, *event.key) is None:
        code = Code.ITEM_NOT_FOUND
    elif not before.is_limited:
        code = Code.SETTING_INVALID
    elif real > MAX_QUANTITY:
        code = Code.QUANTITY_OUT_OF_RANGE
    if code is not None:
        return Done(Decision(Refused(code)), counted=False, code=code)
    setting = Setting(event.key, kind=Kind.COUNT)
    also = {"counted": event.counted, "expected": event.expected}
    if settle(draft, replace(before, real=real), setting, event.reason, also) is None:
        return Done(draft.decision(OrderDone("", None, ())))
    mark = own_mark(journal, before)
    if mark is not None or is_current(event, before, mark):
        was_86 = mark is not None and mark.is_86
        after = draft.stock(event.key)
        journal = marked(journal, before, after, mark, is_86=was_86, knows_real=event.counted == max(0, after.real))
    plan_earlier(draft, (event.key,))
    return Done(draft.decision(OrderDone("", None, ())), journal=journal)


def _change(command: ReplayEvent, shelf: Shelf, journal: Journal) -> Done:
    event: Any = command.event
    return change_told(event, Draft(shelf, event.actor), journal)


def change_told(event: ChangeStock, draft: Draft, journal: Journal) -> Done:
    """A setting counts if nobody else has set the stock since, and the store's newer 86 does in any case."""
    setting = event.setting
    before, mark = draft.stock(setting.key), own_mark(journal, draft.stock(setting.key))
    refusal = admit_setting(draft.store.brand_id, setting, draft.catalogue)
    if refusal is not None:
        return Done(Decision(refusal), counted=False, code=refusal.code)
    is_86 = _is_86(before, setting)
    if is_current(event, before, mark):
        return _set(draft, event, setting, journal, is_86=is_86)
    happened_at = event.actor.happened_at or draft.now
    # a device's clock that is ahead can't make an event newer than its recording
    if is_86 and min(happened_at, draft.now) > before.updated_at:
        return _set_status(draft, event, replace(_status_of(setting), manual=True), journal, is_86=True)
    if setting.status == ON_SALE and mark is not None and mark.is_86:
        return _set_status(draft, event, _status_of(setting), journal, is_86=False)
    return superseded(draft, event, setting, Code.STALE_REPORT)


def _set(draft: Draft, event: ChangeStock, setting: Setting, journal: Journal, *, is_86: bool) -> Done:
    """All of it; a count that can't be told from an echo is left out."""
    before = draft.stock(setting.key)
    knows = knows_real(event, before, own_mark(journal, before))
    told, code, also = reported(before, setting, event.base_real, knows_real=knows), None, None
    if isinstance(told, Refused) and told.code is Code.COUNT_BASE_MISSING:
        code, also = told.code, {"superseded": {"real": [before.real, setting.real]}}
        told = reported(before, replace(setting, real=UNSET), None)
    if isinstance(told, Refused):
        return superseded(draft, event, setting, told.code)
    return _settled(draft, event, told, setting, journal, is_86=is_86, code=code, also=also)


def _set_status(draft: Draft, event: ChangeStock, setting: Setting, journal: Journal, *, is_86: bool) -> Done:
    """Only whether it is on sale, of a setting that is superseded otherwise."""
    told = reported(draft.stock(setting.key), setting, None)
    if isinstance(told, Refused):
        return superseded(draft, event, event.setting, told.code)
    lost = _lost(draft, event, {"status", "manual", "auto_restore_type", "auto_restore_at", "restore_to"})
    code, also = (Code.STALE_REPORT, {"superseded": lost}) if lost else (None, None)
    return _settled(draft, event, told, setting, journal, is_86=is_86, code=code, also=also)


def _settled(
    draft: Draft,
    event: ChangeStock,
    told: Reported,
    setting: Setting,
    journal: Journal,
    *,
    is_86: bool,
    code: Code | None,
    also: dict[str, Any] | None,
) -> Done:
    before = draft.stock(setting.key)
    mark = own_mark(journal, before)
    row = settle(draft, told.stock, setting, event.reason, also)
    if row is not None:
        knows = _knows_after(event, setting, before, row.stock, mark)
        journal = marked(journal, before, row.stock, mark, is_86=is_86, knows_real=knows)
        plan_earlier(draft, (setting.key,))
    elif also is not None:
        draft.note(setting.key, Kind.SUPERSEDED, _json(also), event.reason)
    return Done(draft.decision(OrderDone("", None, ())), code=code, journal=journal)


def _knows_after(event: ChangeStock, setting: Setting, before: Stock, after: Stock, mark: Mark | None) -> bool:
    """Whether the device knows what is there after its setting: it has told it, or nobody has moved what it knew."""
    if setting.real is not UNSET:
        return setting.real == max(0, after.real)
    stood = not before.is_set or before.settings_real == before.real
    return stood and knows_real(event, before, mark)


def superseded(draft: Draft, event: ChangeStock, setting: Setting, code: Code) -> Done:
    """Nothing of it; the log has both sides. A stale one that asks for what is there is no conflict."""
    lost = _lost(draft, event)
    if not lost:
        refused = code is not Code.STALE_REPORT
        return Done(draft.decision(OrderDone("", None, ())), not refused, code if refused else None)
    draft.note(setting.key, Kind.SUPERSEDED, _json({"superseded": lost}), event.reason)
    return Done(draft.decision(OrderDone("", None, ())), counted=False, code=code)


def _lost(draft: Draft, event: ChangeStock, besides: frozenset[str] | set[str] = frozenset()) -> dict[str, Any]:
    """What the setting asks for and doesn't get: `{field: [kept, asked]}`."""
    setting = event.setting
    before = draft.stock(setting.key)
    told = reported(before, setting, event.base_real)
    lost: dict[str, Any] = {}
    if isinstance(told, Refused):
        lost = {"real": [before.real, setting.real]} if setting.real not in (UNSET, before.real) else {}
        told = reported(before, replace(setting, real=UNSET), None)
    wanted: Stock = before if isinstance(told, Refused) else told.stock
    lost |= differences(draft, wanted, setting)
    return {name: value for name, value in lost.items() if name not in besides}


def _status_of(setting: Setting) -> Setting:
    """Of a setting, whether the stock is on sale, and when it comes back."""
    return Setting(
        setting.key,
        status=setting.status,
        auto_restore_type=setting.auto_restore_type,
        auto_restore_at=setting.auto_restore_at,
        restore_to=setting.restore_to,
    )


def _is_86(before: Stock, setting: Setting) -> bool:
    """Whether somebody took it off sale, and it isn't just used up."""
    if setting.status != SOLD_OUT:
        return False
    type_ = before.type if setting.type is UNSET else setting.type
    return setting.manual is True or type_ == UNLIMITED or setting.real is UNSET or setting.real > 0


def _json(content: Any) -> str:
    return msgspec.json.encode(content).decode()


_RULES: dict[type, Callable[[ReplayEvent, Shelf, Journal], Done]] = {
    LockStock: _lock,
    DeductStock: _deduct,
    SellStock: _deduct,
    UnlockStock: _unlock,
    ReturnStock: _return,
    AmendStock: _amend,
    CountStock: _count,
    ChangeStock: _change,
}
