"""When each stock of a store comes back, and to what: its one-off, or the rule that governs it (DESIGN section 8).

A pending one-off beats the rules: until it has run, what comes round by a rule doesn't count. `auto_restore_type` 2
beats both.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

from .calendar import Clock, Occurrence, Schedule, ScheduleEntry, between, next_after
from .catalogue import Catalogue, Store, category_of
from .change import Timer
from .key import StockKey
from .restore_rule import RestoreRule
from .stock import NEVER, ONE_OFF, Stock

MISSED_MOST = 50
"""Of the runs that were missed, so many are told; what was missed before them is not looked for."""

BEHIND_MS = 5_000
"""So long a process may have an older catalogue than others. A look within it may have missed what a new rule named,
and a timer that was planned from a newer catalogue is left to others."""

_DAY = timedelta(days=1)


class Return(NamedTuple):
    """A stock comes back: when it is due, and to what. `rule` None: its one-off. `slot` 0 for a one-off.

    `quantity` in thousandths: what the rule says there is to be then, None: what is planned.
    """

    at: int
    restore_to: int
    quantity: int | None
    rule: RestoreRule | None
    slot: int


class Window(NamedTuple):
    """What a look at a store's timer is about: what came round later than `unchanged_since` by a rule that the last
    look knew, which was at `timed_at`; later than that by one of a later version than it was `planned_version`.

    Under what held at the last look nothing was due before the timer's `due_at`. So what came round before it by an old
    rule was another rule's then, or no rule's: that a stock changes hands (a category, a rule deleted, a store's clock
    put right) restores nothing by itself. What a new rule named just before a look of somebody who had not heard of it
    is still to be done.
    """

    timed_at: int
    unchanged_since: int
    planned_version: int

    @classmethod
    def of(cls, timer: Timer, now: int) -> "Window":
        due_at = now if timer.due_at is None else min(timer.due_at - 1, now)
        return cls(timer.timed_at, max(timer.timed_at, due_at), timer.planned_version)

    def since(self, rule: RestoreRule) -> int:
        return self.timed_at - BEHIND_MS if rule.version > self.planned_version else self.unchanged_since


class Due(NamedTuple):
    """A return whose time has come, and the instants of earlier ones that were missed and will not be made up for."""

    what: Return
    missed: tuple[int, ...] = ()


class Timetable:
    """The timetable of one store as of one catalogue. What is alike for many stocks is worked out once."""

    def __init__(self, catalogue: Catalogue, store: Store) -> None:
        self.clock = Clock(store.time_zone, store.day_start_minute)
        self._catalogue = catalogue
        self._brand_id, self._poi_id = store.brand_id, store.poi_id
        self._rules = catalogue.rules(store.brand_id)
        self._between: dict[tuple[str, int, int], list[Occurrence]] = {}
        self._next: dict[tuple[str, int], Occurrence | None] = {}
        end = store.guarantees_end_minute
        self._guarantees_end: Schedule = () if end is None else (ScheduleEntry((), end),)

    def rule_of(self, key: StockKey) -> RestoreRule | None:
        """The rule that governs a stock."""
        rules = self._rules
        if not rules:
            return None
        category = None
        if rules.names_categories:
            item = self._catalogue.item(self._brand_id, *key)
            category = None if item is None else category_of(item, self._catalogue)
        return rules.governing(self._poi_id, key, category)

    def supplied(self) -> set[StockKey]:
        """The items of the catalogue that a rule of their own gives a quantity, whether they have a row or not."""
        return {
            key for key in self._rules.supplied(self._poi_id) if self._catalogue.item(self._brand_id, *key) is not None
        }

    def stocks(self, rows: Iterable[Stock]) -> dict[StockKey, Stock]:
        """The stocks that may come back, given the store's rows: those that were set, and those that are supplied."""
        found = {stock.key: stock for stock in rows}
        supplied = self.supplied()
        there = {key: stock for key, stock in found.items() if stock.is_set or key in supplied}
        return there | {key: Stock(key) for key in sorted(supplied - there.keys())}

    def one_off(self, stock: Stock) -> Return | None:
        """The stock's pending one-off: at its instant or, without one, when the next business day starts."""
        if stock.auto_restore_type != ONE_OFF:
            return None
        at = stock.auto_restore_at
        if at is None:
            at = self.clock.starts_at(self.clock.date_of(stock.auto_restore_from) + _DAY)
        return Return(at, stock.restore_to, None, None, 0)

    def due(self, stock: Stock, window: Window, now: int) -> list[Due]:
        """What has come due for a stock, in order: its one-off, and then of a rule's runs the newest."""
        if stock.auto_restore_type == NEVER:
            return []
        found: list[Due] = []
        floor = max(stock.epoch_at, stock.auto_restore_from)
        one_off = self.one_off(stock)
        if one_off is not None:
            if one_off.at > now:
                return []
            found.append(Due(one_off))
            floor = max(floor, one_off.at)
        rule = self.rule_of(stock.key)
        if rule is None:
            return found
        if not stock.is_set and not window.timed_at:
            return found  # without a row it can't have missed anything before the store was first looked at
        runs = self._runs(rule, max(floor, rule.since_at, window.since(rule)), now)
        if runs and runs[-1].slot <= stock.restored_slot:
            runs = [run for run in runs if run.slot > stock.restored_slot]
        if runs:
            newest, *missed = runs
            what = Return(newest.at, rule.restore_to, newest.quantity, rule, newest.slot)
            found.append(Due(what, tuple(run.at for run in reversed(missed))))
        return found

    def coming(self, stock: Stock, after: int) -> Return | None:
        """When and to what the stock comes back next; a one-off that is overdue comes at its own time."""
        if stock.auto_restore_type == NEVER:
            return None
        one_off = self.one_off(stock)
        if one_off is not None:
            return one_off
        rule = self.rule_of(stock.key)
        if rule is None:
            return None
        floor = max(after, stock.epoch_at, stock.auto_restore_from, rule.since_at)
        run = self._following(rule, floor)
        if run is not None and run.slot <= stock.restored_slot:
            run = next_after(rule.schedule, self.clock, floor, stock.restored_slot)
        return None if run is None else Return(run.at, rule.restore_to, run.quantity, rule, run.slot)

    def guarantees_ended_at(self, since: int, now: int) -> int | None:
        """When guarantees last ended in (since, now], or None."""
        ended = between(self._guarantees_end, self.clock, since, now, 1)
        return ended[0].at if ended else None

    def guarantees_end_next(self, after: int) -> int | None:
        """When guarantees end next, or None where the store has no time for it."""
        ending = next_after(self._guarantees_end, self.clock, after)
        return None if ending is None else ending.at

    def _runs(self, rule: RestoreRule, since: int, now: int) -> list[Occurrence]:
        key = (rule.rule_id, since, now)
        runs = self._between.get(key)
        if runs is None:
            runs = self._between[key] = between(rule.schedule, self.clock, since, now, MISSED_MOST + 1)
        return runs

    def _following(self, rule: RestoreRule, after: int) -> Occurrence | None:
        key = (rule.rule_id, after)
        if key not in self._next:
            self._next[key] = next_after(rule.schedule, self.clock, after)
        return self._next[key]
