"""Waiting for something to become true."""

import asyncio
from collections.abc import Callable
from time import monotonic


async def until(holds: Callable[[], object], seconds: float = 60.0, what: str = "") -> None:
    """Return when `holds()` does; fail after so many seconds."""
    give_up_at = monotonic() + seconds
    while not holds():
        assert monotonic() < give_up_at, f"waited {seconds} s in vain {what}"
        await asyncio.sleep(0.005)
