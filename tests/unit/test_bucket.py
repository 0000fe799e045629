"""The bucket is the platform's: other programs compute it too, so its vectors are fixed."""

import mmh3
import pytest

from eightysix.core.bucket import BUCKETS, bucket_of


@pytest.mark.parametrize(
    ("text", "hashed"),
    [
        ("", 0),
        ("test", 0xBA6BD213),
        ("Hello, world!", 0xC0363E43),
        ("The quick brown fox jumps over the lazy dog", 0x2E4FF723),
    ],
)
def test_published_vectors_of_murmur3_32(text: str, hashed: int) -> None:
    assert mmh3.hash(text.encode(), 0, signed=False) == hashed
    assert bucket_of(text) == hashed % BUCKETS


@pytest.mark.parametrize(("poi_id", "bucket"), [("1", 147), ("2", 535), ("1001", 211), ("上海-001", 612), ("🍜", 42)])
def test_stores(poi_id: str, bucket: int) -> None:
    assert bucket_of(poi_id) == bucket


def test_stores_spread_evenly() -> None:
    counts = [0] * BUCKETS
    for number in range(100_000):
        counts[bucket_of(str(number))] += 1
    assert min(counts) > 50
    assert max(counts) < 160
