"""What this process has committed last, kept until it is told: most messages are rendered from it, and nothing is read.

Of a store it holds good as long as nobody else has written there in between, which the store's sequence shows.
"""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from eightysix.core.key import StockKey, StoreKey
from eightysix.core.stock import ChannelStock, Stock
from eightysix.engine import Committed

ALL_MOST = 32_768
STOCKS_MOST = 64
"""Beyond so many stocks in all, the stores that were written to longest ago are forgotten, and so is one with more
stocks than that, as while no bus is there: they are read."""


class StockRows(msgspec.Struct, frozen=True, gc=False):
    """Stocks, and their channel rows by channel code; what has no row may be missing."""

    stocks: Mapping[StockKey, Stock]
    channels: Mapping[StockKey, Mapping[str, ChannelStock]]


class _Known(msgspec.Struct, gc=False):
    seq: int
    stocks: dict[StockKey, Stock]
    channels: dict[StockKey, Mapping[str, ChannelStock]]


class Recent:
    """By store, the stocks that were committed since it was told last."""

    def __init__(self) -> None:
        self._stores: dict[StoreKey, _Known] = {}
        self._number = 0

    def note(self, store: StoreKey, committed: Committed) -> None:
        """A batch has committed this."""
        known = self._pop(store)
        if known is None or known.seq != committed.seq_before:
            known = _Known(0, {}, {})
        known.seq = committed.seq
        for key in committed.keys:
            known.stocks[key] = committed.stocks.get(key) or Stock(key)
            known.channels[key] = committed.channels.get(key, {})
        if 0 < len(known.stocks) <= STOCKS_MOST:
            self._stores[store] = known  # the newest is last
            self._number += len(known.stocks)
        while self._number > ALL_MOST:
            self._pop(next(iter(self._stores)))

    def forget(self, forgotten: Callable[[StoreKey], bool]) -> None:
        """Others tell of these stores from now on."""
        for store in [store for store in self._stores if forgotten(store)]:
            self._pop(store)

    def take(self, store: StoreKey, keys: Iterable[StockKey], seq: int) -> StockRows | None:
        """The store's stocks as they were at `seq` or later, where all that are named are known. The last change of all
        takes them along."""
        known = self._stores.get(store)
        if known is None:
            return None
        if known.seq <= seq:
            self._pop(store)
        if known.seq < seq:
            return None
        for key in keys:
            if key not in known.stocks:
                return None
        return StockRows(known.stocks, known.channels)

    def _pop(self, store: StoreKey) -> _Known | None:
        known = self._stores.pop(store, None)
        if known is not None:
            self._number -= len(known.stocks)
        return known
