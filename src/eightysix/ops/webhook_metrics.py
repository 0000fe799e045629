"""What the figures of webhooks show, read when Prometheus asks."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from eightysix.sync.webhooks.figures import Figures

from .histogram import histogram


class WebhookMetrics(Collector):
    """The deliveries of this process."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        figures = self._figures
        for name, what, value in (
            ("queued", "Events that were queued, one for each webhook", figures.queued),
            ("delivered", "Requests that an endpoint took", figures.delivered),
            ("failed", "Requests that it didn't", figures.failed),
            ("paused", "Webhooks that were paused after days of failures", figures.paused),
            ("disabled", "Webhooks that were disabled because the endpoint is gone", figures.disabled),
        ):
            yield CounterMetricFamily(f"eightysix_webhooks_{name}", what, value=value)
        yield GaugeMetricFamily("eightysix_webhooks_in_flight", "Requests that run", value=figures.in_flight)
        what = "Endpoints that are asked by the schedule"
        yield GaugeMetricFamily("eightysix_webhooks_failing_endpoints", what, value=figures.endpoints_failing)
        what = "From the commit of a change to its delivery at the first try"
        yield histogram("eightysix_webhooks_latency_seconds", what, figures.latency)
