"""A store's calendar: the business date of an instant, and when a schedule comes round. Pure: instants are handed in.

A wall time in a daylight-saving gap means the first instant after it, a doubled one its first occurrence. A time before
the day's start belongs to the business date before. Both follow from one reading: a wall time is the first instant at
which the store's clock shows it or anything later. So what is later on the wall is never earlier in time, and slots,
which count wall minutes, are in the order of time.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

import msgspec

from .instant import business_date, wall_instant

DAY_MINUTES = 1440
WEEK_DAYS = 7

_DAY = timedelta(days=1)
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


class Clock(NamedTuple):
    """Where a store's days begin: an IANA time zone, and minutes after local midnight."""

    time_zone: str
    day_start_minute: int

    def date_of(self, at: int) -> date:
        """The business date that holds the instant `at`."""
        return business_date(at, self.time_zone, self.day_start_minute)

    def starts_at(self, on: date) -> int:
        """The first instant of a business date."""
        return wall_instant(on, self.day_start_minute, self.time_zone)


class ScheduleEntry(msgspec.Struct, frozen=True, gc=False):
    """One time of a schedule: on which ISO weekdays of the business date (none: each), at which local minute.

    `minute` None is the day's start. `quantity` in thousandths: what there is to be then; None: what is planned.
    """

    days: tuple[int, ...] = ()
    minute: int | None = None
    quantity: int | None = None


Schedule = tuple[ScheduleEntry, ...]


class Occurrence(NamedTuple):
    """One time at which a schedule comes round. `slot` names it whatever the clock does meanwhile: days since 1970 of
    the business date × 1440 + the wall minute within the business day."""

    at: int
    slot: int
    quantity: int | None = None


def on_date(schedule: Schedule, clock: Clock, on: date) -> tuple[Occurrence, ...]:
    """The occurrences of one business date, in order. Of entries for the same minute the first in the list counts."""
    return _on_date(schedule, clock, on.toordinal())


@lru_cache(maxsize=8192)
def _on_date(schedule: Schedule, clock: Clock, ordinal: int) -> tuple[Occurrence, ...]:
    on = date.fromordinal(ordinal)
    weekday = on.isoweekday()
    found: dict[int, Occurrence] = {}
    for entry in schedule:
        if entry.days and weekday not in entry.days:
            continue
        minute = clock.day_start_minute if entry.minute is None else entry.minute
        before_start = minute < clock.day_start_minute
        slot = (ordinal - _EPOCH_ORDINAL) * DAY_MINUTES + (minute - clock.day_start_minute) % DAY_MINUTES
        if slot not in found:
            at = wall_instant(on + _DAY if before_start else on, minute, clock.time_zone)
            found[slot] = Occurrence(at, slot, entry.quantity)
    return tuple(found[slot] for slot in sorted(found))


def next_after(schedule: Schedule, clock: Clock, after: int, slot_floor: int = 0) -> Occurrence | None:
    """The first occurrence later than the instant `after` whose slot is above `slot_floor`; None for no schedule."""
    on = clock.date_of(after)
    floored = date.fromordinal(_EPOCH_ORDINAL + slot_floor // DAY_MINUTES)
    on = max(on, floored)
    for _ in range(WEEK_DAYS + 2):
        for occurrence in on_date(schedule, clock, on):
            if occurrence.at > after and occurrence.slot > slot_floor:
                return occurrence
        on += _DAY
    return None


def between(schedule: Schedule, clock: Clock, after: int, until: int, most: int) -> list[Occurrence]:
    """The occurrences later than `after` and not later than `until`, newest first, `most` of them at most."""
    found: list[Occurrence] = []
    for occurrence in _backwards(schedule, clock, until, most):
        if occurrence.at <= after or len(found) >= most:
            break
        if occurrence.at <= until:
            found.append(occurrence)
    return found


def _backwards(schedule: Schedule, clock: Clock, until: int, most: int) -> Iterator[Occurrence]:
    """Occurrences from the business date of `until` back, far enough for `most` of them at one a week."""
    on = clock.date_of(until)
    for _ in range((most + 1) * WEEK_DAYS):
        yield from reversed(on_date(schedule, clock, on))
        on -= _DAY


def overlap(schedule: Sequence[ScheduleEntry]) -> int | None:
    """The place of the first entry for a minute of a weekday that an earlier one has too, or None."""
    seen: set[tuple[int, int | None]] = set()
    for at, entry in enumerate(schedule):
        times = {(day, entry.minute) for day in entry.days or range(1, WEEK_DAYS + 1)}
        if times & seen:
            return at
        seen |= times
    return None
