"""Everything a batch writes, as one statement of data-modifying CTEs over the parts that have rows."""

from collections.abc import Mapping
from functools import cache
from itertools import count
from typing import Any

import asyncpg

from eightysix.core.change import StoreChanges
from eightysix.core.key import StoreKey
from eightysix.storage.narrow import only_counted, only_moved
from eightysix.storage.port import NO_BOOKS, GuardFailed, Rejected

from . import tables
from .write import Write


class RowSet:
    """The rows of one part: `after[i]` belongs to `stores[i]`; `before[i]` is what was loaded, if a guard needs it."""

    __slots__ = ("after", "before", "stores")

    def __init__(self) -> None:
        self.stores: list[StoreKey] = []
        self.before: list[Any] = []
        self.after: list[Any] = []

    def add(self, store: StoreKey, before: Any, after: Any) -> None:
        self.stores.append(store)
        self.before.append(before)
        self.after.append(after)

    def extend(self, store: StoreKey, rows: list[Any]) -> None:
        self.stores += [store] * len(rows)
        self.after += rows


async def save(connection: asyncpg.Connection, changes: Mapping[StoreKey, StoreChanges]) -> None:
    """Write all of it. Raises GuardFailed where a row was not as loaded, Rejected for a hub's books, and asyncpg's
    errors."""
    if any(change.books is not None for change in changes.values()):
        raise Rejected(NO_BOOKS)
    rows = gather(changes)
    groups = tuple(at for at, group in enumerate(tables.GROUPS) if any(rows[write].after for write in group))
    if not groups:
        return
    parts = parts_of(groups)
    arguments: list[Any] = []
    for write in parts:
        part = rows[write]
        arguments += write.arguments(part.stores, part.before, part.after)
    found = await connection.fetchrow(save_statement(groups), *arguments)
    counting = [write for write in parts if write.counts]
    for write, number in zip(counting, found, strict=False):
        if number != len(rows[write].after):
            raise GuardFailed(f"{write.table}: {len(rows[write].after) - number} rows were not as loaded")


def parts_of(groups: tuple[int, ...]) -> list[Write]:
    """The parts of a statement over `groups`, in the order of its parameters."""
    return [write for group in groups for write in tables.GROUPS[group]]


@cache
def save_statement(groups: tuple[int, ...]) -> str:
    """The statement that writes these groups; it answers the counts of its counting parts, in order."""
    numbers = count(1)
    parts = parts_of(groups)
    ctes = [f"w{at} AS ({write.sql(numbers)})" for at, write in enumerate(parts)]
    counts = [f"(SELECT count(*) FROM w{at})" for at, write in enumerate(parts) if write.counts]
    return f"WITH {', '.join(ctes)} SELECT {', '.join(counts) or '0'}"


def gather(changes: Mapping[StoreKey, StoreChanges]) -> dict[Write, RowSet]:
    """The rows of every part."""
    rows = {write: RowSet() for write in _ALL}
    for store, change in changes.items():
        if change.head != change.head_before:
            rows[tables.HEADS].add(store, change.head_before, change.head)
        _gather_rewritten(rows, store, change)
        due_added, due_removed = change.due_added, change.due_removed
        if due_added and due_removed:  # one statement can't delete a row and insert it again
            both = set(due_added) & set(due_removed)
            due_added = [due for due in due_added if due not in both]
            due_removed = [due for due in due_removed if due not in both]
        for write, added in (
            (tables.LOGS, change.logs),
            (tables.OUTBOX, change.outbox),
            (tables.DUE_NEW, due_added),
            (tables.DUE_GONE, due_removed),
            (tables.FACTS, change.facts),
            (tables.REQUESTS, change.requests),
            (tables.INCIDENTS, change.incidents),
            (tables.INCIDENTS_RESOLVED, change.resolved),
            (tables.ALERTS, change.alerts),
        ):
            if added:
                rows[write].extend(store, added)
        if change.timer is not None:
            timer_before, timer = change.timer
            rows[tables.TIMERS_NEW if timer_before is None else tables.TIMERS_SET].add(store, timer_before, timer)
        for was, journal in change.journals:
            rows[tables.JOURNALS_NEW if was is None else tables.JOURNALS_SET].add(store, was, journal)
        for hub_before, hub in change.hubs:
            rows[tables.HUBS_NEW if hub_before is None else tables.HUBS_SET].add(store, hub_before, hub)
    return rows


_ALL = tuple(write for group in tables.GROUPS for write in group)


def _gather_rewritten(rows: dict[Write, RowSet], store: StoreKey, change: StoreChanges) -> None:
    for stock_before, stock in change.stocks:
        if stock_before is None:
            rows[tables.STOCKS_NEW].add(store, None, stock)
        else:
            write = tables.STOCKS_COUNTED if only_counted(stock_before, stock) else tables.STOCKS_SET
            rows[write].add(store, stock_before, stock)
    for channel_before, channel in change.channels:
        write = tables.CHANNELS_NEW if channel_before is None else tables.CHANNELS_SET
        rows[write].add(store, channel_before, channel)
    for line_before, line in change.reservations:
        if line_before is None:
            rows[tables.LINES_NEW].add(store, None, line)
        else:
            write = tables.LINES_MOVED if only_moved(line_before, line) else tables.LINES_REWRITTEN
            rows[write].add(store, line_before, line)
