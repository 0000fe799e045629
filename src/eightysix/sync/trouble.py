"""Stores whose next message can't be published now: each waits by itself, longer from try to try."""

import asyncio
import random
from collections.abc import Callable
from itertools import islice

import msgspec

from eightysix.core.key import StoreKey

from .pace import RelayPace


class Trouble(msgspec.Struct):
    """What is known of a store's first unpublished row. `tries` are those that the message itself is to blame for."""

    seq: int
    tries: int
    failures: int
    bus: bool
    """Whether it was the bus that couldn't be had."""
    timer: asyncio.TimerHandle


class Troubles:
    """The stores in trouble; `again` is called with a store when its wait is over."""

    def __init__(self, pace: RelayPace, again: Callable[[StoreKey], None]) -> None:
        self._pace = pace
        self._again = again
        self._known: dict[StoreKey, Trouble] = {}
        self._waiting: set[StoreKey] = set()

    def __len__(self) -> int:
        return len(self._known)

    def waits(self, store: StoreKey) -> bool:
        """Whether its time has not come yet."""
        return store in self._waiting

    def add(self, store: StoreKey, seq: int, *, bus: bool) -> int:
        """One more failure of the store's row; how often the message itself has failed by now."""
        before = self._known.get(store)
        same = before is not None and before.seq == seq
        failures = before.failures + 1 if before is not None and same else 1
        tries = (before.tries if before is not None and same else 0) + (not bus)
        if before is not None:
            before.timer.cancel()
        most = self._pace.bus_wait_seconds_max if bus else self._pace.wait_seconds_max
        wait = min(most, self._pace.wait_seconds_first * 2 ** min(failures - 1, 30))
        wait *= random.uniform(0.75, 1.0)  # noqa: S311 - keeps stores out of step, no secret
        timer = asyncio.get_running_loop().call_later(wait, self._over, store)
        self._known[store] = Trouble(seq, tries, failures, bus, timer)
        self._waiting.add(store)
        return tries

    def end(self, store: StoreKey) -> None:
        """The store goes on."""
        trouble = self._known.pop(store, None)
        if trouble is not None:
            trouble.timer.cancel()
            self._waiting.discard(store)

    def passed(self, store: StoreKey, seq: int) -> None:
        """The store's rows up to `seq` are out, and with them the one that was in trouble, unless it waits still. What
        is known of a later one stays: its wait may be over before those in front of it are removed."""
        trouble = self._known.get(store)
        if trouble is not None and trouble.seq <= seq and store not in self._waiting:
            self.end(store)

    def knows(self, store: StoreKey) -> bool:
        """Whether its next message has failed before."""
        return store in self._known

    def leave(self, held: frozenset[int], ranges: int) -> None:
        """Stores outside of these bucket ranges are others' to worry about."""
        for store in [store for store in self._known if store.bucket % ranges not in held]:
            self.end(store)

    def bus_is_back(self) -> None:
        """Whoever waits for the bus waits no longer."""
        for store in [store for store in self._waiting if self._known[store].bus]:
            self._known[store].timer.cancel()
            self._over(store)

    def clear(self) -> None:
        """No more timers."""
        for store in list(self._known):
            self.end(store)

    def _over(self, store: StoreKey) -> None:
        self._waiting.discard(store)
        self._again(store)


def probes(woken: dict[StoreKey, None], most: int) -> list[StoreKey]:
    """Of stores that haven't failed: the newest, and some at random. Those that were put back untried are the newest
    again; were they all that is ever tried, one that would succeed might wait behind hundreds that don't."""
    newest = islice(reversed(woken), most // 2)
    others = random.sample(tuple(woken), min(most, len(woken)))
    return list(dict.fromkeys((*newest, *others)))[:most]
