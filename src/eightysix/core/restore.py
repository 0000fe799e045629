"""Restore: what comes back by the clock, once each (DESIGN section 8).

A store's timer says when something of it is due next. Running it looks at the whole store: what came due since the last
run is done, and the next due instant is worked out anew. A run writes `timed_at` in the transaction of what it did, so
a crash loses nothing and doubles nothing.
"""

from collections.abc import Collection, Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from .announcement import facts_of, is_untold, told_of, version_of
from .catalogue import Catalogue, Store
from .change import Kind, Timer
from .draft import Draft, turned
from .expiry import TIMER
from .flow_back import flow_back
from .key import StockKey, StoreKey
from .outcome import TimersRun
from .quantity import floor_to
from .renewal import renewal_of
from .sharing import channel_changes, share_out
from .shelf import Decision, Shelf
from .stock import LIMITED, ON_SALE, UNLIMITED, RestoreTo, Stock
from .timetable import BEHIND_MS, Due, Return, Timetable, Window
from .untold import let_go

BELOW_PROMISED = "restore_below_promised"
"""The kind of incident that a restore to less than is promised opens."""

RESTORES_MOST = 2_000
"""Stocks of one store that one batch restores; the others follow in the next. A transaction that works for seconds
would be ended by the database."""


def is_due(timer: Timer | None, store: StoreKey, catalogue: Catalogue, now: int) -> bool:
    """Whether something of the store has come due, or what is due has to be worked out from a newer catalogue."""
    if timer is None:
        return version_of(store, catalogue) > 0
    if is_older(timer.planned_version, timer.told, store, catalogue):
        return True
    if timer.due_at is None:
        return False
    version = version_of(store, catalogue)
    return timer.due_at <= (now if timer.planned_version == version else now - BEHIND_MS)


def is_older(planned_version: int, told: int, store: StoreKey, catalogue: Catalogue) -> bool:
    """Whether what a store's timer was planned from, or what others were told of the store, is no longer so."""
    version = version_of(store, catalogue)
    if catalogue.store(store.brand_id, store.poi_id) is None:
        return version > 0 and is_untold(planned_version, told, store, catalogue)
    if planned_version < version:
        return True
    # a timer of which nothing was told is that of an earlier program, which knew nothing of telling
    return version > 0 and (told == 0 or is_untold(planned_version, told, store, catalogue))


def run_timers(
    shelf: Shelf, first: Collection[StockKey] = (), most: int = RESTORES_MOST, *, is_asked_for: bool = True
) -> Decision:
    """Run what is due in a store that is whole on the shelf, and say when the next is due.

    Of more than `most` restores the rest is left, due still; those of the stocks `first` are never left. The shelf's
    clock must be past every earlier instant of the store, so that no lock of before counts as one of after.
    `is_asked_for` says that somebody wants just this, and doesn't only want to set something.
    """
    draft = Draft(shelf, TIMER)
    timer = shelf.timer or Timer()
    store = shelf.catalogue.store(shelf.store.brand_id, shelf.store.poi_id)
    version = version_of(shelf.store, shelf.catalogue)
    if store is None:  # taken out of the catalogue: it has no clock. Should it come back, it is planned anew
        draft.timer = _announced(
            draft, shelf, replace(timer, due_at=None, planned_version=version), timer, is_asked_for=is_asked_for
        )
        return draft.decision(TimersRun(0, 0, None))
    run = _Run(draft, shelf, store, timer)
    for key in run.stocks():
        run.look_at(key, may=run.restored < most or key in first)
    renewal = None
    if run.left is None:
        run.end_guarantees()
        run.note_day_end()
        renewal = renewal_of(shelf, timer, store, facts_of(shelf.store, shelf.catalogue))
        after = replace(timer, due_at=run.due_at, planned_version=version, timed_at=shelf.now)
        draft.timer = _announced(draft, shelf, after, timer, is_asked_for=is_asked_for)
    else:
        # what the catalogue has changed is told with the last of the runs, from what was planned before them all
        draft.timer = replace(timer, due_at=run.left)
    decision = draft.decision(TimersRun(run.restored, len(shelf.stocks), draft.timer.due_at))
    decision.renewal = renewal
    return decision


def _announced(draft: Draft, shelf: Shelf, after: Timer, before: Timer, *, is_asked_for: bool) -> Timer:
    """The timer once others are told of the store as a whole, where something else holds than they were told.

    A store without a timer was there, and may have changed, before it is first planned; not so where that is because
    something is set in it.
    """
    store, catalogue = shelf.store, shelf.catalogue
    if before.planned_version > after.planned_version:
        return after
    facts = facts_of(store, catalogue)
    is_news = is_untold(before.planned_version, before.told, store, catalogue)
    if is_news or (shelf.timer is None and is_asked_for):
        return replace(after, told=facts, told_seq=draft.announce(before.told_seq, _json(told_of(store, catalogue))))
    return replace(after, told=facts)


class _Run:
    """One look at a whole store."""

    def __init__(self, draft: Draft, shelf: Shelf, store: Store, timer: Timer) -> None:
        self._draft = draft
        self._shelf = shelf
        self._window = Window.of(timer, shelf.now)
        self._timetable = Timetable(shelf.catalogue, store)
        self.restored = 0
        self.left: int | None = None
        """Since when the first of those is due that there was no room for; None where nothing is left."""
        self.due_at: int | None = None

    def stocks(self) -> list[StockKey]:
        """Every stock that was set, and those that a rule gives a quantity."""
        return [*self._timetable.stocks(self._shelf.stocks.values())]

    def look_at(self, key: StockKey, *, may: bool) -> None:
        """Restore the stock if it is due and there is room for it in this run; note when it is due next."""
        draft, now = self._draft, self._draft.now
        has_changed = False
        for each in self._timetable.due(draft.stock(key), self._window, now):
            if not changes(draft, draft.stock(key), each.what):
                continue
            if not may:
                since = min(each.what.at, *each.missed, now)
                self.left = since if self.left is None else min(self.left, since)
                return
            restore(draft, key, each)
            has_changed = True
        self.restored += has_changed
        coming = self._timetable.coming(draft.stock(key), now)
        if coming is not None:
            self._note(coming.at)

    def note_day_end(self) -> None:
        """Where channels have caps or guarantees, the next business day changes what can be sold."""
        if any(_counts(self._draft, key) for key in self._shelf.channels):
            self._note(self._shelf.day.ends_at)

    def end_guarantees(self) -> None:
        """Let open guarantees flow back where the store's time for it has come in the running business day."""
        shelf, now = self._shelf, self._draft.now
        if not any(_guarantees(self._draft, key) for key in shelf.channels):
            return
        ended_at = self._timetable.guarantees_ended_at(max(self._window.unchanged_since, shelf.day.starts_at), now)
        if ended_at is not None:
            flow_back(self._draft, shelf.channels, ended_at)
        ending = self._timetable.guarantees_end_next(now)
        if ending is not None:
            self._note(ending)

    def _note(self, at: int) -> None:
        self.due_at = at if self.due_at is None else min(self.due_at, at)


def plan_earlier(draft: Draft, keys: Iterable[StockKey]) -> None:
    """Let the store's timer wake for stocks that were set, where they are due before it would."""
    timer = draft.timer
    store = draft.catalogue.store(draft.store.brand_id, draft.store.poi_id)
    if timer is None or store is None:
        return
    timetable = Timetable(draft.catalogue, store)
    ending = timetable.guarantees_end_next(draft.now)
    due = [] if timer.due_at is None else [timer.due_at]
    for key in keys:
        coming = timetable.coming(draft.stock(key), draft.now)
        if coming is not None:
            due.append(max(coming.at, draft.now))
        if ending is not None and _guarantees(draft, key):
            due.append(ending)
        if _counts(draft, key):
            due.append(draft.day.ends_at)
    if timer.planned_version > draft.catalogue.timer_version(store.brand_id, store.poi_id):
        # others know newer rules than this process: let them look
        due.append(draft.now)
    due_at = min(due, default=None)
    if due_at != timer.due_at:
        draft.timer = replace(timer, due_at=due_at)


def restored(stock: Stock, what: Return, decimals: int) -> Stock:
    """What the restore makes of what there is: a manual 86 is lifted, the count as the rule says.

    A plan of 0 with no quantity of the rule's means that nothing is planned: the count is kept.
    """
    stock = replace(stock, status=ON_SALE, manual=False)
    if what.restore_to == RestoreTo.UNLIMITED:
        stock = replace(stock, type=UNLIMITED)
    elif fills(stock, what):
        planned = stock.plan if what.quantity is None else what.quantity
        stock = replace(stock, type=LIMITED, real=floor_to(planned, decimals))
    return turned(stock)


def fills(stock: Stock, what: Return) -> bool:
    """Whether the restore says how much there is."""
    if what.restore_to != RestoreTo.PLAN:
        return False
    return what.quantity is not None or (stock.is_limited and stock.plan > 0)


def restored_at_hub(stock: Stock, given_back: int) -> Stock:
    """What a restore makes of what a hub has. It makes no stock: the hub goes on with what it holds and the cloud knows
    of, and the cloud tells it how much there is."""
    return turned(replace(stock, status=ON_SALE, manual=False, grant=stock.grant + given_back))


def changes(draft: Draft, stock: Stock, what: Return) -> bool:
    """Whether the restore leaves anything other than it was: the row, or what its channels have used."""
    if what.rule is None or any(row.counts for row in draft.channel_rows(stock.key).values()):
        return True
    if draft.is_at_hub:  # what it sells from now on is of the cloud's new epoch, which it may not know yet
        return stock.is_set
    if stock.grant and fills(stock, what):  # what its hub has sold and not told isn't part of what is there from now on
        return True
    return restored(stock, what, _decimals(draft, stock.key)) != stock


def restore(draft: Draft, key: StockKey, due: Due) -> None:
    """Restore one stock, and log what was missed before. Its channels' `used` starts again."""
    stock, what, now = draft.stock(key), due.what, draft.now
    if due.missed:
        draft.note(key, Kind.SKIP, _json({"missed": due.missed, "rule": what.rule and what.rule.rule_id}))
    given_back = beyond = 0
    if draft.books is not None:
        if fills(stock, what):
            given_back, beyond = let_go(stock, draft.books, draft.given_back)
        after = restored_at_hub(stock, given_back)
    else:
        after = _filled(stock, restored(stock, what, _decimals(draft, key)), what, now)
    if what.rule is None:
        after = replace(after, auto_restore_type=0, auto_restore_at=None, restore_to=RestoreTo.PLAN)
    after = replace(
        after,
        epoch_at=now,
        restored_slot=max(stock.restored_slot, what.slot),
        settings_version=stock.settings_version + 1,
        updated_at=max(now, stock.updated_at + 1),
    )
    rows = share_out(draft, after)
    content = _content(stock, after, what, channel_changes(draft, rows))
    draft.set_stock(after, content, oversell=BELOW_PROMISED, reason=None, kind=Kind.RESTORE)
    if beyond:
        draft.open_incident(key, BELOW_PROMISED, beyond, None)
    for row in rows:
        draft.put_channel(row)


def _filled(before: Stock, after: Stock, what: Return, now: int) -> Stock:
    """What the restore has made of the stock, and that it has said how much there is, where it has."""
    if not fills(before, what):
        return after
    if what.rule is None:
        return replace(after, refilled_at=now)
    return replace(after, filled_slot=max(before.filled_slot, what.slot))


def _guarantees(draft: Draft, key: StockKey) -> bool:
    return any(row.guarantee > 0 for row in draft.channel_rows(key).values())


def _counts(draft: Draft, key: StockKey) -> bool:
    return any(row.counts for row in draft.channel_rows(key).values())


_LOGGED = ("status", "type", "manual", "real", "auto_restore_type", "auto_restore_at", "restore_to")


def _content(before: Stock, after: Stock, what: Return, channels: dict[str, Any]) -> str:
    """JSON of what changes, `{field: [before, after]}`, and of why: when it was due, by which rule (null: one-off)."""
    changed: dict[str, Any] = {
        name: [getattr(before, name), getattr(after, name)]
        for name in _LOGGED
        if getattr(before, name) != getattr(after, name)
    }
    if channels:
        changed["channels"] = channels
    why = {"due_at": what.at, "rule": what.rule and what.rule.rule_id, "slot": what.slot, "to": what.restore_to}
    return _json(changed | {"restore": why})


def _json(content: Any) -> str:
    return msgspec.json.encode(content).decode()


def _decimals(draft: Draft, key: StockKey) -> int:
    item = draft.catalogue.item(draft.store.brand_id, *key)
    return 3 if item is None else item.decimals
