"""Messages that a bus was given and hasn't answered for yet: who waits too long for it waits no more."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from eightysix.core.invariant import InvariantError

from .bus import Bus, BusMessage, BusUnavailable


class InFlight:
    """Publishes with one timer for all: one for each would cost as much as handing a message over."""

    def __init__(self, bus: Bus, seconds: float) -> None:
        self._bus = bus
        self._seconds = seconds
        self._since: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()

    async def publish(self, messages: Sequence[BusMessage]) -> Exception | None:
        """Publish, within a task of one's own; what went wrong, if anything."""
        me = asyncio.current_task()
        if me is None:
            raise InvariantError("a message is published outside of a task")
        self._since[me] = time.monotonic()
        try:
            await self._bus.publish(*messages)
        except asyncio.CancelledError:
            if me in self._late:
                self._late.discard(me)
                me.uncancel()
                return BusUnavailable(f"no answer from the bus for {self._seconds} s")
            if me.cancelling():
                raise  # the publisher ends
            return BusUnavailable("the bus gave the message up")
        except Exception as fault:  # noqa: BLE001 - whatever it is, it is these messages'
            return fault
        finally:
            self._since.pop(me, None)
        return None

    async def watch(self) -> None:
        """Give up what takes too long, for ever."""
        while True:
            await asyncio.sleep(self._seconds / 4)
            late = time.monotonic() - self._seconds
            for task in [task for task, since in self._since.items() if since < late]:
                if task not in self._late:
                    self._late.add(task)
                    task.cancel()
