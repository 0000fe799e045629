"""Whether it runs."""

from eightysix.api.endpoint import Endpoint
from eightysix.api.health import Health, HealthAnswer
from eightysix.api.metrics import MEDIA_TYPE, MetricsPage


def health_calls(health: Health) -> list[Endpoint]:
    return [
        Endpoint(
            method="GET",
            path="/healthz",
            summary=("The process lives", "进程存活"),
            action=None,
            run=health.alive,
            answers={200: (HealthAnswer,)},
        ),
        Endpoint(
            method="GET",
            path="/readyz",
            summary=("The service can take orders", "可以接单"),
            action=None,
            run=health.ready,
            answers={200: (HealthAnswer,)},
        ),
    ]


def metrics_calls(metrics: MetricsPage) -> list[Endpoint]:
    return [
        Endpoint(
            method="GET",
            path="/metrics",
            summary=("Metrics of this process for Prometheus", "本进程的 Prometheus 指标"),
            action=None,
            run=metrics.show,
            answers={200: (str,)},
            answer_type=MEDIA_TYPE,
        ),
    ]
