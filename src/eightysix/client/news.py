"""What somebody who follows a store hears: one of these after the other.

Each has the `cursor` up to which everything has been told, to go on from after a restart, and the `stocks` that it
tells of. A stock comes as it is, not as what has changed; whoever has a newer `version` of it passes it over.
"""

from collections.abc import Sequence

import msgspec

from eightysix.wire.grant import GrantRecall
from eightysix.wire.message import Message, StockMessage, StockState, StoreMessage, StoreState


class Ready(msgspec.Struct, frozen=True):
    """The stream is there: from now on changes come at once."""

    cursor: str | None
    stocks: Sequence[StockState] = ()
    store: StoreState | None = None


class Told(msgspec.Struct, frozen=True):
    """A message of the stream."""

    cursor: str
    message: Message

    @property
    def stocks(self) -> Sequence[StockState]:
        return (self.message.data,) if isinstance(self.message, StockMessage) else ()

    @property
    def store(self) -> StoreState | None:
        return self.message.data if isinstance(self.message, StoreMessage) else None


class Found(msgspec.Struct, frozen=True):
    """What has changed, asked for: at the beginning, where the stream can't be had, or where it has a gap.

    `more`: another page follows.
    """

    cursor: str
    stocks: Sequence[StockState]
    store: StoreState | None
    more: bool


class Reset(msgspec.Struct, frozen=True):
    """What was known until now is worth nothing: the service's database is another one. Every stock follows as Found,
    and what isn't among them has no row any more."""

    cursor: str | None = None
    stocks: Sequence[StockState] = ()
    store: StoreState | None = None


class Recalled(msgspec.Struct, frozen=True):
    """Online orders go short of a stock of which the store's hub holds some: a hint for the hub."""

    cursor: str | None
    recall: GrantRecall
    stocks: Sequence[StockState] = ()
    store: StoreState | None = None


News = Ready | Told | Found | Reset | Recalled
