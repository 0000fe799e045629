"""How fast both sides sell, as far as a hub can tell from its rows and the cloud's.

Volatile: after a restart the weights decide until enough has been sold again.
"""

from collections.abc import Mapping

import msgspec

from eightysix.core.grant_policy import Demand
from eightysix.core.key import StockKey
from eightysix.core.stock import Stock

from .desk import Holding


class _Seen(msgspec.Struct, gc=False):
    """What was free on both sides when a stock was last looked at, and under which setting."""

    here: int
    there: int
    setting: tuple[int, int, int]
    owed: int = 0
    """What is still to be seen in the cloud's row, for a move was told of before the row that has it: below zero of
    what the cloud has given, above of what it was given back."""


class Sales:
    """What is free on both sides together falls only by sales: a grant moves from one to the other."""

    def __init__(self) -> None:
        self.here: dict[StockKey, Demand] = {}
        self.there: dict[StockKey, Demand] = {}
        self._seen: dict[StockKey, _Seen] = {}
        self._moved_here: dict[StockKey, int] = {}
        self._moved_there: dict[StockKey, int] = {}

    def moved_here(self, key: StockKey, quantity: int) -> None:
        """The hub holds so much more of the stock, or less, and that is no sale."""
        self._moved_here[key] = self._moved_here.get(key, 0) + quantity

    def moved_there(self, key: StockKey, quantity: int) -> None:
        """The cloud counts so much more as the hub's, or less."""
        self._moved_there[key] = self._moved_there.get(key, 0) + quantity

    def look(self, holding: Holding, cloud: Stock, now: int) -> None:
        """Compare a stock with how it was when last looked at."""
        key = holding.key
        seen = _Seen(
            holding.stock.left, cloud.left, (holding.stock.settings_version, cloud.settings_version, cloud.epoch_at)
        )
        before = self._seen.get(key)
        moved_here, moved_there = self._moved_here.pop(key, 0), self._moved_there.pop(key, 0)
        self._seen[key] = seen
        if before is None or before.setting != seen.setting:
            return
        here = before.here + moved_here - seen.here
        there = before.there - moved_there - seen.there + before.owed
        late = min(there, max(0, before.owed) + max(0, -moved_there))
        seen.owed = late
        if here > 0:
            _add(self.here, key, here, now)
        if there > late:
            _add(self.there, key, there - late, now)

    def paces(self, key: StockKey, now: int) -> tuple[int, int]:
        """The pace of both sides by now, in thousandths an hour."""
        return _pace(self.here, key, now), _pace(self.there, key, now)


def _add(demands: dict[StockKey, Demand], key: StockKey, quantity: int, now: int) -> None:
    demands[key] = demands.get(key, Demand()).sold(quantity, now)


def _pace(demands: Mapping[StockKey, Demand], key: StockKey, now: int) -> int:
    demand = demands.get(key)
    return 0 if demand is None else demand.at_time(now)
