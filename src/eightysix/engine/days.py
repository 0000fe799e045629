"""The business day of each store, remembered: time zone arithmetic is too slow to do for every batch."""

from eightysix.core.catalogue import Catalogue
from eightysix.core.instant import BusinessDay, business_day
from eightysix.core.key import StoreKey


class BusinessDays:
    """A cache by time zone and start of day, of which the stores of a platform share a few."""

    def __init__(self) -> None:
        self._days: dict[tuple[str, int], BusinessDay] = {}

    def of(self, store: StoreKey, at: int, catalogue: Catalogue) -> BusinessDay:
        """The store's business day that holds the instant `at`."""
        row = catalogue.store(store.brand_id, store.poi_id)
        # a store that was taken out of the catalogue has locks that still expire
        clock = ("UTC", 240) if row is None else (row.time_zone, row.day_start_minute)
        day = self._days.get(clock)
        if day is None or not day.starts_at <= at < day.ends_at:
            day = self._days[clock] = business_day(at, *clock)
        return day
