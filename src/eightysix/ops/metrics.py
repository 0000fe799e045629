"""The metrics of one process, in a registry of its own, and the page that Prometheus reads."""

import asyncio

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.registry import Collector

from .engine_metrics import EngineMetrics

PREFIX = "eightysix_"


class Metrics:
    """`engine` is the engine's observer; whatever else is to be seen is added as a collector."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.engine = EngineMetrics(self.registry)

    def add(self, collector: Collector) -> None:
        """Show what the collector collects too."""
        self.registry.register(collector)

    async def page(self) -> bytes:
        """All of it in Prometheus's text format. Some thousand lines: made beside the event loop."""
        return await asyncio.to_thread(generate_latest, self.registry)
