"""How much a relay does at once, how often, how patiently."""

from math import inf

import msgspec

from eightysix.storage.port import Capabilities

_ONE_WRITER_BATCH_SECONDS = 0.05


def crowd_batch_seconds(capabilities: Capabilities) -> float:
    """See `RelayPace`. Where one batch at a time takes all that waits, as on SQLite, nobody waits long for a batch, but
    in it."""
    return inf if capabilities.several_processes else _ONE_WRITER_BATCH_SECONDS


class RelayPace(msgspec.Struct, frozen=True, kw_only=True):
    """How much at once, how often, how patiently. Durations in seconds."""

    tries: int = 8
    """How often a message is tried before it is parked."""
    poll_seconds: float = 5.0
    """Between two looks for rows that nobody told of."""
    stores_at_once: int = 512
    rows_at_once: int = 32
    """Rows of one store that are read at once."""
    in_flight: int = 256
    """Stores that are published side by side."""
    publish_seconds: float = 10.0
    """How long the bus may take for what it was given at once before it counts as unavailable to its store."""
    breath_seconds_max: float = 0.05
    """After a round the relay rests as long as the round took, at most so long: what comes meanwhile is read
    together."""
    breath_seconds_min: float = 0.001
    crowd_seconds: float = 0.02
    crowd_batch_seconds: float = inf
    """Where commands wait longer than this for their batch, or batches take longer than that, they come first ..."""
    crowd_rests: float = 7.0
    """... and the relay rests so many times as long as it worked, ..."""
    crowd_stores: int = 128
    crowd_rows: int = 16
    """... in small rounds. (docs/decisions/0009)"""
    sweep_stores: int = 1_000
    """Stores that one look for rows finds at once."""
    wait_seconds_first: float = 0.1
    wait_seconds_max: float = 30.0
    """The first and the longest wait of a store in trouble."""
    bus_wait_seconds_max: float = 5.0
    """The longest of one that could not reach the bus: where few stores have messages, it is they who find out that the
    bus is back."""
    bus_failures: int = 8
    bus_failing_seconds: float = 1.0
    bus_pause_first: float = 0.1
    bus_pause_max: float = 1.0
    database_pause: float = 0.5
