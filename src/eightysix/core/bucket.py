"""The bucket of a store: which of the 1,024 shards everything about it lives in (DESIGN section 2)."""

from functools import lru_cache

import mmh3

BUCKETS = 1024


@lru_cache(maxsize=65_536)
def bucket_of(poi_id: str) -> int:
    """murmur3_32 of `poi_id` as UTF-8 with seed 0, unsigned, mod 1,024."""
    return mmh3.hash(poi_id.encode(), 0, signed=False) % BUCKETS
