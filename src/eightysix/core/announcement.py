"""What others are told of a store as a whole: whether it and its brand are open, its clock, whether it is there at all.

A store's timer keeps what was last told, so that whoever looks at it, also after a crash, finds out that something else
holds by now: the catalogue's commit and the announcement are two transactions.
"""

from functools import lru_cache
from hashlib import blake2b
from typing import Any

from .catalogue import Brand, Catalogue, Store
from .change import Timer
from .key import StoreKey

GONE = 1
"""The store was taken out of the catalogue."""

_OPEN = 3


def facts_of(store: StoreKey, catalogue: Catalogue) -> int:
    """What is to be told of the store, as one number: two bits for what is open, above them a digest of its clock."""
    return _facts(catalogue.brand(store.brand_id), catalogue.store(store.brand_id, store.poi_id))


@lru_cache(maxsize=4096)
def _facts(brand: Brand | None, store: Store | None) -> int:
    if brand is None or store is None:
        return GONE
    clock = blake2b(f"{store.time_zone} {store.day_start_minute}".encode(), digest_size=7).digest()
    return (int.from_bytes(clock) | 1) << 2 | brand.open << 1 | store.open


def told_of(store: StoreKey, catalogue: Catalogue) -> dict[str, Any]:
    """The same for the log, in words."""
    brand, there = catalogue.brand(store.brand_id), catalogue.store(store.brand_id, store.poi_id)
    if brand is None or there is None:
        return {"deleted": True}
    return {
        "brand_open": brand.open,
        "store_open": there.open,
        "time_zone": there.time_zone,
        "business_day_start": f"{there.day_start_minute // 60:02d}:{there.day_start_minute % 60:02d}",
    }


def version_of(store: StoreKey, catalogue: Catalogue) -> int:
    """The version of the last change that may concern the store, as far as this catalogue knows."""
    if catalogue.store(store.brand_id, store.poi_id) is None:
        return catalogue.timers_version
    return catalogue.timer_version(store.brand_id, store.poi_id)


def is_untold(planned_version: int, told: int, store: StoreKey, catalogue: Catalogue) -> bool:
    """Whether others were told something else of the store. Where nothing was told yet, an open store is no news; what
    was told from a newer catalogue is left alone."""
    facts = facts_of(store, catalogue)
    if told == facts or planned_version > version_of(store, catalogue):
        return False
    return told != 0 or facts & _OPEN != _OPEN or facts == GONE


def has_moved(timer: Timer, facts: int) -> bool:
    """Whether the store's clock is another than when others were last told."""
    return timer.told != 0 and timer.told >> 2 != facts >> 2
