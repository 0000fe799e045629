"""A clock on the wall, looked at every minute, and what comes back by it: the restore rules once more, as simply as
they can be said. Shares no code with the product.

Nothing is planned ahead: each minute asks which wall times the clock has newly shown, and which rules name them.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
MINUTE_MS = 60_000
DAY_MINUTES = 1440

PLAN, UNLIMITED, KEEP = 1, 2, 3
RULES, ONE_OFF, NEVER = 0, 1, 2

STEP = 100
"""Every item is sold in tenths."""


@dataclass(frozen=True)
class Entry:
    days: tuple[int, ...]
    minute: int | None
    quantity: int | None


@dataclass(frozen=True)
class Rule:
    name: str
    entries: tuple[Entry, ...]
    to: int
    here: bool
    sku: int | None
    category: str | None
    since: int


@dataclass
class Thing:
    """A stock; `exists` once it was set."""

    exists: bool = False
    limited: bool = False
    plan: int = 0
    real: int = 0
    sold_out: bool = False
    manual: bool = False
    one_off: int = RULES
    at: int | None = None
    asked: int = 0
    to: int = PLAN
    last: tuple[date, int] = field(default=(date.min, 0))

    def turn(self) -> None:
        if not self.manual:
            self.sold_out = self.limited and self.real <= 0

    def come_back(self, to: int, quantity: int | None) -> None:
        self.manual = self.sold_out = False
        if to == UNLIMITED:
            self.limited = False
        elif to == PLAN and quantity is not None:
            self.limited, self.real = True, quantity // STEP * STEP
        elif to == PLAN and self.limited and self.plan:
            self.real = self.plan
        self.turn()

    def look(self) -> tuple[object, ...]:
        return self.limited, self.plan, self.real, self.sold_out, self.manual, self.one_off, self.at


class Wall:
    """One store. `now` in milliseconds; time passes by `pass_until`."""

    def __init__(self, now: int, zone: str, start: int, skus: list[int]) -> None:
        self.now = now
        self.zone = zone
        self.start = start
        self.things = {sku: Thing() for sku in skus}
        self.categories: dict[int, str | None] = dict.fromkeys(skus)
        self.rules: list[Rule] = []

    def business_date(self, at: int) -> date:
        return (shown(self.zone, at // MINUTE_MS) - self.start * MINUTE).date()

    def governing(self, sku: int) -> Rule | None:
        category = self.categories[sku]
        applying = [
            rule
            for rule in self.rules
            if (rule.sku is None or rule.sku == sku) and (rule.category is None or rule.category == category)
        ]
        level = {rule.name: (rule.sku is not None, rule.category is not None) for rule in applying}
        return max(applying, key=lambda rule: (level[rule.name], rule.here, rule.since, rule.name), default=None)

    def pass_until(self, until: int, *, asleep: bool = False) -> None:
        """Let time pass. `asleep`: nobody is there to do anything until its end."""
        missed: dict[int, list[tuple[int, int, int | None, tuple[date, int]]]] = {sku: [] for sku in self.things}
        minute = self.now // MINUTE_MS + 1
        while minute * MINUTE_MS <= until:
            self.now = minute * MINUTE_MS
            if asleep:
                for sku in self.things:
                    missed[sku] += [(self.now, *due) for due in self._named(sku, minute)]
            else:
                ruled = [sku for sku, thing in self.things.items() if thing.one_off == RULES]
                self.one_offs()
                for sku in ruled:
                    for to, quantity, key in self._named(sku, minute)[-1:]:
                        self._run(sku, to, quantity, key)
            minute += 1
        self.now = until
        if asleep:
            for sku, thing in self.things.items():
                self._wake(thing, sku, missed[sku])
        self.one_offs()

    def _wake(self, thing: Thing, sku: int, missed: list[tuple[int, int, int | None, tuple[date, int]]]) -> None:
        """The one-off, if its time has passed; then the newest of what a rule named after that."""
        if thing.one_off == NEVER:
            return
        after = 0
        if thing.one_off == ONE_OFF:
            due_at = self._due_at(thing)
            if due_at is None:
                return
            after = due_at
            self._one_off(thing)
        late = [(to, quantity, key) for at, to, quantity, key in missed if at > after and key > thing.last]
        for to, quantity, key in late[-1:]:
            self._run(sku, to, quantity, key)

    def _due_at(self, thing: Thing) -> int | None:
        """When a pending one-off was due, None while it isn't."""
        if thing.at is not None:
            return thing.at if thing.at <= self.now else None
        asked = self.business_date(thing.asked)
        if self.business_date(self.now) <= asked:
            return None
        minute = thing.asked // MINUTE_MS + 1
        while self.business_date(minute * MINUTE_MS) <= asked:
            minute += 1
        return minute * MINUTE_MS

    def one_offs(self) -> None:
        """Run every one-off whose time has come."""
        for thing in self.things.values():
            self._one_off(thing)

    def _one_off(self, thing: Thing) -> None:
        if thing.one_off == ONE_OFF and self._due_at(thing) is not None:
            thing.come_back(thing.to, None)
            thing.one_off, thing.at, thing.to = RULES, None, PLAN

    def _named(self, sku: int, minute: int) -> list[tuple[int, int | None, tuple[date, int]]]:
        """What the governing rule names among the wall times that the clock shows newly: (to, quantity, which)."""
        thing, rule = self.things[sku], self.governing(sku)
        if rule is None or thing.one_off == NEVER:
            return []
        if not thing.exists and (rule.sku is None or all(entry.quantity is None for entry in rule.entries)):
            return []
        found = []
        wall, latest = shown(self.zone, minute - 1) + MINUTE, shown(self.zone, minute)
        while wall <= latest:
            day = (wall - self.start * MINUTE).date()
            within = wall.hour * 60 + wall.minute
            for entry in rule.entries:
                at = self.start if entry.minute is None else entry.minute
                key = (day, (within - self.start) % 1440)
                if at == within and (not entry.days or day.isoweekday() in entry.days) and key > thing.last:
                    found.append((rule.to, entry.quantity, key))
                    break
            wall += MINUTE
        return found

    def _run(self, sku: int, to: int, quantity: int | None, key: tuple[date, int]) -> None:
        thing = self.things[sku]
        before = thing.look()
        thing.come_back(to, quantity)
        if thing.look() != before:
            thing.exists = True
            thing.last = key


def shown(zone: str, minute: int) -> datetime:
    """The latest that the wall clock has shown by this minute."""
    day, within = divmod(minute, DAY_MINUTES)
    return _day(zone, day)[within]


@lru_cache(maxsize=2_000)
def _day(zone: str, day: int) -> list[datetime]:
    """For each minute of a day in UTC. A clock is set back by two hours at most."""
    place = ZoneInfo(zone)
    latest = datetime.min  # noqa: DTZ901 - what a wall clock shows
    found = []
    for minute in range(day * DAY_MINUTES - 125, (day + 1) * DAY_MINUTES):
        latest = max(latest, datetime.fromtimestamp(minute * 60, UTC).astimezone(place).replace(tzinfo=None))
        found.append(latest)
    return found[125:]
