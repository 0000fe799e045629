"""A latency as Prometheus takes it."""

from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily

from eightysix.sync.latency import Latency


def histogram(name: str, what: str, latency: Latency) -> HistogramMetricFamily:
    """Its counts, summed up from class to class."""
    bounds = [*(f"{bound:g}" for bound in latency.bounds), "+Inf"]
    counts = list(zip(bounds, accumulate(latency.counts), strict=True))
    return HistogramMetricFamily(name, what, buckets=counts, sum_value=latency.total)
