"""Business days across time zones and daylight-saving changes."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eightysix.core.instant import business_day, from_datetime, to_iso, wall_instant

ZONES = [
    "Europe/London",
    "America/New_York",
    "Asia/Shanghai",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Pacific/Apia",
]


def at(*parts: int) -> int:
    return from_datetime(datetime(*parts, tzinfo=UTC))  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("on", "minute", "zone", "expected"),
    [
        (date(2026, 11, 23), 240, "Asia/Shanghai", at(2026, 11, 22, 20)),
        (
            date(2026, 3, 29),
            90,
            "Europe/London",
            at(2026, 3, 29, 1),
        ),  # 01:30 doesn't exist: the first instant after the gap
        (date(2026, 3, 29), 60, "Europe/London", at(2026, 3, 29, 1)),
        (date(2026, 3, 29), 119, "Europe/London", at(2026, 3, 29, 1)),
        (date(2026, 3, 29), 120, "Europe/London", at(2026, 3, 29, 1)),
        (date(2026, 10, 25), 90, "Europe/London", at(2026, 10, 25, 0, 30)),  # 01:30 is there twice: the first
        (date(2026, 3, 8), 150, "America/New_York", at(2026, 3, 8, 7)),
        (date(2026, 10, 4), 135, "Australia/Lord_Howe", at(2026, 10, 3, 15, 30)),  # half an hour's gap at 02:00
    ],
)
def test_wall_instant(on: date, minute: int, zone: str, expected: int) -> None:
    assert to_iso(wall_instant(on, minute, zone)) == to_iso(expected)


@given(st.integers(at(2000, 1, 1), at(2037, 1, 1)), st.sampled_from(ZONES), st.integers(0, 1439))
def test_a_business_day_holds_its_instant(now: int, zone: str, minute: int) -> None:
    day = business_day(now, zone, minute)
    assert day.starts_at <= now < day.ends_at
    assert business_day(day.starts_at, zone, minute) == day
    assert business_day(day.ends_at - 1, zone, minute) == day
    assert business_day(day.ends_at, zone, minute).starts_at == day.ends_at


def test_iso() -> None:
    assert to_iso(1_795_435_200_007) == "2026-11-23T12:00:00.007Z"


def test_a_naive_datetime_is_no_instant() -> None:
    with pytest.raises(ValueError, match="time zone"):
        from_datetime(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point
