"""Restore, rule by rule, on one store in London at noon."""

from datetime import UTC, datetime

import msgspec
import pytest

from eightysix.core.calendar import ScheduleEntry
from eightysix.core.catalogue import Store
from eightysix.core.change import Kind, LogRow
from eightysix.core.command import (
    Actor,
    ChannelSetting,
    DeductStock,
    ExpireLocks,
    Line,
    LockStock,
    RunTimers,
    SetStock,
    Setting,
    UnlockStock,
)
from eightysix.core.instant import business_day, from_datetime, to_iso
from eightysix.core.key import StockKey, sku_key
from eightysix.core.outcome import Code, Refused, StockRow, StocksSet, TimersRun
from eightysix.core.preview import preview
from eightysix.core.restore import run_timers
from eightysix.core.restore_rule import RestoreRule
from eightysix.core.stock import LIMITED, NEVER, ON_SALE, ONE_OFF, SOLD_OUT, UNLIMITED, RestoreTo, Stock
from tests.world.kitchen import NOON, Kitchen
from tests.world.menu import BRAND_ID, STORE

STAFF = Actor("anna")
FOUR = (ScheduleEntry(),)
DAY = 86_400_000
HOUR = 3_600_000
MINUTE = 60_000


def daily(**fields: object) -> RestoreRule:
    return RestoreRule(BRAND_ID, fields.pop("rule_id", "daily"), fields.pop("schedule", FOUR), **fields)  # type: ignore[arg-type]


def kitchen(*rules: RestoreRule, now: int = NOON) -> Kitchen:
    """A store that has been open under these rules since noon."""
    world = Kitchen(now)
    world.menu.set_rules(*rules)
    world.run(RunTimers(STORE))
    return world


def put(world: Kitchen, sku_id: int = 1, **fields: object) -> Stock:
    outcome = world.run(SetStock(STORE, (Setting(sku_key(sku_id), **fields),), STAFF))  # type: ignore[arg-type]
    assert isinstance(outcome, StocksSet), outcome
    assert not isinstance(outcome.results[0], Refused), outcome
    return world.stocks[sku_key(sku_id)]


def ten(world: Kitchen, sku_id: int = 1, **fields: object) -> Stock:
    """Ten planned, three left."""
    return put(world, sku_id, **{"type": LIMITED, "plan": 10_000, "real": 3_000, **fields})


def sku(world: Kitchen, sku_id: int = 1) -> Stock:
    return world.stocks[sku_key(sku_id)]


def at(*parts: int) -> int:
    return from_datetime(datetime(*parts, tzinfo=UTC))  # type: ignore[arg-type, misc]


def wait(world: Kitchen, until: int) -> int:
    """Sleep as the timer does, from due to due; how many stocks came back."""
    restored = 0
    while True:
        due_at = None if world.timer is None else world.timer.due_at
        if due_at is None or due_at > until:
            world.now = until
            return restored
        world.now = max(world.now, due_at)
        outcome = world.run(RunTimers(STORE))
        assert isinstance(outcome, TimersRun)
        restored += outcome.restored


def kinds(world: Kitchen, sku_id: int = 1) -> list[Kind]:
    return [row.kind for row in world.logs if row.key == sku_key(sku_id)]


def content(row: LogRow) -> dict[str, object]:
    assert row.content is not None
    return dict(msgspec.json.decode(row.content))


FOUR_TOMORROW = at(2026, 11, 24, 4)


def test_what_is_planned_is_there_again_at_the_start_of_the_day() -> None:
    world = kitchen(daily())
    before = ten(world)
    assert world.timer is not None
    assert to_iso(world.timer.due_at or 0) == "2026-11-24T04:00:00.000Z"
    assert wait(world, FOUR_TOMORROW - 1) == 0
    assert wait(world, FOUR_TOMORROW) == 1
    after = sku(world)
    assert (after.real, after.status, after.epoch_at) == (10_000, ON_SALE, FOUR_TOMORROW)
    assert (after.settings_version, after.updated_at) == (before.settings_version + 1, FOUR_TOMORROW)
    last = world.logs[-1]
    assert (last.kind, last.quantity, last.actor, last.source) == (Kind.RESTORE, 7_000, "eightysix", "timer")
    assert content(last)["real"] == [3_000, 10_000]
    assert content(last)["restore"] == {"due_at": FOUR_TOMORROW, "rule": "daily", "slot": after.restored_slot, "to": 1}
    assert world.timer.due_at == FOUR_TOMORROW + DAY


def test_a_restore_that_would_change_nothing_writes_nothing() -> None:
    world = kitchen(daily())
    ten(world, real=10_000)
    seq = world.head.seq
    assert wait(world, FOUR_TOMORROW + 3 * DAY) == 0
    assert world.head.seq == seq
    assert world.timer is not None
    assert world.timer.due_at == FOUR_TOMORROW + 4 * DAY


def test_a_manual_86_is_lifted_unless_it_was_made_for_good() -> None:
    world = kitchen(daily())
    ten(world, 1, status=SOLD_OUT)
    put(world, 2, status=SOLD_OUT)
    put(world, 5, status=SOLD_OUT, auto_restore_type=NEVER, auto_restore_at=NOON + HOUR)
    assert wait(world, FOUR_TOMORROW) == 2
    assert (sku(world, 1).status, sku(world, 1).manual) == (ON_SALE, False)
    assert (sku(world, 2).status, sku(world, 2).type) == (ON_SALE, UNLIMITED)
    assert (sku(world, 5).status, sku(world, 5).manual, sku(world, 5).auto_restore_at) == (SOLD_OUT, True, None)


def test_live_locks_are_served_from_what_came_back_and_less_than_promised_is_an_incident() -> None:
    world = kitchen(daily())
    ten(world, plan=2_000, real=5_000)
    world.now = FOUR_TOMORROW - MINUTE
    world.run(LockStock(STORE, "a", "POS", (Line(1, quantity=3_000),), STAFF))
    wait(world, FOUR_TOMORROW)
    stock = sku(world)
    assert (stock.real, stock.locked, stock.left, stock.oversold) == (2_000, 3_000, -1_000, 1_000)
    assert [(each.kind, each.quantity) for each in world.incidents] == [("restore_below_promised", 1_000)]


def test_a_plan_of_nothing_keeps_the_count() -> None:
    world = kitchen(daily())
    put(world, type=LIMITED, plan=0, real=4_000, status=SOLD_OUT)
    wait(world, FOUR_TOMORROW)
    assert (sku(world).real, sku(world).status) == (4_000, ON_SALE)


def test_to_unlimited_and_to_what_is_left() -> None:
    soups = daily(rule_id="soups", item=sku_key(2), restore_to=RestoreTo.UNLIMITED)
    world = kitchen(daily(restore_to=RestoreTo.KEEP), soups)
    ten(world, 1, status=SOLD_OUT)
    ten(world, 2)
    wait(world, FOUR_TOMORROW)
    assert (sku(world, 1).real, sku(world, 1).status, sku(world, 1).type) == (3_000, ON_SALE, LIMITED)
    assert (sku(world, 2).type, sku(world, 2).status) == (UNLIMITED, ON_SALE)


def test_a_weekly_plan_says_how_much_and_makes_the_row_of_its_item() -> None:
    week = (ScheduleEntry((1, 2, 3, 4), None, 20_000), ScheduleEntry((5,), 11 * 60, 30_400))
    world = kitchen(daily(item=sku_key(5), schedule=week))
    wait(world, at(2026, 11, 24, 5))  # a Tuesday
    assert (sku(world, 5).type, sku(world, 5).real, sku(world, 5).plan) == (LIMITED, 20_000, 0)
    wait(world, at(2026, 11, 27, 11))  # whole portions: this item has no decimals
    assert sku(world, 5).real == 30_000
    assert wait(world, at(2026, 11, 29, 12)) == 0  # a weekend without an entry
    assert wait(world, at(2026, 11, 30, 4)) == 1


def test_a_one_off_beats_the_rules_until_it_has_run() -> None:
    world = kitchen(daily())
    ten(world, status=SOLD_OUT, auto_restore_type=ONE_OFF, auto_restore_at=FOUR_TOMORROW + 2 * HOUR, restore_to=3)
    assert wait(world, FOUR_TOMORROW + HOUR) == 0
    assert sku(world).status == SOLD_OUT
    assert wait(world, FOUR_TOMORROW + 2 * HOUR) == 1
    stock = sku(world)
    assert (stock.status, stock.real, stock.auto_restore_type, stock.auto_restore_at) == (ON_SALE, 3_000, 0, None)
    assert stock.restore_to == RestoreTo.PLAN
    assert wait(world, FOUR_TOMORROW + DAY) == 1
    assert sku(world).real == 10_000


def test_a_one_off_without_an_instant_is_the_next_business_day_of_when_it_was_asked_for() -> None:
    world = kitchen()
    world.now = at(2026, 11, 24, 3)  # still the 23rd of business
    world.run(RunTimers(STORE))
    ten(world, auto_restore_type=ONE_OFF)
    assert wait(world, FOUR_TOMORROW) == 1
    world.now = FOUR_TOMORROW + HOUR
    ten(world, auto_restore_type=ONE_OFF)
    world.now += HOUR
    put(world, real=1_000)  # another setting doesn't ask for it anew
    assert world.timer is not None
    assert world.timer.due_at == FOUR_TOMORROW + DAY


def test_a_one_off_in_the_past_runs_at_once() -> None:
    world = kitchen()
    ten(world, auto_restore_type=ONE_OFF, auto_restore_at=NOON - 5 * DAY)
    assert world.timer is not None
    assert world.timer.due_at is not None
    assert world.timer.due_at <= world.now
    assert wait(world, world.now) == 1
    assert sku(world).real == 10_000


def test_what_came_round_while_a_one_off_was_pending_is_over_when_it_is_called_off() -> None:
    world = kitchen(daily())
    ten(world, auto_restore_type=ONE_OFF, auto_restore_at=FOUR_TOMORROW + 9 * HOUR)
    wait(world, FOUR_TOMORROW + HOUR)
    put(world, auto_restore_type=0)
    put(world, 2, type=LIMITED, plan=1_000, real=0, auto_restore_type=ONE_OFF, auto_restore_at=world.now + HOUR)
    assert wait(world, FOUR_TOMORROW + 5 * HOUR) == 1  # the other one only
    assert sku(world).real == 3_000
    assert wait(world, FOUR_TOMORROW + DAY) == 2 - 1
    assert sku(world).real == 10_000


def test_a_stock_made_at_noon_is_not_restored_for_the_morning() -> None:
    world = Kitchen(FOUR_TOMORROW - HOUR)
    world.menu.set_rules(daily())
    world.run(RunTimers(STORE))
    assert world.timer is not None
    assert world.timer.due_at is None  # nothing there yet
    world.now = FOUR_TOMORROW + 8 * HOUR
    ten(world)
    put(world, 2, status=SOLD_OUT, auto_restore_type=ONE_OFF, auto_restore_at=world.now + HOUR)
    assert wait(world, world.now + 2 * HOUR) == 1
    assert sku(world).real == 3_000


def test_of_three_missed_days_the_newest_runs_and_the_others_are_told() -> None:
    world = kitchen(daily())
    ten(world)
    world.now = FOUR_TOMORROW + 2 * DAY + HOUR
    world.run(RunTimers(STORE))
    assert kinds(world) == [Kind.SET, Kind.SKIP, Kind.RESTORE]
    skip, run = world.logs[-2:]
    assert content(skip) == {"missed": [FOUR_TOMORROW, FOUR_TOMORROW + DAY], "rule": "daily"}
    assert content(run)["restore"]["due_at"] == FOUR_TOMORROW + 2 * DAY  # type: ignore[index]
    assert sku(world).epoch_at == world.now
    assert sku(world).version == run.seq == world.head.seq
    assert world.run(RunTimers(STORE)) == TimersRun(0, 1, FOUR_TOMORROW + 3 * DAY)


def test_a_year_of_missed_days_is_told_in_part() -> None:
    world = kitchen(daily())
    ten(world)
    world.now = NOON + 366 * DAY
    world.run(RunTimers(STORE))
    assert kinds(world) == [Kind.SET, Kind.SKIP, Kind.RESTORE]
    assert len(content(world.logs[-2])["missed"]) == 50  # type: ignore[arg-type]


def test_a_missed_one_off_and_the_rule_after_it_both_run() -> None:
    world = kitchen(daily(restore_to=RestoreTo.KEEP))
    ten(world, auto_restore_type=ONE_OFF, auto_restore_at=FOUR_TOMORROW - HOUR, restore_to=RestoreTo.UNLIMITED)
    put(world, 2, status=SOLD_OUT)
    world.now = FOUR_TOMORROW + HOUR
    world.run(RunTimers(STORE))
    assert sku(world).type == UNLIMITED
    assert kinds(world) == [Kind.SET, Kind.RESTORE]  # keeping what is left changes nothing any more
    assert kinds(world, 2) == [Kind.SET, Kind.RESTORE]


def test_a_setting_after_the_hour_is_not_undone_by_the_restore_of_the_hour() -> None:
    world = kitchen(daily())
    ten(world)
    world.now = FOUR_TOMORROW + 1
    put(world, real=5_000)  # the timer has not woken yet
    assert kinds(world) == [Kind.SET, Kind.RESTORE, Kind.SET]
    assert wait(world, FOUR_TOMORROW + HOUR) == 0
    assert sku(world).real == 5_000


def test_used_starts_again_and_locks_of_before_leave_it_alone() -> None:
    world = kitchen(daily(schedule=(ScheduleEntry((), 14 * 60),)))
    cap = ChannelSetting("POS", limit=5_000)
    ten(world, real=10_000, channels=(cap,))
    world.now = NOON + 2 * HOUR - 1
    world.run(LockStock(STORE, "early", "POS", (Line(1, quantity=5_000),), STAFF, expires_in=3_600))
    assert isinstance(world.run(LockStock(STORE, "no", "POS", (Line(1, quantity=1_000),), STAFF)), Refused)
    world.now = NOON + 2 * HOUR
    # the restore and a lock in one batch: the lock is of the new period
    lock = LockStock(STORE, "late", "POS", (Line(1, quantity=4_000),), STAFF)
    outcomes = world.batch([RunTimers(STORE), lock])
    assert outcomes[0] == TimersRun(1, 2, FOUR_TOMORROW)  # when the cap starts again
    assert not isinstance(outcomes[1], Refused)
    world.run(UnlockStock(STORE, "early", None, STAFF))
    assert world.channels[sku_key(1), "POS"].used == 4_000
    assert sku(world).locked == 4_000
    world.run(DeductStock(STORE, "late", None, STAFF))
    assert world.channels[sku_key(1), "POS"].used == 4_000


def test_a_cap_makes_every_restore_count() -> None:
    world = kitchen(daily())
    ten(world, real=10_000, channels=(ChannelSetting("POS", limit=5_000),))
    assert wait(world, FOUR_TOMORROW) == 1
    assert (world.logs[-1].kind, world.logs[-1].quantity) == (Kind.RESTORE, 0)


def test_the_instant_of_a_restore_is_past_everything_before_it() -> None:
    world = kitchen(daily())
    ten(world, channels=(ChannelSetting("POS", limit=9_000),))
    world.now = FOUR_TOMORROW
    world.run(LockStock(STORE, "a", "POS", (Line(1, quantity=1_000),), STAFF, expires_in=1))
    world.run(RunTimers(STORE))
    assert sku(world).epoch_at == FOUR_TOMORROW + 1
    assert world.reservations["a", (1, 0)].locked_at == FOUR_TOMORROW
    # a lock that dies at the very instant to which the clock was moved is released, not renewed
    world.now = FOUR_TOMORROW + 1_000
    world.run(ExpireLocks(STORE))
    assert sku(world).locked == 0


def test_more_than_a_batch_may_restore_is_left_due_and_what_is_set_is_restored_first() -> None:
    world = kitchen(daily())
    for sku_id in (1, 2, 5, 7):
        ten(world, sku_id)
    world.now = FOUR_TOMORROW
    shelf = world.shelf(timed=True)
    shelf.put(run_timers(shelf, {sku_key(7)}, most=1))
    world._save(shelf)
    assert {each.object_id for each, row in world.stocks.items() if row.real == 10_000} == {1, 7}
    assert world.timer is not None
    assert world.timer.due_at == FOUR_TOMORROW
    assert world.run(RunTimers(STORE)) == TimersRun(2, 4, FOUR_TOMORROW + DAY)
    assert [kinds(world, sku_id) for sku_id in (1, 2, 5, 7)] == [[Kind.SET, Kind.RESTORE]] * 4


def test_a_new_rule_does_not_count_for_what_came_round_before_it() -> None:
    world = kitchen(now=NOON)
    ten(world)
    world.now = NOON + HOUR
    world.menu.set_rules(daily(schedule=(ScheduleEntry((), 12 * 60 + 30),), since_at=world.now))
    assert wait_for_plan(world) == NOON + DAY + 30 * MINUTE
    assert sku(world).real == 3_000


def test_a_rule_made_while_nobody_looked_counts_from_when_it_was_made() -> None:
    world = kitchen(now=NOON)
    ten(world)
    world.menu.set_rules(daily(schedule=(ScheduleEntry((), 12 * 60 + 30),), since_at=NOON + MINUTE))
    world.now = NOON + HOUR
    assert wait_for_plan(world) == NOON + DAY + 30 * MINUTE
    assert sku(world).real == 10_000


def test_what_a_new_rule_named_just_before_somebody_looked_who_had_not_heard_of_it_is_not_lost() -> None:
    world = kitchen(now=NOON)
    ten(world)
    put(world, 2, auto_restore_type=ONE_OFF, auto_restore_at=NOON + MINUTE + 1)
    rule = daily(schedule=(ScheduleEntry((), 12 * 60 + 1),), since_at=NOON + MINUTE - 1_000)
    assert wait(world, NOON + MINUTE + 1) == 1  # the one-off; the rule is on its way
    world.menu.set_rules(rule)
    world.now += 1_000
    assert wait_for_plan(world) == NOON + DAY + MINUTE
    assert (sku(world).real, kinds(world)) == (10_000, [Kind.SET, Kind.RESTORE])


def test_a_store_that_comes_back_makes_up_for_nothing() -> None:
    world = kitchen(daily())
    ten(world)
    store = world.menu.stores.pop((BRAND_ID, "1"))
    world.now = FOUR_TOMORROW + HOUR
    assert wait_for_plan(world) is None
    world.now += HOUR
    world.menu.set_store(store)
    assert wait_for_plan(world) == FOUR_TOMORROW + DAY
    assert kinds(world) == [Kind.SET]


def wait_for_plan(world: Kitchen) -> int | None:
    world.run(RunTimers(STORE))
    assert world.timer is not None
    return world.timer.due_at


def test_that_a_stock_changes_hands_restores_nothing() -> None:
    late = daily(rule_id="late", schedule=(ScheduleEntry((), 20 * 60),), item=sku_key(1))
    world = kitchen(daily(), late, now=at(2026, 11, 23, 3))
    ten(world)
    world.now = at(2026, 11, 23, 12)
    world.menu.set_rules(daily())  # the item's own rule is gone; four o'clock was the store rule's, of others
    assert wait_for_plan(world) == FOUR_TOMORROW
    assert sku(world).real == 3_000


def test_a_store_s_clock_put_right_moves_what_is_due_and_runs_no_slot_twice() -> None:
    world = kitchen(daily(), now=at(2026, 11, 23, 3))
    ten(world)
    assert wait(world, at(2026, 11, 23, 4)) == 1
    put(world, real=1_000)
    world.menu.set_store(Store(BRAND_ID, "1", "America/New_York"))
    assert wait_for_plan(world) == at(2026, 11, 24, 9)  # today's four o'clock has been
    world.menu.set_store(Store(BRAND_ID, "1", "Asia/Shanghai"))
    assert wait_for_plan(world) == at(2026, 11, 23, 20)
    assert sku(world).real == 1_000


def test_a_store_taken_out_of_the_catalogue_has_no_clock_and_comes_back_with_one() -> None:
    world = kitchen(daily())
    ten(world)
    store = world.menu.stores.pop((BRAND_ID, "1"))
    world.now = FOUR_TOMORROW + 5_000
    assert world.run(RunTimers(STORE)) == TimersRun(0, 1, None)
    assert sku(world).real == 3_000
    world.menu.set_store(store)
    assert wait_for_plan(world) == FOUR_TOMORROW + DAY
    assert sku(world).real == 3_000


def test_a_process_with_an_older_catalogue_leaves_a_newer_plan_alone_for_a_while() -> None:
    world = kitchen(daily())
    ten(world)
    world.menu.timers_version += 1
    world.run(RunTimers(STORE))
    world.menu.timers_version -= 1
    world.now = FOUR_TOMORROW + 4_999
    assert world.run(RunTimers(STORE)) == TimersRun(0, 1, FOUR_TOMORROW)
    put(world, 2, type=LIMITED, plan=1_000, real=0)  # it can't know when this is due
    assert world.timer is not None
    assert world.timer.due_at == FOUR_TOMORROW
    world.now = FOUR_TOMORROW + 5_000
    assert world.run(RunTimers(STORE)) == TimersRun(1, 3, FOUR_TOMORROW + DAY)  # with the combo that was told of


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"auto_restore_at": NOON}, "auto_restore_at"),
        ({"auto_restore_type": 0, "auto_restore_at": NOON}, "auto_restore_at"),
        ({"restore_to": 2}, "restore_to"),
        ({"auto_restore_type": 0, "restore_to": 3}, "restore_to"),
    ],
)
def test_what_is_said_of_a_one_off_needs_one(fields: dict[str, int], wrong: str) -> None:
    world = kitchen()
    ten(world)
    before = (world.head, dict(world.stocks), world.timer)
    outcome = world.run(SetStock(STORE, (Setting(sku_key(1), **fields),), STAFF))  # type: ignore[arg-type]
    assert isinstance(outcome, StocksSet)
    assert outcome.results == (Refused(Code.SETTING_INVALID, field=wrong),)
    assert (world.head, world.stocks, world.timer) == before


def test_a_row_that_is_sent_back_as_it_was_shown_says_nothing_of_a_one_off() -> None:
    world = kitchen()
    ten(world)
    shown = Setting(sku_key(1), auto_restore_type=0, auto_restore_at=None, restore_to=1)
    outcome = world.run(SetStock(STORE, (shown,), STAFF))
    assert isinstance(outcome, StocksSet)
    assert [result.replayed for result in outcome.results if isinstance(result, StockRow)] == [True]


def test_days_of_daylight_saving_have_one_restore_each() -> None:
    world = kitchen(daily(schedule=(ScheduleEntry((), 90),)), now=at(2027, 3, 26, 12))
    ten(world, channels=(ChannelSetting("POS", limit=1_000),))
    wait(world, at(2027, 3, 30, 12))
    world.now = at(2027, 10, 29, 12)
    world.run(RunTimers(STORE))
    wait(world, at(2027, 11, 2, 12))
    runs = [to_iso(content(row)["restore"]["due_at"])[5:16] for row in world.logs if row.kind is Kind.RESTORE]  # type: ignore[index]
    assert runs == [
        "03-27T01:30", "03-28T01:00", "03-29T00:30", "03-30T00:30",
        "10-29T00:30", "10-30T00:30", "10-31T00:30", "11-01T01:30", "11-02T01:30",
    ]  # fmt: skip


def guaranteed(world: Kitchen) -> list[tuple[str, int]]:
    """Channels and how much of what is guaranteed to them is open, by whether it flowed back."""
    day = business_day(world.now, "Europe/London", 240)
    return [
        (code, 0 if row.released_at >= max(day.starts_at, sku(world).epoch_at) else row.guarantee)
        for (_, code), row in sorted(world.channels.items())
    ]


def close_at(world: Kitchen, minute: int) -> None:
    store = world.menu.stores[BRAND_ID, "1"]
    world.menu.set_store(msgspec.structs.replace(store, guarantees_end_minute=minute))
    world.run(RunTimers(STORE))


def test_guarantees_flow_back_when_the_store_says_and_are_open_again_the_next_day() -> None:
    world = kitchen(daily())
    close_at(world, 21 * 60)
    part = ChannelSetting("KIOSK", guarantee=2_000)
    ten(world, real=5_000, channels=(part,))
    assert world.timer is not None
    assert to_iso(world.timer.due_at or 0) == "2026-11-23T21:00:00.000Z"
    wait(world, at(2026, 11, 23, 21) - 1)
    assert guaranteed(world) == [("KIOSK", 2_000)]
    assert kinds(world) == [Kind.SET]
    wait(world, at(2026, 11, 23, 21))
    assert guaranteed(world) == [("KIOSK", 0)]
    assert kinds(world) == [Kind.SET, Kind.FLOW_BACK]
    wait(world, FOUR_TOMORROW)
    assert guaranteed(world) == [("KIOSK", 2_000)]
    wait(world, at(2026, 11, 24, 22))
    assert kinds(world) == [Kind.SET, Kind.FLOW_BACK, Kind.RESTORE, Kind.FLOW_BACK]


def test_an_end_of_guarantees_that_was_missed_counts_for_the_running_day_only() -> None:
    world = kitchen()
    close_at(world, 21 * 60)
    ten(world, channels=(ChannelSetting("KIOSK", guarantee=2_000),))
    world.now = at(2026, 11, 24, 12)
    world.run(RunTimers(STORE))
    assert kinds(world) == [Kind.SET]
    world.now = at(2026, 11, 24, 23)
    world.run(RunTimers(STORE))
    assert kinds(world) == [Kind.SET, Kind.FLOW_BACK]
    assert world.channels[sku_key(1), "KIOSK"].released_at == at(2026, 11, 24, 21)


def test_what_came_back_is_shared_by_weight() -> None:
    world = kitchen(daily())
    weights = (ChannelSetting("KIOSK", weight=1), ChannelSetting("POS", weight=3))
    ten(world, real=4_000, allocation=1, channels=weights)
    assert [(code, row.guarantee) for (_, code), row in sorted(world.channels.items())] == [
        ("KIOSK", 1_000), ("POS", 3_000),
    ]  # fmt: skip
    wait(world, FOUR_TOMORROW)
    assert [(code, row.guarantee) for (_, code), row in sorted(world.channels.items())] == [
        ("KIOSK", 2_500), ("POS", 7_500),
    ]  # fmt: skip
    assert set(content(world.logs[-1])["channels"]) == {"KIOSK", "POS"}  # type: ignore[call-overload]


def test_a_restore_arms_the_threshold_again() -> None:
    world = kitchen(daily())
    ten(world, plan=6_000, real=6_000, low=5_000)
    for day, order in enumerate(("monday", "tuesday")):
        world.run(LockStock(STORE, order, "POS", (Line(1, quantity=1_000),), STAFF))
        world.run(DeductStock(STORE, order, None, STAFF))
        assert [each.quantity for each in world.alerts] == [5_000] * (day + 1)
        assert sku(world).is_low
        wait(world, FOUR_TOMORROW + day * DAY)
        assert not sku(world).is_low


def test_a_preview_says_what_comes_back_when_and_why() -> None:
    soup = daily(rule_id="soup", item=sku_key(2), restore_to=RestoreTo.UNLIMITED)
    supply = daily(rule_id="supply", item=sku_key(5), schedule=(ScheduleEntry((), 600, 6_000),))
    world = kitchen(daily(), soup, supply)
    ten(world, 1, status=SOLD_OUT)
    ten(world, 2)
    put(world, 3, type=LIMITED, plan=0, real=2_000)
    put(world, 4, status=SOLD_OUT, auto_restore_type=NEVER)
    ten(world, 7, auto_restore_type=ONE_OFF, auto_restore_at=NOON + HOUR, restore_to=RestoreTo.KEEP)
    store = world.menu.stores[BRAND_ID, "1"]
    coming = preview(world.menu, store, world.stocks.values(), world.now, FOUR_TOMORROW + 12 * HOUR)
    assert [
        (each.before.key.object_id, each.what.at, each.what.rule and each.what.rule.rule_id, each.nothing_planned)
        for each in coming
    ] == [
        (7, NOON + HOUR, None, False),
        (1, FOUR_TOMORROW, "daily", False),
        (2, FOUR_TOMORROW, "soup", False),
        (3, FOUR_TOMORROW, "daily", True),
        (5, FOUR_TOMORROW + 6 * HOUR, "supply", False),
    ]
    assert [(each.after.type, each.after.real, each.after.status) for each in coming] == [
        (LIMITED, 3_000, ON_SALE),
        (LIMITED, 10_000, ON_SALE),
        (UNLIMITED, 3_000, ON_SALE),
        (LIMITED, 2_000, ON_SALE),
        (LIMITED, 6_000, ON_SALE),
    ]
    predicted = {each.before.key: each.after for each in coming}
    wait(world, FOUR_TOMORROW + 12 * HOUR)
    del predicted[sku_key(7)]  # its one-off was followed by the rule
    for key, stock in predicted.items():
        assert (world.stocks[key].type, world.stocks[key].real) == (stock.type, stock.real), key
    assert isinstance(predicted[StockKey(2, 5)], Stock)
