"""Reading a store's change log a page at a time, and taking its old end away: the parts that are the same everywhere.

There is no index but the primary key. A stock and an order know their last log row and each row the one before it, so
their rows are found along that chain; all others are read backwards by ranges of `seq`. What lies in no chain (actor,
source, kind, channel) is looked for in a bounded number of rows; a page may then hold fewer rows than were asked for,
or none, and still say where to go on. Times are found by closing in on them, for along `seq` they never go back.

Where a chain comes to a row of an earlier program, which doesn't know the one before it, the rest is looked for by
ranges; where its next row is no longer kept, it ends.

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
"""Rows of a range that one page looks at where some may be unwanted (docs/decisions/0006-the-change-log.md)."""

CHAIN_MOST = 200
"""Rows of a chain that one page looks at."""

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
    """What a database must do: one statement each, along the primary key, on one store's full key."""

    @property
    def has_chains(self) -> bool:
        """Whether it can follow a chain."""
        ...

    async def newest(self, store: StoreKey) -> Mark | None:
        """The store's last row."""
        ...

    async def mark(self, store: StoreKey, seq: int) -> Mark | None:
        """The first row whose sequence value isn't below `seq`."""
        ...

    async def marks(self, store: StoreKey, seqs: Sequence[int]) -> list[Mark]:
        """The rows with these sequence values, in their order; those that aren't there are left out."""
        ...

    async def nth(self, store: StoreKey, span: LogSpan, number: int) -> int | None:
        """The sequence value of the `number`th row of the span, from the newest; None where there are fewer."""
        ...

    async def chain_start(self, store: StoreKey, query: LogQuery) -> int | None:
        """The last row of the query's order, or else of its stock; 0 where there is none, None where the order doesn't
        know."""
        ...

    async def chain(self, store: StoreKey, query: LogQuery, span: LogSpan, hops: int) -> list[LogRow]:
        """The row `span.at` and those before it in the query's chain, `hops` in all, the newest first, as far as they
        are kept and not below `span.least`. The filters are left to the caller."""
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
    """A database's change log; `scan_most` and `chain_most` are how many rows a page looks at."""

    def __init__(self, table: LogTable, scan_most: int = SCAN_MOST, chain_most: int = CHAIN_MOST) -> None:
        self.table = table
        self._scan_most = scan_most
        self._chain_most = chain_most

    async def page(self, store: StoreKey, query: LogQuery, span: LogSpan | None, most: int) -> LogPage:
        """Up to `most` rows, the newest first. `span` is the `rest` of the page before, None for the first page."""
        span = span or await self._span(store, query)
        if span is None:
            return LogPage([], None)
        if span.at is None or not self.table.has_chains:
            return await self._along_key(store, query, span._replace(at=None), most)
        return await self._along_chain(store, query, span, span.at, most)

    async def _along_key(self, store: StoreKey, query: LogQuery, span: LogSpan, most: int) -> LogPage:
        floor = None
        if query.is_sparse or query.has_chain:
            floor = await self.table.nth(store, span, self._scan_most)
        looked = LogSpan(span.least if floor is None else floor, span.below)
        rows = await self.table.rows(store, query, looked, most + 1)
        if len(rows) > most:
            rows.pop()
            return LogPage(rows, LogSpan(span.least, rows[-1].seq))
        return LogPage(rows, LogSpan(span.least, looked.least) if looked.least > span.least else None)

    async def _along_chain(self, store: StoreKey, query: LogQuery, span: LogSpan, at: int, most: int) -> LogPage:
        is_dense = at < span.below and not query.is_sparse
        hops = min(most + 1, self._chain_most) if is_dense else self._chain_most
        found = await self.table.chain(store, query, span, hops)
        rows = [row for row in found if row.seq < span.below and query.wants(row)]
        if len(rows) > most:
            return LogPage(rows[:most], span._replace(at=rows[most].seq))
        if not found:
            return LogPage(rows, None)
        last = found[-1]
        before = query.before(last)
        if before is None:
            rest = LogSpan(span.least, min(span.below, last.seq))
            return LogPage(rows, rest if rest.least < rest.below else None)
        return LogPage(rows, span._replace(at=before) if len(found) == hops and before >= max(span.least, 1) else None)

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
        """Where the first page starts; None where there can't be any rows."""
        span = await self._span_of_times(store, query)
        if span is None or not query.has_chain or not self.table.has_chains:
            return span
        at = await self._near(store, query, span)
        if at is None:
            at = await self.table.chain_start(store, query)
        return span._replace(at=at) if at is None or at >= max(span.least, 1) else None

    async def _near(self, store: StoreKey, query: LogQuery, span: LogSpan) -> int | None:
        """A row of the stock close below the span's end: what changes often would have a long way down from its last
        row. What changes rarely, and an order, hasn't."""
        if span.below == SEQ_END or query.order_id is not None:
            return None
        near = LogSpan(max(span.least, span.below - self._scan_most), span.below)
        rows = await self.table.rows(store, LogQuery(query.key), near, 1)
        return rows[0].seq if rows else None

    async def _span_of_times(self, store: StoreKey, query: LogQuery) -> LogSpan | None:
        """The sequence values of the query's times."""
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
