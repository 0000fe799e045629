"""The page that Prometheus reads."""

from prometheus_client.parser import text_string_to_metric_families

from eightysix.core.bucket import BUCKETS
from eightysix.storage.lease import RANGES
from tests.sync.condition import until

from .shop import RICE, SOUP, Shop


async def scraped(shop: Shop) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Samples by name and labels."""
    answer = await shop.http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


async def test_all_1024_buckets_and_what_engine_and_relay_do(own_shop: Shop) -> None:
    shop, relay = own_shop, own_shop.service.relay
    assert relay is not None
    await shop.lock("o1", (RICE, 1), (SOUP, 2))
    await until(lambda: not relay.waiting_stores and relay.figures.removed)
    await until(lambda: relay.figures.swept_in_last_minute() == BUCKETS)
    found = await scraped(shop)
    published = relay.figures.published
    assert found["eightysix_relay_published_total"][()] == published >= 4
    assert found["eightysix_relay_removed_total"][()] == published
    assert found["eightysix_relay_buckets_swept_last_minute"][()] == BUCKETS
    assert found["eightysix_relay_leases_held"][()] == RANGES
    assert found["eightysix_relay_backlog_stores"][()] == 0
    for name in ("eightysix_relay_oldest_unpublished_seconds", "eightysix_relay_bucket_swept_timestamp_seconds"):
        assert set(found[name]) == {(("bucket", str(bucket)),) for bucket in range(BUCKETS)}
    buckets = found["eightysix_relay_publish_seconds_bucket"]
    assert buckets[("le", "+Inf"),] == published
    assert found["eightysix_relay_publish_seconds_count"][()] == published
    assert sum(found["eightysix_commands_total"].values()) > 0
    assert sum(found["eightysix_batches_total"].values()) > 0
    assert "process_resident_memory_bytes" in found


async def test_it_names_nobody_and_needs_no_key(shop: Shop) -> None:
    text = (await shop.http.get("/metrics")).text
    assert "fox" not in text
    assert "s1" not in text.split()
