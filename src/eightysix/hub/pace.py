"""How often a hub asks the cloud by itself."""

import msgspec


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Durations in milliseconds. What is new at the hub is sent at once."""

    pull_ms: int = 30_000
    """Between two looks for rows that no message has told of."""
    store_ms: int = 30_000
    orders_ms: int | None = 5_000
    """None: nobody here forwards verbs of the cloud's orders."""
    rebalance_ms: int = 1_000
    """In which every stock is looked at once, a few hundred at a time; who goes short on either side is heard at
    once."""
    compare_ms: int = 600_000
    """Between two comparisons of what the hub holds; there is one at each reconnect besides."""
    retry_ms: int = 1_000
    """The longest wait for a cloud that doesn't answer: a store that is connected again wants to be in step within a
    few seconds."""
    denied_ms: int = 30_000
    """Before what the cloud has refused is tried again: a person has to do something first."""
