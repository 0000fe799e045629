"""The restore calendar against a clock on the wall that is looked at every minute."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eightysix.core.calendar import Clock, ScheduleEntry, between, next_after
from eightysix.core.instant import from_datetime

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)

WHENS = [
    ("Europe/London", date(2026, 3, 29)),  # 01:00 to 02:00 is missing
    ("Europe/London", date(2026, 10, 25)),  # 01:00 to 02:00 comes twice
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Asia/Shanghai", date(2026, 6, 30)),
    ("Asia/Shanghai", date(2026, 12, 31)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),  # half an hour twice
    ("Australia/Lord_Howe", date(2026, 10, 4)),  # half an hour missing
    ("Pacific/Apia", date(2011, 12, 30)),  # the day that never was
    ("Pacific/Kwajalein", date(1993, 8, 21)),  # another, across the date line
    ("America/Sao_Paulo", date(2018, 11, 4)),  # midnight itself is missing
    ("Africa/Casablanca", date(2026, 2, 15)),  # an hour back for Ramadan
    ("Europe/London", date(2028, 2, 29)),
    ("America/New_York", date(2027, 12, 31)),
    ("Asia/Shanghai", date(2027, 2, 28)),
]
AROUND = 5
"""Days before and after that are walked through."""


@lru_cache(maxsize=64)
def walked(zone: str, on: date) -> tuple[tuple[datetime, int], ...]:
    """(the latest that the wall clock has shown, the instant) for each minute of the days around `on`."""
    place = ZoneInfo(zone)
    now = datetime(on.year, on.month, on.day, tzinfo=UTC) - (AROUND + 2) * DAY
    until = now + (2 * (AROUND + 2) + 1) * DAY  # a date's night ends on the next, and later west of Greenwich
    seen = []
    latest = datetime.min  # noqa: DTZ901 - what a wall clock shows
    while now < until:
        latest = max(latest, now.astimezone(place).replace(tzinfo=None))
        seen.append((latest, from_datetime(now)))
        now += MINUTE
    return tuple(seen)


def shown_at(zone: str, on: date, wall: datetime) -> int:
    """The first minute at which the clock shows `wall` or later."""
    return next(at for latest, at in walked(zone, on) if latest >= wall)


def naive(zone: str, on: date, start: int, entries: list[ScheduleEntry]) -> Iterator[tuple[int, date, int, int | None]]:
    """(instant, business date, minute of the business day, quantity), date by date around `on`."""
    for offset in range(-AROUND, AROUND + 1):
        dated = on + offset * DAY
        midnight = datetime(dated.year, dated.month, dated.day)  # noqa: DTZ001 - what a wall clock shows
        found = {}
        for entry in entries:
            if entry.days and dated.isoweekday() not in entry.days:
                continue
            minute = start if entry.minute is None else entry.minute
            wall = midnight + minute * MINUTE + (DAY if minute < start else timedelta())
            found.setdefault((minute - start) % 1440, (shown_at(zone, on, wall), entry.quantity))
        for within, (at, quantity) in sorted(found.items()):
            yield at, dated, within, quantity


ENTRIES = st.lists(
    st.builds(
        ScheduleEntry,
        st.frozensets(st.integers(1, 7), max_size=7).map(lambda days: tuple(sorted(days))),
        st.one_of(st.none(), st.integers(0, 1439), st.sampled_from([0, 59, 60, 90, 119, 120, 150, 239, 240])),
        st.one_of(st.none(), st.integers(0, 9).map(lambda n: n * 1000)),
    ),
    min_size=1,
    max_size=4,
)
STARTS = st.one_of(st.sampled_from([0, 60, 75, 90, 120, 135, 150, 240, 1439]), st.integers(0, 1439))


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(WHENS), STARTS, ENTRIES, st.integers(-4 * 1440, 4 * 1440), st.integers(0, 4 * 1440), st.booleans()
)
def test_the_calendar_agrees_with_a_clock_looked_at_every_minute(
    when: tuple[str, date], start: int, entries: list[ScheduleEntry], begin: int, length: int, odd: bool
) -> None:
    zone, on = when
    schedule, clock = tuple(entries), Clock(zone, start)
    middle = from_datetime(datetime(on.year, on.month, on.day, 12, tzinfo=UTC))
    after = middle + begin * 60_000 - (1 if odd else 0)
    until = min(after + length * 60_000, middle + 4 * 86_400_000)
    every = list(naive(zone, on, start, entries))
    expected = [(at, day, within, quantity) for at, day, within, quantity in every if after < at <= until]
    found = between(schedule, clock, after, until, 1000)
    epoch = date(1970, 1, 1)
    shown = [(each.at, epoch + each.slot // 1440 * DAY, each.slot % 1440, each.quantity) for each in reversed(found)]
    assert shown == expected
    assert between(schedule, clock, after, until, 2) == found[:2]
    following = [each for each in every if each[0] > after]
    if following:
        coming = next_after(schedule, clock, after)
        assert coming is not None
        assert (coming.at, coming.quantity) == (following[0][0], following[0][3])


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(WHENS), STARTS, st.integers(-4 * 1440, 4 * 1440))
def test_a_business_date_is_the_last_whose_start_the_clock_has_shown(
    when: tuple[str, date], start: int, minute: int
) -> None:
    zone, on = when
    at = from_datetime(datetime(on.year, on.month, on.day, 12, tzinfo=UTC)) + minute * 60_000
    latest = next(shown for shown, instant in walked(zone, on) if instant == at)
    clock = Clock(zone, start)
    assert clock.date_of(at) == (latest - start * MINUTE).date()
    assert clock.starts_at(clock.date_of(at)) <= at < clock.starts_at(clock.date_of(at) + DAY)


@pytest.mark.parametrize(("zone", "on"), WHENS)
def test_what_is_later_on_the_wall_is_never_earlier_in_time(zone: str, on: date) -> None:
    entries = tuple(ScheduleEntry((), minute) for minute in range(0, 1440, 15))
    end = from_datetime(datetime(on.year, on.month, on.day, tzinfo=UTC)) + 2 * 86_400_000
    found = between(entries, Clock(zone, 135), end - 4 * 86_400_000, end, 10_000)
    newest_first = sorted(found, key=lambda each: (each.slot, each.at), reverse=True)
    assert found == newest_first
    assert [each.at for each in found] == sorted((each.at for each in found), reverse=True)
