"""Instants and business days: arithmetic over given instants; nothing here asks what time it is."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_DAY = timedelta(days=1)


@lru_cache(maxsize=4096)
def to_iso(at_ms: int) -> str:
    """`2026-11-23T04:00:00.000Z`, always with three decimals. Remembered: all messages of a batch have the same."""
    seconds, ms = divmod(at_ms, 1000)
    return f"{_second(seconds)}.{ms:03d}Z"


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    """What many instants of one second share."""
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}"


def from_datetime(moment: datetime) -> int:
    """Milliseconds of an aware datetime; finer parts are cut off. `ValueError` for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return (moment - _EPOCH) // _MS


def from_iso(shown: str) -> int:
    """Milliseconds of an instant, as `to_iso` shows it or otherwise with a time zone. `ValueError` for what is none."""
    return from_datetime(datetime.fromisoformat(shown))


class BusinessDay(NamedTuple):
    """One business day of a store, in milliseconds; `ends_at` belongs to the next day."""

    starts_at: int
    ends_at: int


def business_day(at_ms: int, time_zone: str, start_minute: int) -> BusinessDay:
    """The business day that holds `at_ms`; it starts `start_minute` minutes after local midnight."""
    return _dated_day(at_ms, time_zone, start_minute)[1]


def business_date(at_ms: int, time_zone: str, start_minute: int) -> date:
    """The date of the business day that holds `at_ms`."""
    return _dated_day(at_ms, time_zone, start_minute)[0]


def _dated_day(at_ms: int, time_zone: str, start_minute: int) -> tuple[date, BusinessDay]:
    on = (_EPOCH + at_ms * _MS).astimezone(_zone(time_zone)).date() - _DAY
    start = wall_instant(on, start_minute, time_zone)
    while True:
        end = wall_instant(on + _DAY, start_minute, time_zone)
        if at_ms < end:
            return on, BusinessDay(start, end)
        on += _DAY
        start = end


@lru_cache(maxsize=4096)
def wall_instant(on: date, minute: int, time_zone: str) -> int:
    """The instant of a local wall time, in milliseconds (DESIGN section 8).

    Inside a daylight-saving gap it is the first instant after the gap; a doubled time is its first occurrence.
    """
    zone = _zone(time_zone)
    wall = datetime.combine(on, time(minute // 60, minute % 60))
    instant = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall:
        return from_datetime(instant)
    # in a gap: halve to the second at which the offset changed
    after = from_datetime(instant) // 1000
    before = after - 86_400
    offset = instant.astimezone(zone).utcoffset()
    while after - before > 1:
        middle = (before + after) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after * 1000


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
