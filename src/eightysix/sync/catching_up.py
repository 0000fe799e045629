"""What changed of a store after a place in its sequence: its stocks' rows by version, each once, as they are now.

A stretch is what lies above a place, up to where the next one begins. Its end is a version, or where nothing more was
committed; a change that comes while it is read gets a higher version and so lies in a later stretch, never in none.

As messages they form a chain: each one's `prev_seq` is the `seq` of the one before, the first one's the place. Values
of the sequence that are no stock's version have been overtaken by later changes, or were messages about the store as a
whole; so where there are any, the store's state is told too, at the highest of them.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

import msgspec

from eightysix.breathing import breathing
from eightysix.catalog.catalog import Catalog
from eightysix.core.availability import StockView, keys_behind
from eightysix.core.change import Head, OutboxRow
from eightysix.core.key import WHOLE_STORE, StockKey, StoreKey
from eightysix.engine.days import BusinessDays
from eightysix.engine.view import store_view
from eightysix.storage.following import Following
from eightysix.storage.port import Reader, StoreRows
from eightysix.wire.cursor import CLOUD, Cursor, cursor_text
from eightysix.wire.event import frame
from eightysix.wire.message import (
    StockState,
    StoreState,
    encode_message,
    message,
    stock_state,
    store_state,
)

READS_AT_ONCE = 8
"""Of streams that catch up: after a restart all of them do."""

_BREATH = 50
"""Stocks rendered before others get a turn on the event loop."""


class Stretch(msgspec.Struct, frozen=True):
    """What changed above `start`, up to `end`; `has_more`: there is more above `end`."""

    view: StockView
    head: Head
    start: int
    end: int
    stocks: tuple[tuple[StockKey, int], ...]
    has_more: bool

    @property
    def gap(self) -> int | None:
        """The highest value of the sequence in here that is no stock's version."""
        versions = {version for _, version in self.stocks}
        return next((seq for seq in range(self.end, self.start, -1) if seq not in versions), None)


class CatchingUp:
    """Reads stretches of one database's stores."""

    def __init__(self, following: Following, reader: Reader, catalog: Catalog) -> None:
        self._following = following
        self._reader = reader
        self._catalog = catalog
        self._days = BusinessDays()
        self.turns = asyncio.Semaphore(READS_AT_ONCE)

    def text(self, seq: int) -> str:
        """The cursor of a place in a store's sequence."""
        return cursor_text(Cursor(self._catalog.generation, seq))

    async def head(self, store: StoreKey) -> Head:
        """Where the store stands."""
        seen = (await self._following.heads([store])).get(store)
        return Head() if seen is None else seen.head

    async def is_ours(self, cursor: Cursor) -> bool:
        """Whether a cursor is of this database as it is now. Another process may have begun a new generation."""
        if cursor.origin != CLOUD:
            return False
        if cursor.generation != self._catalog.generation:
            await self._catalog.look_again()
        return cursor.generation == self._catalog.generation

    async def since(self, store: StoreKey, start: int, most: int) -> Stretch:
        """At most `most` stocks that changed above `start`."""
        changed = await self._following.changed(store, start, most + 1)
        stocks, has_more = changed.stocks[:most], len(changed.stocks) > most
        newest = stocks[-1][1] if stocks else start
        end = newest if has_more else max(changed.head.outbox_seq, newest)
        view = await self._view(store, changed.head, stocks)
        return Stretch(view, changed.head, start, end, stocks, has_more)

    async def states(self, stretch: Stretch) -> list[StockState]:
        """The stocks of a stretch as they are."""
        return [stock_state(stretch.view, key) async for key, _ in breathing(stretch.stocks, _BREATH)]

    @staticmethod
    def store(stretch: Stretch) -> StoreState:
        """The store as a whole."""
        return store_state(stretch.view)

    async def frames(self, stretch: Stretch) -> AsyncIterator[tuple[int, bytes]]:
        """The stretch as events, some at a time, with the place that the receiver is at after them."""
        prev, some = stretch.start, []
        for at, (seq, key) in enumerate(_told(stretch), 1):
            told = message(stretch.view, OutboxRow(seq, prev, key, stretch.head.last_at))
            some.append(frame(self.text(seq), str(told.__struct_config__.tag), encode_message(told)))
            prev = seq
            if at % _BREATH == 0:
                yield prev, b"".join(some)
                some = []
        if some:
            yield prev, b"".join(some)

    async def _view(self, store: StoreKey, head: Head, stocks: Sequence[tuple[StockKey, int]]) -> StockView:
        """What these stocks' states are made of. Locks past their time count until a batch has released them: the row
        is told with its version, and what will release it is a change of its own."""
        catalogue = self._catalog.current
        rows = StoreRows(head.last_at, head, (), (), (), None)
        if stocks:
            rows = await self._reader.store_rows(store, keys_behind(store, (key for key, _ in stocks), catalogue))
            rows = msgspec.structs.replace(rows, due=())
        return store_view(store, rows, rows.now, catalogue, self._days)


def _told(stretch: Stretch) -> list[tuple[int, StockKey]]:
    """(seq, what it is about), in order."""
    told = [(version, key) for key, version in stretch.stocks]
    if stretch.gap is not None:
        told.append((stretch.gap, WHOLE_STORE))
    return sorted(told)
