"""Which rows of a store's change log are meant."""

from typing import NamedTuple

import msgspec

from .change import LogRow
from .key import StockKey

SEQ_END = 2**63 - 1
"""Above every sequence value."""


class LogQuery(msgspec.Struct, frozen=True):
    """What the wanted rows have in common; None and () leave a field open. `since` and `until` are times of recording,
    and only the first of them counts in."""

    key: StockKey | None = None
    order_id: str | None = None
    actor: str | None = None
    source: str | None = None
    kinds: tuple[int, ...] = ()
    channel_code: str | None = None
    since: int | None = None
    until: int | None = None

    @property
    def is_sparse(self) -> bool:
        """Whether of the rows of its chain, or else of the store, some may be unwanted."""
        return (
            self.actor is not None
            or self.source is not None
            or bool(self.kinds)
            or self.channel_code is not None
            or (self.key is not None and self.order_id is not None)
        )

    @property
    def has_chain(self) -> bool:
        """Whether the rows of one stock or of one order are wanted: each names the one before it."""
        return self.key is not None or self.order_id is not None

    def before(self, row: LogRow) -> int | None:
        """The row before it in the chain; an order's is shorter than a stock's."""
        return row.stock_prev if self.order_id is None else row.order_prev

    def wants(self, row: LogRow) -> bool:
        """Whether it has what the wanted rows have in common; times are looked at elsewhere."""
        return (
            (self.key is None or row.key == self.key)
            and (self.order_id is None or row.order_id == self.order_id)
            and (self.actor is None or row.actor == self.actor)
            and (self.source is None or row.source == self.source)
            and (not self.kinds or row.kind in self.kinds)
            and (self.channel_code is None or row.channel_code == self.channel_code)
        )


class LogSpan(NamedTuple):
    """Sequence values from `least` on, below `below`. `at`: of these, the rows that a chain leads to from that one."""

    least: int
    below: int
    at: int | None = None


ALL = LogSpan(0, SEQ_END)
