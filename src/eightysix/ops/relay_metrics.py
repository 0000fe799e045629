"""What a relay's figures and the leases show, read when Prometheus asks."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from eightysix.sync.lease import Leases
from eightysix.sync.relay import Relay

from .histogram import histogram


class RelayMetrics(Collector):
    """Of the buckets those are shown that this process holds: over all processes that is each of the 1,024."""

    def __init__(self, relay: Relay, leases: Leases) -> None:
        self._relay = relay
        self._leases = leases

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        yield from self._counters()
        yield from self._state()
        latency = self._relay.figures.latency
        yield histogram("eightysix_relay_publish_seconds", "From commit to published", latency)
        yield from self._buckets()

    def _counters(self) -> Iterator[Metric]:
        figures = self._relay.figures
        for name, what, value in (
            ("published", "Messages that are on the bus", figures.published),
            ("failed", "Tries to publish a message that it was itself to blame for", figures.failed),
            ("unavailable", "Tries to publish that found no bus", figures.unavailable),
            ("parked", "Messages that were parked", figures.parked),
            ("removed", "Published rows that were removed from the outbox", figures.removed),
            ("database_faults", "Times that the relay could not use the database", figures.database_faults),
        ):
            yield CounterMetricFamily(f"eightysix_relay_{name}", what, value=value)

    def _state(self) -> Iterator[Metric]:
        relay = self._relay
        for name, what, value in (
            ("backlog_stores", "Stores with messages that are not out yet", relay.waiting_stores),
            ("troubled_stores", "Stores that wait because a message could not be published", relay.troubled_stores),
            ("bus_down", "1 while the bus can't be had", int(relay.bus_is_down)),
            ("leases_held", "Bucket ranges of 64 that this process holds", len(self._leases.held)),
            ("members", "Processes that share the ranges", self._leases.members),
            ("buckets_swept_last_minute", "Of 1,024", relay.figures.swept_in_last_minute()),
        ):
            yield GaugeMetricFamily(f"eightysix_relay_{name}", what, value=value)

    def _buckets(self) -> Iterator[Metric]:
        figures = self._relay.figures
        oldest = GaugeMetricFamily(
            "eightysix_relay_oldest_unpublished_seconds",
            "Age of the bucket's oldest unpublished message when it was last looked at; 0: there was none",
            labels=["bucket"],
        )
        swept = GaugeMetricFamily(
            "eightysix_relay_bucket_swept_timestamp_seconds",
            "When the bucket was last looked through",
            labels=["bucket"],
        )
        for bucket, (seconds, at) in enumerate(zip(figures.oldest_seconds, figures.swept_at, strict=True)):
            if seconds is None or at is None:
                continue
            oldest.add_metric([str(bucket)], seconds)
            swept.add_metric([str(bucket)], at)
        yield oldest
        yield swept
