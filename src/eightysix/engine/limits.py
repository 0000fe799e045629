"""How much an engine takes at once and how long it waits. Values only; the root reads them from settings."""

import msgspec

_LANES = {"postgresql": 2, "mysql": 2, "mariadb": 2, "sqlite": 1}


def measured_lanes(dialect: str, cores: int) -> int:
    """How many lanes a physical shard gets where nobody says: what was measured best (docs/BENCHMARKS.md).

    On two cores that the database shares, a second lane more than doubles the latency of a steady load; it helps only
    where everything waits.
    """
    return 1 if cores <= _FEW_CORES else _LANES.get(dialect, 1)


_FEW_CORES = 2


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of lanes, batches and waits. Durations in seconds."""

    lanes_per_shard: int | None = None
    """None: what was measured best for the database and this machine."""

    batch_commands: int = 1024
    batch_rows: int = 4096
    """Lines of the batch's commands; a single larger command still gets a batch of its own."""
    store_commands: int = 256
    """Commands of one store in a batch while other stores wait."""

    queue_commands: int = 4096
    background_queue_commands: int = 4096

    deadline_seconds: float = 2.0
    background_deadline_seconds: float = 30.0

    tries: int = 3
    """How often a batch, and at last a single command, is run before a retryable fault becomes a 503."""
    locked_retry_seconds: float = 0.05
    """When to ask again for a store whose head row another process holds."""
    settle_seconds: float = 30.0
    """How long to look for the outcome of a COMMIT whose connection was lost; the callers of a batch wait twice as long
    for a database that neither answers nor goes away."""

    sweep_seconds: float = 0.5
    """Pause between two looks for due locks; well under the 1 s in which each must be tidied."""
    sweep_stores: int = 256
    """Stores a lane's sweep submits at once."""

    timer_poll_seconds: float = 0.5
    """How often to look for timers that other processes have set; known ones are slept for to the millisecond."""
    timer_stores: int = 256
    """Stores a lane's timers submit at once."""

    stop_seconds: float = 10.0
    """How long `stop` waits for what was accepted."""
