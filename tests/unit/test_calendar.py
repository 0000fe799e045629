"""The restore calendar: examples that a person can check on a wall clock."""

from datetime import UTC, date, datetime

from eightysix.core.calendar import Clock, ScheduleEntry, between, next_after, overlap
from eightysix.core.instant import from_datetime, to_iso

LONDON = Clock("Europe/London", 240)
DAILY = (ScheduleEntry(),)


def at(*parts: int) -> int:
    return from_datetime(datetime(*parts, tzinfo=UTC))  # type: ignore[arg-type, misc]


def slot(on: date, within: int = 0) -> int:
    return (on - date(1970, 1, 1)).days * 1440 + within


def test_a_day_begins_at_its_start() -> None:
    assert LONDON.date_of(at(2026, 11, 24, 3, 59)) == date(2026, 11, 23)
    assert LONDON.date_of(at(2026, 11, 24, 4)) == date(2026, 11, 24)
    assert LONDON.starts_at(date(2026, 6, 1)) == at(2026, 6, 1, 3)


def test_the_next_business_day() -> None:
    coming = next_after(DAILY, LONDON, at(2026, 11, 23, 4))
    assert coming is not None
    assert to_iso(coming.at) == "2026-11-24T04:00:00.000Z"
    assert coming.slot == slot(date(2026, 11, 24))


def test_a_time_before_the_day_s_start_belongs_to_the_date_before() -> None:
    night = (ScheduleEntry((5,), 60),)  # one in the morning after Friday
    coming = next_after(night, LONDON, at(2026, 11, 23, 12))
    assert coming is not None
    assert to_iso(coming.at) == "2026-11-28T01:00:00.000Z"  # a Saturday on the wall
    assert coming.slot == slot(date(2026, 11, 27), 21 * 60)


def test_in_a_gap_it_is_the_first_instant_after_and_doubled_the_first() -> None:
    half_past_one = (ScheduleEntry((), 90),)
    clock = Clock("Europe/London", 0)
    spring = next_after(half_past_one, clock, at(2026, 3, 28, 12))
    autumn = next_after(half_past_one, clock, at(2026, 10, 24, 12))
    assert spring is not None
    assert autumn is not None
    assert to_iso(spring.at) == "2026-03-29T01:00:00.000Z"
    assert to_iso(autumn.at) == "2026-10-25T00:30:00.000Z"
    after = next_after(half_past_one, clock, autumn.at)
    assert after is not None
    assert to_iso(after.at) == "2026-10-26T01:30:00.000Z"  # not the second half past one of the same night


def test_a_slot_that_ran_does_not_come_again_when_the_clock_is_set_back() -> None:
    ran = next_after(DAILY, Clock("Europe/London", 240), at(2026, 11, 23, 12))
    assert ran is not None
    moved = Clock("America/New_York", 240)
    again = next_after(DAILY, moved, ran.at)
    assert again is not None
    assert to_iso(again.at) == "2026-11-24T09:00:00.000Z"
    assert again.slot == ran.slot
    fresh = next_after(DAILY, moved, ran.at, ran.slot)
    assert fresh is not None
    assert to_iso(fresh.at) == "2026-11-25T09:00:00.000Z"


def test_missed_ones_come_newest_first_and_not_more_than_asked_for() -> None:
    found = between(DAILY, LONDON, at(2026, 11, 1, 4), at(2026, 11, 23, 4), 3)
    assert [to_iso(each.at)[:10] for each in found] == ["2026-11-23", "2026-11-22", "2026-11-21"]
    assert len(between(DAILY, LONDON, at(2026, 11, 1, 4), at(2026, 11, 23, 4), 100)) == 22
    assert len(between((ScheduleEntry((3,)),), LONDON, 0, at(2026, 11, 23), 100)) == 100
    assert between((), LONDON, 0, at(2026, 11, 23), 100) == []
    assert next_after((), LONDON, 0) is None


def test_two_entries_for_one_time_are_found() -> None:
    assert overlap((ScheduleEntry((1, 2)), ScheduleEntry((3,)), ScheduleEntry((), 240))) is None
    assert overlap((ScheduleEntry((1, 2)), ScheduleEntry((2, 3)))) == 1
    assert overlap((ScheduleEntry((6,), 60), ScheduleEntry((7,), 60), ScheduleEntry((), 60))) == 2
