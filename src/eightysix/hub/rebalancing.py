"""What a hub asks for and gives back: the policy of `core.grant_policy`, applied to what is known of both sides."""

from collections.abc import Iterable
from itertools import chain, islice

from eightysix.core.grant_policy import wanted
from eightysix.core.hub import GrantChange, MirrorRow
from eightysix.core.key import StockKey
from eightysix.core.stock import Stock

from .desk import Holding
from .sales import Sales

LOOK_MOST = 50
"""Stocks that are looked at together, and that one request moves at the most: orders wait for its commit."""


class Rebalancing:
    """Remembers the cloud's rows as last seen, and who asked for what; volatile."""

    def __init__(self) -> None:
        self._cloud: dict[StockKey, Stock] = {}
        self._recalled: dict[StockKey, int] = {}
        self._short: dict[StockKey, int] = {}
        self._round: dict[StockKey, None] = {}
        """What is still to be looked at before all begins anew."""
        self._look: tuple[StockKey, ...] = ()
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

    @property
    def is_urgent(self) -> bool:
        """Whether somebody waits, here or there."""
        return bool(self._short or self._recalled)

    @property
    def looks_a_round(self) -> int:
        """How many looks it takes to see every stock."""
        return max(1, -(-len(self._cloud) // LOOK_MOST))

    def look(self) -> tuple[StockKey, ...]:
        """Which stocks `changes` is about next: what guests wait for, and nothing else then, since a give-back waits
        for the journal; else what the cloud asks back, and the next ones of the round."""
        if self._short:
            self._look = tuple(islice(self._short, LOOK_MOST))
        else:
            if not self._round:
                self._round = dict.fromkeys(key for key, stock in self._cloud.items() if stock.is_limited)
            self._look = tuple(dict.fromkeys(islice(chain(self._recalled, self._round), LOOK_MOST)))
        return self._look

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
        """What is to be asked for, and given back, of the stocks that `look` has named; other holdings don't matter."""
        look = frozenset(self._look or self.look())
        self._look = ()
        if self._short and look.isdisjoint(self._short):
            return ()  # a guest has come since, who goes first
        found: list[GrantChange] = []
        for holding in holdings:
            if holding.key not in look:
                continue
            cloud = self._cloud.get(holding.key)
            if cloud is None or not cloud.is_limited:
                continue
            self._sales.look(holding, cloud, now)
            delta = self._delta(holding, cloud, now)
            if delta:
                found.append(GrantChange(holding.key, delta))
                if delta < 0:  # what is given back leaves the hub's hands with the request
                    self._sales.moved_here(holding.key, delta)
        for key in look:
            for waiting in (self._short, self._recalled, self._round):
                waiting.pop(key, None)
        return tuple(found)

    def _delta(self, holding: Holding, cloud: Stock, now: int) -> int:
        key = holding.key
        short = self._short.get(key, 0)
        if short:  # a guest waits for it
            return -(-short // holding.step) * holding.step
        split = holding.split(*self._sales.paces(key, now))
        return wanted(holding.free(cloud.left), split, recalled=self._recalled.get(key, 0))
