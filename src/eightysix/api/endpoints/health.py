"""Whether it runs."""

from eightysix.api.endpoint import Endpoint
from eightysix.api.health import Health, HealthAnswer


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
