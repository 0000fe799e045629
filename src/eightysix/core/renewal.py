"""What changes in a store without any write: a business day begins, or the menu or the clock is another.

Nobody writes a row at the start of a day, and yet a channel's `used` starts again then and guarantees are open again
(DESIGN section 8). The store's timer wakes for it where any channel row counts, and tells of what can be sold now and
couldn't when others were last told, or the other way round.
"""

from .announcement import has_moved
from .catalogue import Store
from .change import Timer
from .instant import business_day
from .key import NO_KEYS, StockKey
from .shelf import Renewal, Shelf


def renewal_of(shelf: Shelf, timer: Timer, store: Store, facts: int) -> Renewal | None:
    """What may have changed since the store's timer was last run, or None; the store must be whole on the shelf."""
    told = _moved_items(shelf, timer)
    looked_at = NO_KEYS
    begun = timer.timed_at < shelf.day.starts_at
    moved = has_moved(timer, facts)
    if begun or moved:
        looked_at = _looked_at(shelf)
    if moved or (begun and shelf.head.last_at >= shelf.day.starts_at):
        # what the clock changed can't be told apart from what orders of today have changed: tell of all
        told, looked_at = told | looked_at, NO_KEYS
    if not told and not looked_at:
        return None
    since = max(timer.timed_at, 0) or shelf.day.starts_at - 1
    day = business_day(since, store.time_zone, store.day_start_minute) if begun else shelf.day
    return Renewal(day, looked_at, told)


def _looked_at(shelf: Shelf) -> frozenset[StockKey]:
    """The items of which a channel's cap or guarantee counts anew, and those that depend on them."""
    found: set[StockKey] = set()
    brand_id = shelf.store.brand_id
    for key, rows in shelf.channels.items():
        if any(row.counts for row in rows.values()):
            if shelf.catalogue.item(brand_id, *key) is not None:
                found.add(key)
            those = shelf.catalogue.dependents(brand_id, key)
            if those is not None:
                found.update(item.key for item in those.items)
    return frozenset(found)


def _moved_items(shelf: Shelf, timer: Timer) -> frozenset[StockKey]:
    """Items that left the menu and have a row, and those that are sold from other stocks than before.

    Where it isn't known which have left: all that are not there.
    """
    brand_id, catalogue = shelf.store.brand_id, shelf.catalogue
    moved = catalogue.moved_items(brand_id, timer.planned_version)
    if moved is None:
        return frozenset(key for key in shelf.stocks if catalogue.item(brand_id, *key) is None)
    found: set[StockKey] = set()
    for key in moved:
        if catalogue.item(brand_id, *key) is None:
            found.update({key} & shelf.stocks.keys())
            continue
        if timer.planned_version == 0 and key not in shelf.stocks:
            continue  # a store that was never planned knows of no other menu
        found.add(key)
        those = catalogue.dependents(brand_id, key)
        if those is not None:
            found.update(item.key for item in those.items)
    return frozenset(found)
