"""Which lane a bucket belongs to: the physical shard first, then spread over the shard's lanes."""

from eightysix.core.bucket import BUCKETS


class Layout:
    """`physical_shards` × `lanes_per_shard` lanes.

    A bucket's physical shard is `bucket % physical_shards`: with 2 databases × 4 tables that is the same partition as
    database `bucket % 2`, table `(bucket // 2) % 4`, so no lane ever touches two physical tables.
    """

    def __init__(self, physical_shards: int, lanes_per_shard: int) -> None:
        self.physical_shards = physical_shards
        self.lanes_per_shard = lanes_per_shard
        self.lanes = physical_shards * lanes_per_shard
        self.lane_of = tuple(self._lane_of(bucket) for bucket in range(BUCKETS))
        """Indexed by bucket."""

    def _lane_of(self, bucket: int) -> int:
        shard, spread = bucket % self.physical_shards, bucket // self.physical_shards
        return shard * self.lanes_per_shard + spread % self.lanes_per_shard

    def buckets(self, lane_no: int) -> list[int]:
        """All buckets of a lane; the first of them is where the lane keeps its marker row."""
        return [bucket for bucket in range(BUCKETS) if self.lane_of[bucket] == lane_no]
