"""What is seen of those who follow stores: streams, acknowledgements, who lags. Read when Prometheus asks."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from eightysix.sync.compensation import Compensation
from eightysix.sync.devices import Acknowledgements
from eightysix.sync.gateway import Gateway

from .histogram import histogram


class FollowerMetrics(Collector):
    """Of one process: lagging devices are those of the bucket ranges that it holds."""

    def __init__(self, gateway: Gateway, acks: Acknowledgements, compensation: Compensation) -> None:
        self._gateway = gateway
        self._acks = acks
        self._compensation = compensation

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        for name, what, value in self._counters():
            yield CounterMetricFamily(f"eightysix_{name}", what, value=value)
        for name, what, level in self._gauges():
            yield GaugeMetricFamily(f"eightysix_{name}", what, value=level)
        what = "From a change's commit to its acknowledgement, where nothing followed it before"
        yield histogram("eightysix_acknowledged_seconds", what, self._acks.latency)

    def _gauges(self) -> Iterator[tuple[str, str, float]]:
        yield "streams", "Streams that are open", self._gateway.streams
        yield "devices_lagging", "Devices that lag, as of the last look", self._compensation.lagging
        yield "devices_oldest_lag_seconds", "Of those the longest", self._compensation.oldest_lag_ms / 1000

    def _counters(self) -> Iterator[tuple[str, str, int]]:
        counts, acks, compensation = self._gateway.counts, self._acks, self._compensation
        yield "streams_opened", "Streams since the start", counts.opened
        yield "stream_messages", "Messages that were pushed into streams", counts.messages
        yield "stream_caught_up", "Times that a stream was caught up from the database", counts.caught_up
        yield "stream_gaps", "Messages that came before the one they follow", counts.gaps
        yield "stream_repaired", "Lost messages that the net found", counts.repaired
        yield "stream_resets", "Streams that had to begin anew", counts.resets
        yield "stream_overflowed", "Times that more waited for a stream than it may hold", counts.overflowed
        yield "stream_cut_slow", "Streams that were cut off because their receiver took nothing", counts.cut_slow
        yield "stream_cut_key", "Streams that ended with their key", counts.cut_key
        yield "stream_nudged", "Times that a stream began again after what was acknowledged", counts.nudged
        yield "acknowledged", "Acknowledgements that were taken", acks.acked
        yield "acknowledgements_refused", "Those of a cursor above the store's head", acks.refused
        yield "devices_marked", "Devices that were found to lag", compensation.marked
        yield "devices_nudged", "Devices that were nudged", compensation.nudged
        yield "devices_forgotten", "Devices that were silent for too long", compensation.forgotten
