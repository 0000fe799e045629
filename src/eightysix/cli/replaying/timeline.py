"""Orders become events in order of time: lock, then pay or cancel, and refills between business days.

Histories know neither cancellations nor unpaid orders nor when somebody paid; these are drawn from the seed and the
order's own name, so the same seed gives the same fates in whatever order the files come. The report says that they are
generated.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple

from eightysix.core.instant import BusinessDay, business_day

from .cleaning import CleanOrder

_DAY_START_MINUTE = 240
_PAID_WITHIN_SECONDS = (5.0, 300.0)
_CANCELLED_WITHIN_SECONDS = (20.0, 600.0)


class Fate(IntEnum):
    """What becomes of an order after its lock."""

    PAID = 1
    CANCELLED = 2
    UNPAID = 3


class Verb(IntEnum):
    """What happens at an event. Of one instant's events refills come first."""

    REFILL = 0
    LOCK = 1
    SETTLE = 2


class Placed(NamedTuple):
    """An order of one store with its generated fate."""

    poi_id: str
    order: CleanOrder
    fate: Fate
    settled_after: int
    """Milliseconds from the lock to payment or cancellation."""


class Event(NamedTuple):
    """Something to do at `at` (milliseconds on the replay's clock). `order` is -1 for a refill of all stores."""

    at: int
    verb: Verb
    order: int


class Shares(NamedTuple):
    """Which parts of the orders are cancelled and left unpaid, between 0 and 1, and the seed that picks them."""

    cancelled: float = 0.0
    unpaid: float = 0.0
    seed: int = 1


def place(poi_id: str, orders: Iterable[CleanOrder], shares: Shares) -> Iterator[Placed]:
    """Draw each order's fate."""
    for order in orders:
        draw = random.Random(f"{shares.seed}/{poi_id}/{order.order_id}")  # noqa: S311 - guests, not secrets
        lot = draw.random()
        if lot < shares.cancelled:
            fate, within = Fate.CANCELLED, _CANCELLED_WITHIN_SECONDS
        elif lot < shares.cancelled + shares.unpaid:
            fate, within = Fate.UNPAID, _PAID_WITHIN_SECONDS
        else:
            fate, within = Fate.PAID, _PAID_WITHIN_SECONDS
        yield Placed(poi_id, order, fate, round(draw.uniform(*within) * 1000))


class Calendar:
    """The business days of one time zone; looks each up once."""

    def __init__(self, zone: str) -> None:
        self._zone = zone
        self._day = BusinessDay(0, 0)

    def day_of(self, at: int) -> BusinessDay:
        """The business day (from 04:00) that holds `at`."""
        if not self._day.starts_at <= at < self._day.ends_at:
            self._day = business_day(at, self._zone, _DAY_START_MINUTE)
        return self._day


def timeline(
    placed: Sequence[Placed], zone: str, *, fold_days: bool = False, refill_daily: bool = False
) -> list[Event]:
    """All events in order of time.

    With `fold_days` every business day starts at 0 and they all run at once; a daily refill then has no meaning.
    """
    calendar = Calendar(zone)
    events: list[Event] = []
    days: set[int] = set()
    for at, one in enumerate(placed):
        day = calendar.day_of(one.order.at)
        days.add(day.starts_at)
        moment = one.order.at - day.starts_at if fold_days else one.order.at
        events.append(Event(moment, Verb.LOCK, at))
        if one.fate is not Fate.UNPAID:
            events.append(Event(moment + one.settled_after, Verb.SETTLE, at))
    if refill_daily and not fold_days:
        events.extend(Event(start, Verb.REFILL, -1) for start in sorted(days)[1:])
    events.sort()
    return events
