"""What identifies a store and a stock, everywhere the same way (DESIGN section 2: the pair is the key)."""

from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from .bucket import bucket_of


class ObjectType(IntEnum):
    """A dish, or a sellable variant of it; the numbers are the platform's `object_type`."""

    SPU = 1
    SKU = 2


class StoreKey(NamedTuple):
    """One restaurant: the unit of consistency. Sorts in the order in which head rows are locked."""

    bucket: int
    brand_id: str
    poi_id: str

    @classmethod
    def of(cls, brand_id: str, poi_id: str) -> "StoreKey":
        """The key of a store; the bucket looks at `poi_id` alone."""
        return cls(bucket_of(poi_id), brand_id, poi_id)


class StockKey(NamedTuple):
    """One item within a store; `object_type` is an `ObjectType` value kept as a plain int for speed."""

    object_type: int
    object_id: int


NO_KEYS: frozenset[StockKey] = frozenset()

WHOLE_STORE = StockKey(0, 0)
"""No stock: what a log row or a message is about that tells of the store as a whole."""


INCIDENT = 3
"""The `object_type` of an incident, `object_id` being its seq: what an outbox row points at that tells of one."""


def incident_key(seq: int) -> StockKey:
    """What an outbox row points at instead of the incident's stock, to tell of both."""
    return StockKey(INCIDENT, seq)


@lru_cache(maxsize=65_536)
def sku_key(sku_id: int) -> StockKey:
    """The stock of a SKU. Remembered: every line of an order asks for some."""
    return StockKey(2, sku_id)


def spu_key(spu_id: int) -> StockKey:
    """The stock of an SPU: the pool that its SKUs share when it is limited."""
    return StockKey(1, spu_id)
