"""What the engine tells its observer, counted by lane."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from eightysix.engine import BatchReport, Observer

_PHASES = ("begin", "load", "decide", "save", "commit")
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class EngineMetrics(Observer):
    """Called for each batch on the event loop: some microseconds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"eightysix_{name}", what, ("lane", *labels), registry=registry)

        self._batches = counter("batches", "Batches that were carried out")
        self._commands = counter("commands", "Commands that were answered by batches", "queue")
        self._stores = counter("batch_stores", "Stores in batches")
        self._phases = counter("batch_phase_seconds", "Time that batches spent in each phase", "phase")
        self._waits = counter("command_wait_seconds", "Time that commands waited for their batch")
        self._longest = Gauge(
            "eightysix_command_wait_seconds_max", "The longest wait in the last batch", ("lane",), registry=registry
        )
        self._batch = Histogram(
            "eightysix_batch_seconds",
            "From a batch's begin to its commit",
            ("lane",),
            registry=registry,
            buckets=_SECONDS,
        )
        self._restored = counter("restored_stocks", "Stocks that came back by the clock")
        self._retried = counter("batch_retries", "Batches that were rolled back, to be run again", "fault")
        self._aside = counter("stores_set_aside", "Stores that had to wait for another process or for their due locks")
        self._settled = counter("commits_settled", "COMMITs with a lost connection, by what came out", "outcome")
        self._overloaded = counter("overloaded_commands", "Commands refused because the lane's queue was full")
        self._late = counter("late_commands", "Commands that waited longer than their deadline")
        self._failed = counter("failed_commands", "Commands that failed alone (500)")
        self._unavailable = counter("unavailable_commands", "Commands that the database could not do (503)")
        self._timers = counter("timer_failures", "Looks for what is due by the clock that failed")
        self._sweeps = counter("sweep_failures", "Looks for due locks that failed")

    def batch_done(self, report: BatchReport) -> None:
        """See `Observer`."""
        lane = str(report.lane_no)
        self._batches.labels(lane).inc()
        self._commands.labels(lane, "orders").inc(report.commands - report.background_commands)
        if report.background_commands:
            self._commands.labels(lane, "background").inc(report.background_commands)
        self._stores.labels(lane).inc(report.stores)
        total = 0.0
        for phase in _PHASES:
            seconds = getattr(report, phase)
            total += seconds
            self._phases.labels(lane, phase).inc(max(0.0, seconds))
        self._batch.labels(lane).observe(total)
        self._waits.labels(lane).inc(max(0.0, report.waited_sum))
        self._longest.labels(lane).set(report.waited_max)
        if report.restored:
            self._restored.labels(lane).inc(report.restored)

    def batch_retried(self, lane_no: int, fault: BaseException) -> None:
        """See `Observer`."""
        self._retried.labels(str(lane_no), type(fault).__name__).inc()

    def stores_set_aside(self, lane_no: int, stores: int) -> None:
        """See `Observer`."""
        self._aside.labels(str(lane_no)).inc(stores)

    def commit_settled(self, lane_no: int, committed: bool | None) -> None:  # noqa: FBT001 - the observer's
        """See `Observer`."""
        outcome = "unknown" if committed is None else "committed" if committed else "lost"
        self._settled.labels(str(lane_no), outcome).inc()

    def overloaded(self, lane_no: int) -> None:
        """See `Observer`."""
        self._overloaded.labels(str(lane_no)).inc()

    def deadline_exceeded(self, lane_no: int, commands: int) -> None:
        """See `Observer`."""
        self._late.labels(str(lane_no)).inc(commands)

    def command_failed(self, lane_no: int) -> None:
        """See `Observer`."""
        self._failed.labels(str(lane_no)).inc()

    def unavailable(self, lane_no: int, commands: int) -> None:
        """See `Observer`."""
        self._unavailable.labels(str(lane_no)).inc(commands)

    def timers_failed(self, lane_no: int) -> None:
        """See `Observer`."""
        self._timers.labels(str(lane_no)).inc()

    def sweep_failed(self, lane_no: int) -> None:
        """See `Observer`."""
        self._sweeps.labels(str(lane_no)).inc()
