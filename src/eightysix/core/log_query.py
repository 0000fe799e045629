"""Which rows of a store's change log are meant."""

from typing import NamedTuple

import msgspec

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
        """Whether of the rows of one stock, of one order, or of the store, some may be unwanted."""
        return (
            self.actor is not None
            or self.source is not None
            or bool(self.kinds)
            or self.channel_code is not None
            or (self.key is not None and self.order_id is not None)
        )


class LogSpan(NamedTuple):
    """Sequence values from `least` on, below `below`."""

    least: int
    below: int


ALL = LogSpan(0, SEQ_END)
