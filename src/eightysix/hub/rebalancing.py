"""What a hub asks for and gives back: the policy of `core.grant_policy`, applied to what is known of both sides."""

from collections.abc import Iterable

from eightysix.core.grant_policy import wanted
from eightysix.core.hub import GrantChange, MirrorRow
from eightysix.core.key import StockKey
from eightysix.core.stock import Stock

from .desk import Holding
from .sales import Sales

CHANGES_MOST = 200
"""Stocks that one request moves."""


class Rebalancing:
    """Remembers the cloud's rows as last seen, and who asked for what; volatile."""

    def __init__(self) -> None:
        self._cloud: dict[StockKey, Stock] = {}
        self._recalled: dict[StockKey, int] = {}
        self._short: dict[StockKey, int] = {}
        self._sales = Sales()

    def saw(self, row: MirrorRow) -> None:
        """A row as the cloud has it; an older one than is known says nothing."""
        known = self._cloud.get(row.stock.key)
        if known is None or known.version < row.stock.version:
            self._cloud[row.stock.key] = row.stock

    def recall(self, key: StockKey, quantity: int) -> None:
        """The cloud had to refuse a sale of what the hub may have to spare."""
        self._recalled[key] = max(quantity, self._recalled.get(key, 0))

    def borrow(self, key: StockKey, quantity: int) -> None:
        """A sale at the hub came short by so much."""
        self._short[key] = max(quantity, self._short.get(key, 0))

    @property
    def is_borrowing(self) -> bool:
        """Whether guests wait for something of the cloud's."""
        return bool(self._short)

    def settled(self, changes: Iterable[GrantChange]) -> None:
        """The cloud has answered: so much more, or less, is the hub's."""
        for change in changes:
            self._sales.moved_there(change.key, change.delta)
            if change.delta > 0:
                self._sales.moved_here(change.key, change.delta)

    def refused(self, changes: Iterable[GrantChange]) -> None:
        """Sales have overtaken the request: nothing was given back."""
        for change in changes:
            if change.delta < 0:
                self._sales.moved_here(change.key, -change.delta)

    def changes(self, holdings: Iterable[Holding], now: int) -> tuple[GrantChange, ...]:
        """What is to be asked for, and given back; while guests wait, nothing but what they wait for, since a
        give-back waits for the journal."""
        found: list[GrantChange] = []
        for holding in holdings:
            if self._short and holding.key not in self._short:
                continue
            cloud = self._cloud.get(holding.key)
            if cloud is None or not cloud.is_limited:
                continue
            self._sales.look(holding, cloud, now)
            delta = self._delta(holding, cloud, now)
            if delta and len(found) < CHANGES_MOST:
                found.append(GrantChange(holding.key, delta))
                if delta < 0:  # what is given back leaves the hub's hands with the request
                    self._sales.moved_here(holding.key, delta)
        self._recalled.clear()
        self._short.clear()
        return tuple(found)

    def _delta(self, holding: Holding, cloud: Stock, now: int) -> int:
        key = holding.key
        short = self._short.get(key, 0)
        if short:  # a guest waits for it
            return -(-short // holding.step) * holding.step
        split = holding.split(*self._sales.paces(key, now))
        return wanted(holding.free(cloud.left), split, recalled=self._recalled.get(key, 0))
