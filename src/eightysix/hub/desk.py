"""What a hub's agent reads of the hub's own rows, as last committed."""

from collections.abc import Iterable, Mapping

import msgspec

from eightysix.core.availability import open_guarantee, period_start
from eightysix.core.catalogue import Catalogue
from eightysix.core.grant_policy import Free, Split
from eightysix.core.hub import GrantRequest
from eightysix.core.instant import BusinessDay
from eightysix.core.key import StockKey, StoreKey
from eightysix.core.quantity import step_of
from eightysix.core.stock import ChannelStock, Stock

UPLOAD_MOST = 500
"""Events that one call uploads."""


class Holding(msgspec.Struct, frozen=True, gc=False):
    """A limited stock at the hub: the row, the item's unit, the weights of the channels on both sides, and what is
    guaranteed to those in the store and still open."""

    stock: Stock
    step: int
    weight_here: int = 1
    weight_there: int = 1
    guaranteed_here: int = 0

    @property
    def key(self) -> StockKey:
        return self.stock.key

    def free(self, there: int) -> Free:
        """What both sides may still promise; `there` is the cloud's part of it."""
        return Free(self.stock.left, there, self.step)

    def split(self, pace_here: int, pace_there: int) -> Split:
        return Split(self.weight_here, self.weight_there, pace_here, pace_there, self.guaranteed_here)


class Desk(msgspec.Struct, frozen=True, gc=False):
    """The hub's books. `events` follow `acked_seq` without a gap, `UPLOAD_MOST` at most; `chain` is the journal's
    digest before them. What the agent has no use for just then (see `Agent.reads_events`, `Agent.reads_stocks`) may be
    left out."""

    last_seq: int
    acked_seq: int
    chain: str = ""
    events: tuple[bytes, ...] = ()
    requests: tuple[GrantRequest, ...] = ()
    holdings: tuple[Holding, ...] = ()

    @property
    def is_clear(self) -> bool:
        """Whether the cloud knows everything that the hub does."""
        return self.acked_seq == self.last_seq and not self.requests


def holdings_of(
    store: StoreKey,
    stocks: Iterable[Stock],
    channels: Mapping[StockKey, Iterable[ChannelStock]],
    catalogue: Catalogue,
    day: BusinessDay,
) -> tuple[Holding, ...]:
    """The limited stocks whose items are on the menu."""
    known = catalogue.channels(store.brand_id)
    found: list[Holding] = []
    for stock in stocks:
        item = catalogue.item(store.brand_id, *stock.key) if stock.is_limited else None
        if item is None:
            continue
        here = there = guaranteed = 0
        for row in channels.get(stock.key, ()):
            channel = known.get(row.channel_code)
            if channel is None:
                continue
            if channel.in_store:
                here += row.weight
                guaranteed += open_guarantee(row, period_start(day, stock))
            else:
                there += row.weight
        if not here and not there:
            here = there = 1
        found.append(Holding(stock, step_of(item.decimals), here, there, guaranteed))
    return tuple(found)
