"""What the consumer of the order service's messages and its upkeep show, read when Prometheus asks."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from eightysix.sync.order_events import OrderEvents
from eightysix.sync.order_upkeep import OrderUpkeep


class OrderMetrics(Collector):
    """Counters of this process."""

    def __init__(self, events: OrderEvents, upkeep: OrderUpkeep) -> None:
        self._events = events
        self._upkeep = upkeep

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        events = self._events
        yield _by_name("done", "Order events that were done, by what they were answered", "result", events.done)
        yield _by_name("arrived", "Order events that came otherwise than in their turn", "how", events.arrivals)
        yield _by_name("parked", "Order events and answers that were parked", "code", events.parking.parked)
        yield CounterMetricFamily(
            "eightysix_order_events_overdue",
            "Order events that waited too long for the one before them, or for their store",
            value=self._upkeep.overdue,
        )


def _by_name(name: str, what: str, label: str, counts: Counter[str]) -> Metric:
    family = CounterMetricFamily(f"eightysix_order_events_{name}", what, labels=[label])
    for value, count in sorted(counts.items()):
        family.add_metric([value], count)
    return family
