"""The business day of each store, remembered: time zone arithmetic is too slow to do for every batch."""

from eightysix.core.catalogue import Catalogue, Store
from eightysix.core.instant import BusinessDay, business_day
from eightysix.core.key import StoreKey


class BusinessDays:
    """A cache that notices the next day and a changed time zone. Shared by the lanes of one event loop."""

    def __init__(self) -> None:
        self._days: dict[StoreKey, tuple[str, int, BusinessDay]] = {}

    def of(self, store: StoreKey, at: int, catalogue: Catalogue) -> BusinessDay:
        """The store's business day that holds the instant `at`."""
        row = catalogue.store(store.brand_id, store.poi_id)
        if row is None:  # taken out of the catalogue since; its locks still expire
            row = Store(store.brand_id, store.poi_id, "UTC")
        known = self._days.get(store)
        if known is not None:
            zone, minute, day = known
            if day.starts_at <= at < day.ends_at and zone == row.time_zone and minute == row.day_start_minute:
                return day
        day = business_day(at, row.time_zone, row.day_start_minute)
        self._days[store] = (row.time_zone, row.day_start_minute, day)
        return day
