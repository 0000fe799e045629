"""Buckets and lanes: each bucket in one lane, each lane in one physical table."""

import pytest

from eightysix.core.bucket import BUCKETS
from eightysix.engine.layout import Layout
from eightysix.engine.limits import measured_lanes


@pytest.mark.parametrize(("physical", "per_shard"), [(1, 1), (1, 2), (1, 4), (8, 2), (96, 2)])
def test_every_bucket_has_one_lane_and_lanes_are_even(physical: int, per_shard: int):
    layout = Layout(physical, per_shard)
    buckets = [layout.buckets(lane_no) for lane_no in range(layout.lanes)]
    assert sorted(bucket for mine in buckets for bucket in mine) == list(range(BUCKETS))
    sizes = {len(mine) for mine in buckets}
    assert max(sizes) - min(sizes) <= 1 + BUCKETS // (physical * per_shard) // 4
    assert all(layout.lane_of[bucket] == lane_no for lane_no, mine in enumerate(buckets) for bucket in mine)


@pytest.mark.parametrize(("databases", "tables"), [(2, 4), (3, 32)])
def test_a_lane_stays_within_one_physical_table(databases: int, tables: int):
    layout = Layout(databases * tables, 2)
    for lane_no in range(layout.lanes):
        places = {(bucket % databases, bucket // databases % tables) for bucket in layout.buckets(lane_no)}
        assert len(places) == 1


def test_a_second_lane_needs_a_core_to_run_on() -> None:
    assert [measured_lanes("postgresql", cores) for cores in (1, 2, 4)] == [1, 1, 2]
    assert measured_lanes("sqlite", 64) == 1
