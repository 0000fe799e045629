"""What a store can sell on a channel, answered from memory while nothing has changed.

A store's rows are kept with the head they were read under. Each question reads the head's sequence first: the same one,
no lock having died since and the same business day mean that the rows are still true, so the cache is never stale.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

import msgspec

from eightysix.breathing import breathing
from eightysix.core.availability import available, guaranteed
from eightysix.core.catalogue import Channel, Item
from eightysix.core.draft import Draft
from eightysix.core.key import StoreKey
from eightysix.core.quantity import UNIT, as_number
from eightysix.engine import CatalogueSource
from eightysix.engine.days import BusinessDays
from eightysix.engine.view import store_view
from eightysix.storage.port import Reader, StoreRows
from eightysix.wire.cursor import Cursor, cursor_text
from eightysix.wire.stock import AvailabilityAnswer, AvailableItem, blocked_object

MOST_ROWS = 20_000
"""Stock and channel rows kept in memory, of all stores together."""

_BREATH = 500
"""Items computed before others get a turn on the event loop."""


class GenerationSource(CatalogueSource, Protocol):
    """The catalogue, and which generation of the database it is of."""

    @property
    def generation(self) -> int: ...


class _Kept(msgspec.Struct):
    rows: StoreRows
    view: Draft


class Availability:
    """Answers for the stores of one database."""

    def __init__(self, reader: Reader, source: GenerationSource) -> None:
        self._reader = reader
        self._source = source
        self._days = BusinessDays()
        self._kept: OrderedDict[StoreKey, _Kept] = OrderedDict()
        self._rows_kept = 0

    async def of(self, store: StoreKey, channel: Channel, items: Sequence[Item]) -> AvailabilityAnswer:
        """What `channel` can sell of each of `items`."""
        kept = await self._current(store)
        shown = [_shown(kept.view, item, channel) async for item in breathing(items, _BREATH)]
        return AvailabilityAnswer(cursor_text(Cursor(self._source.generation, kept.rows.head.seq)), shown)

    async def _current(self, store: StoreKey) -> _Kept:
        now, head = await self._reader.head(store)
        kept = self._kept.get(store)
        if kept is None or kept.rows.head.seq != head.seq or _has_died(kept.rows, now):
            rows = await self._reader.store_rows(store, None)
            kept = self._keep(store, _Kept(rows, self._view(store, rows, rows.now)))
        elif kept.view.catalogue is not self._source.current or now >= kept.view.day.ends_at:
            kept = self._keep(store, _Kept(kept.rows, self._view(store, kept.rows, now)))
        self._kept.move_to_end(store)
        return kept

    def _view(self, store: StoreKey, rows: StoreRows, now: int) -> Draft:
        return store_view(store, rows, now, self._source.current, self._days)

    def _keep(self, store: StoreKey, fresh: _Kept) -> _Kept:
        old = self._kept.pop(store, None)
        self._rows_kept += _size(fresh.rows) - (_size(old.rows) if old is not None else 0)
        self._kept[store] = fresh
        while self._rows_kept > MOST_ROWS and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._rows_kept -= _size(dropped.rows)
        return fresh


def _has_died(rows: StoreRows, now: int) -> bool:
    return rows.next_due_at is not None and rows.next_due_at <= now


def _size(rows: StoreRows) -> int:
    return 1 + len(rows.stocks) + len(rows.channels)


def _shown(view: Draft, item: Item, channel: Channel) -> AvailableItem:
    links = ((item.key, UNIT),) if item.object_type == 1 else None
    can = available(view, item, channel, links)
    kept = guaranteed(view, item, channel, can, links)
    stock = view.stock(item.key)
    possible = None if can.quantity is None else as_number(can.quantity)
    return AvailableItem(
        item.object_type,
        item.object_id,
        sellable=can.blocked_by is None and can.quantity != 0,
        available=possible,
        blocked_by=None if can.blocked_by is None else can.blocked_by.value,
        stock_status=stock.status,
        stock_type=stock.type,
        guaranteed=None if kept is None else as_number(kept),
        possible=possible,
        blocked_object=blocked_object(can.in_the_way),
    )
