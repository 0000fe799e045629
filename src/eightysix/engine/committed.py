"""What a batch knows of a store right after its commit, for those who go on with it without reading it again."""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from eightysix.core.change import OutboxRow
from eightysix.core.key import StockKey
from eightysix.core.stock import ChannelStock, Stock


class Committed(msgspec.Struct, frozen=True, gc=False):
    """The stocks named by `keys` with all their channel rows, as they are; those without a row are missing.

    Until the store's sequence was `seq_before` anybody may have written to it, from there to `seq` only this batch;
    `outbox` tells of it.
    """

    seq_before: int
    seq: int
    keys: Collection[StockKey]
    stocks: Mapping[StockKey, Stock]
    channels: Mapping[StockKey, Mapping[str, ChannelStock]]
    outbox: Sequence[OutboxRow]
