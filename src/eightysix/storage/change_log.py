"""Reading a store's change log a page at a time, and taking its old end away: the parts that are the same everywhere.

A page is read backwards along an index, by ranges of `seq` and never by skipping what was read before. What no index
knows (actor, source, kind, channel) is looked for in at most `SCAN_MOST` rows; a page may then hold fewer rows than
were asked for, or none, and still say where to go on. Times are found by closing in on them, for along `seq` they never
go back.

Rows are only ever appended above what is there, and taken away at the old end, so ranges mean the same in every
statement and no page needs a transaction.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from eightysix.core.change import LogRow
from eightysix.core.key import StoreKey
from eightysix.core.log_query import ALL, SEQ_END, LogQuery, LogSpan

SCAN_MOST = 500
"""Rows that one page looks at where a filter has no index (docs/decisions/0006-the-change-log.md)."""


PROBES = 16
"""Rows that one look for a time may name."""


class LogPage(msgspec.Struct, frozen=True):
    """Rows, the newest first, and what is left to be read; None where nothing is."""

    rows: list[LogRow]
    rest: LogSpan | None


class Mark(NamedTuple):
    """A log row's place: its sequence value and when it was recorded."""

    seq: int
    at: int


class LogTable(Protocol):
    """What a database must do: one statement each, along an index, on one store's full key."""

    async def newest(self, store: StoreKey) -> Mark | None:
        """The store's last row."""
        ...

    async def mark(self, store: StoreKey, seq: int) -> Mark | None:
        """The first row whose sequence value isn't below `seq`."""
        ...

    async def marks(self, store: StoreKey, seqs: Sequence[int]) -> list[Mark]:
        """The rows with these sequence values, in their order; those that aren't there are left out."""
        ...

    async def nth(self, store: StoreKey, query: LogQuery, span: LogSpan, number: int) -> int | None:
        """The sequence value of the `number`th row of the span, from the newest, in the index that the query uses:
        by its order, else by its stock, else all rows. None where there are fewer."""
        ...

    async def rows(self, store: StoreKey, query: LogQuery, span: LogSpan, most: int) -> list[LogRow]:
        """The newest rows of the span that the query wants, whatever their times."""
        ...

    async def stores(self, bucket: int) -> list[StoreKey]:
        """The bucket's stores, those with a head row."""
        ...

    async def remove(self, store: StoreKey, span: LogSpan, before: int) -> int:
        """Delete the rows of the span that were recorded before `before`; how many these were. In a transaction of its
        own, which waits for nobody longer than a batch does."""
        ...


class ChangeLog:
    """A database's change log; `scan_most` is how many rows a page looks at where a filter has no index."""

    def __init__(self, table: LogTable, scan_most: int = SCAN_MOST) -> None:
        self.table = table
        self._scan_most = scan_most

    async def page(self, store: StoreKey, query: LogQuery, span: LogSpan | None, most: int) -> LogPage:
        """Up to `most` rows, the newest first. `span` is the `rest` of the page before, None for the first page."""
        span = span or await self._span(store, query)
        if span is None:
            return LogPage([], None)
        floor = None
        if query.is_sparse:
            floor = await self.table.nth(store, query, span, self._scan_most)
        looked = LogSpan(span.least if floor is None else floor, span.below)
        rows = await self.table.rows(store, query, looked, most + 1)
        if len(rows) > most:
            rows.pop()
            return LogPage(rows, LogSpan(span.least, rows[-1].seq))
        return LogPage(rows, LogSpan(span.least, looked.least) if looked.least > span.least else None)

    async def first_since(self, store: StoreKey, at: int) -> int | None:
        """The sequence value of the first row recorded at `at` or later; None where there is none."""
        ends = await self._ends(store)
        return None if ends is None else await self._closed_in(store, *ends, at)

    async def _ends(self, store: StoreKey) -> tuple[Mark, Mark] | None:
        """The oldest and the newest row."""
        oldest, newest = await self.table.mark(store, 0), await self.table.newest(store)
        return None if oldest is None or newest is None else (oldest, newest)

    async def _closed_in(self, store: StoreKey, oldest: Mark, newest: Mark, at: int) -> int | None:
        if newest.at < at:
            return None
        if oldest.at >= at:
            return oldest.seq
        low, high, top = oldest, newest, newest.seq - 1
        while low.seq < top:  # low was recorded before `at`, high not, and no row lies between top and high
            probes = _probes(low, high, top, at)
            is_last = len(probes) == top - low.seq
            found = await self.table.marks(store, probes)
            if not found and not is_last:
                middle = await self.table.mark(store, probes[0])
                found = [] if middle is None or middle.seq >= high.seq else [middle]
                top = top if found else probes[0] - 1
            for mark in found:
                if mark.at >= at:
                    high, top = mark, mark.seq - 1
                    break
                low = mark
            if is_last:
                break
        return high.seq

    async def _span(self, store: StoreKey, query: LogQuery) -> LogSpan | None:
        """The sequence values of the query's times; None where there can't be any."""
        if query.since is None and query.until is None:
            return ALL
        ends = await self._ends(store)
        if ends is None:
            return None
        first: int | None = ALL.least
        end: int | None = None
        if query.since is not None:
            first = await self._closed_in(store, *ends, query.since)
        if query.until is not None:
            end = await self._closed_in(store, *ends, query.until)
        below = SEQ_END if end is None else end
        return LogSpan(first, below) if first is not None and first < below else None


def _probes(low: Mark, high: Mark, top: int, at: int) -> list[int]:
    """Sequence values above `low`, up to `top`: all of them if they are few; else some spread evenly, and some, closer
    and closer, around where a row of `at` would be if rows were recorded evenly."""
    width = top - low.seq
    if width <= PROBES:
        return list(range(low.seq + 1, top + 1))
    half = PROBES // 2
    even = [low.seq + 1 + width * part // (half + 1) for part in range(1, half + 1)]
    guess = low.seq + (high.seq - low.seq) * (at - low.at) // max(1, high.at - low.at)
    near = [guess + sign * max(1, width >> 4 + 3 * step) for step in range(half // 2) for sign in (-1, 1)]
    return sorted({min(max(probe, low.seq + 1), top) for probe in even + near})
