"""The wall clock of the configuration: stores' stocks have the database's instead."""

import time


def now_ms() -> int:
    """Milliseconds: for the validity of keys, and for people who read the log of administration."""
    return time.time_ns() // 1_000_000
