"""What the interpreter is told once a service has loaded everything and is about to work."""

import gc
import sys

SWITCH_SECONDS = 0.0005
"""A tenth of Python's own: the event loop, which answers orders, shares the interpreter with the threads that read and
write an SQLite file. Each of them waits so long for it while it is busy, and the other way round (bench/relay.py)."""


def settle() -> None:
    """Have no collection look again at what is there already, and let threads take turns quickly."""
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_SECONDS)
