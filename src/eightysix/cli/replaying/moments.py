"""When an order was placed: dates as text, day first or ISO or otherwise, in the clock of a time zone.

A wall time inside a daylight-saving gap is the first instant after it, a doubled one its first occurrence
(DESIGN section 8); both are told, so that they can be counted.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from eightysix.core.instant import from_datetime, wall_instant


class DateOrder(StrEnum):
    """What the first number of 03/04/2018 is."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


class ClockChange(StrEnum):
    """What daylight saving did to a wall time."""

    GAP = "gap"
    DOUBLED = "doubled"


class Moment(NamedTuple):
    """An instant in milliseconds, and what had to be decided about it."""

    at: int
    change: ClockChange | None = None


_TIME = r"(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*([AaPp][Mm])?)?\s*(Z|[+-]\d{2}:?\d{2})?"
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})" + _TIME)
_YEAR_LAST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})" + _TIME)
_EPOCH = re.compile(r"\d{10}(\d{3})?")
_MONTHS = 12


def date_order(texts: Iterable[str]) -> tuple[DateOrder, bool]:
    """How these dates are written, and whether that is sure: by a number above 12, or since no date depends on it.

    Unsure means day first.
    """
    day_first = month_first = unsure = 0
    for text in texts:
        match = _YEAR_LAST.fullmatch(text.strip())
        if match:
            day_first += int(match[1]) > _MONTHS
            month_first += int(match[2]) > _MONTHS
            unsure += 1
    if month_first > day_first:
        return DateOrder.MONTH_FIRST, True
    return DateOrder.DAY_FIRST, day_first > 0 or unsure == 0


def parse_moment(text: str, order: DateOrder, zone: str) -> Moment | None:
    """The instant that `text` means on the clock of `zone`; None if it is no date.

    An offset in the text beats the zone.
    """
    text = text.strip()
    if match := _EPOCH.fullmatch(text):
        return Moment(int(text) if match[1] else int(text) * 1000)
    if match := _YEAR_FIRST.fullmatch(text):
        year, month, day = match[1], match[2], match[3]
    elif match := _YEAR_LAST.fullmatch(text):
        first, second, year = match[1], match[2], match[3]
        day, month = (first, second) if order is DateOrder.DAY_FIRST else (second, first)
    else:
        return None
    hour, minute, second_text, half, offset = match.groups()[3:]
    full_year = int(year) + (2000 if len(year) == 2 else 0)
    hours = _on_24(int(hour or 0), half)
    try:
        wall = datetime(full_year, int(month), int(day), hours, int(minute or 0), int(second_text or 0))  # noqa: DTZ001 - a wall time
        return _with_offset(wall, offset) if offset else _on_clock(wall, zone)
    except (ValueError, OverflowError):
        return None


def _on_24(hour: int, half: str | None) -> int:
    if half is None:
        return hour
    if not 1 <= hour <= _MONTHS:
        return 99
    return hour % 12 + (12 if half.lower() == "pm" else 0)


def _with_offset(wall: datetime, offset: str) -> Moment:
    if offset == "Z":
        return Moment(from_datetime(wall.replace(tzinfo=UTC)))
    digits = offset[1:].replace(":", "")
    ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return Moment(from_datetime((wall - ahead if offset[0] == "+" else wall + ahead).replace(tzinfo=UTC)))


def _on_clock(wall: datetime, zone: str) -> Moment:
    clock = ZoneInfo(zone)
    first, second = wall.replace(tzinfo=clock), wall.replace(tzinfo=clock, fold=1)
    if first.utcoffset() == second.utcoffset():
        return Moment(from_datetime(first))
    if first.astimezone(UTC).astimezone(clock).replace(tzinfo=None) == wall:
        return Moment(from_datetime(first), ClockChange.DOUBLED)
    return Moment(wall_instant(wall.date(), wall.hour * 60 + wall.minute, zone), ClockChange.GAP)
