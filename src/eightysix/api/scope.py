"""Which stores a call is about: those that it names and that exist and are the caller's."""

from eightysix.catalog.snapshot import Snapshot
from eightysix.core.key import StoreKey
from eightysix.core.outcome import Code
from eightysix.wire.fields import identifier
from eightysix.wire.problem import Rejection

from .auth import Caller


def brand_named(caller: Caller, catalogue: Snapshot, brand_id: str) -> None:
    """404 unless the brand exists and is the caller's."""
    caller.reach_brand(identifier(brand_id, "brandId"))
    if catalogue.brand(brand_id) is None:
        raise Rejection(Code.BRAND_NOT_FOUND, "brandId")


def store_named(caller: Caller, catalogue: Snapshot, brand_id: str, poi_id: str) -> StoreKey:
    """The store, if it exists and is the caller's."""
    identifier(brand_id, "brandId")
    identifier(poi_id, "poiId")
    caller.reach(brand_id, poi_id)
    if catalogue.brand(brand_id) is None:
        raise Rejection(Code.BRAND_NOT_FOUND, "brandId")
    if catalogue.store(brand_id, poi_id) is None:
        raise Rejection(Code.STORE_NOT_FOUND, "poiId")
    return StoreKey.of(brand_id, poi_id)


def stores_reached(caller: Caller, catalogue: Snapshot, brand_id: str, poi_ids: list[str] | None) -> list[str]:
    """The stores of these that exist and are the caller's; None: of all of the brand."""
    brand_named(caller, catalogue, brand_id)
    if poi_ids is None:
        return caller.own_stores(catalogue.stores(brand_id))
    return [poi_id for poi_id in caller.own_stores(poi_ids) if catalogue.store(brand_id, poi_id) is not None]
