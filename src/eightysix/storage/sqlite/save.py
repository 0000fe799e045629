"""A batch's changes as statements to run: one a table and kind of write, with the rows it must meet."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any, TypeVar

import msgspec

from eightysix.core.change import StoreChanges
from eightysix.core.hub import HubChanges
from eightysix.core.key import StoreKey
from eightysix.storage.narrow import only_counted, only_moved
from eightysix.storage.port import GuardFailed

from . import hub_rows, rows, statements
from .each import Each

T = TypeVar("T")
Values = list[tuple[Any, ...]]
Changes = Mapping[StoreKey, StoreChanges]


class Write(msgspec.Struct, frozen=True):
    """One statement, run for all `values`, meets a row for each, or `met` in all; `what` names the rows where a guard
    fails."""

    what: str
    statement: Each
    values: Values
    met: int | None = None


def writes(changes: Changes) -> list[Write]:
    """What to write, removals before additions. Tables without changes are left out."""
    every = chain(
        _head_writes(changes), _stock_writes(changes), _order_writes(changes), _record_writes(changes),
        _hub_writes(changes),
    )  # fmt: skip
    return [write for write in every if write.values]


def run(connection: sqlite3.Connection, write: Write) -> None:
    """Raises GuardFailed when fewer rows were met than there should be."""
    met = write.statement.run(connection, write.values)
    wanted = len(write.values) if write.met is None else write.met
    if met != wanted:
        raise GuardFailed(f"{write.what}: {wanted - met} of {wanted} rows are not as loaded")


def _head_writes(changes: Changes) -> Iterable[Write]:
    heads: Values = [
        store + rows.head_row(change.head) + (change.head_before.seq,)
        for store, change in changes.items()
        if change.head != change.head_before
    ]
    yield Write("head", statements.SAVE_HEADS, heads)


def _stock_writes(changes: Changes) -> Iterable[Write]:
    stocks: Values = []
    counted: Values = []
    new_stocks: Values = []
    channels: Values = []
    new_channels: Values = []
    for store, change in changes.items():
        for before, stock in change.stocks:
            if before is None:
                new_stocks.append(store + rows.stock_row(stock))
            elif only_counted(before, stock):
                counted.append(store + rows.counted_row(stock) + (before.version,))
            else:
                stocks.append(store + rows.stock_row(stock) + (before.version,))
        for was, channel in change.channels:
            if was is None:
                new_channels.append(store + rows.channel_row(channel))
            else:
                channels.append(store + rows.channel_row(channel) + (was.period_at, was.used))
    yield Write("stock", statements.SAVE_STOCKS, stocks)
    yield Write("stock", statements.COUNT_STOCKS, counted)
    yield Write("stock", statements.ADD_STOCKS, new_stocks)
    yield Write("channel stock", statements.SAVE_CHANNELS, channels)
    yield Write("channel stock", statements.ADD_CHANNELS, new_channels)


def _order_writes(changes: Changes) -> Iterable[Write]:
    lines: Values = []
    moved: Values = []
    new_lines: Values = []
    for store, change in changes.items():
        for before, line in change.reservations:
            if before is None:
                new_lines.append(store + rows.reservation_row(line))
            elif only_moved(before, line):
                moved.append(store + rows.moved_row(line) + (before.revision,))
            else:
                lines.append(store + rows.reservation_row(line) + (before.revision,))
    yield Write("reservation", statements.SAVE_RESERVATIONS, lines)
    yield Write("reservation", statements.MOVE_RESERVATIONS, moved)
    yield Write("reservation", statements.ADD_RESERVATIONS, new_lines)
    yield Write("due lock", statements.REMOVE_DUE, _every(changes, lambda change: change.due_removed, rows.due_row))
    yield Write("due lock", statements.ADD_DUE, _every(changes, lambda change: change.due_added, rows.due_row))
    yield Write("closed order", statements.ADD_FACTS, _every(changes, lambda change: change.facts, rows.fact_row))


def _record_writes(changes: Changes) -> Iterable[Write]:
    yield Write("request", statements.ADD_REQUESTS, _every(changes, lambda change: change.requests, rows.request_row))
    yield Write("log", statements.ADD_LOGS, _every(changes, lambda change: change.logs, rows.log_row))
    yield Write("outbox", statements.ADD_OUTBOX, _every(changes, lambda change: change.outbox, rows.outbox_row))
    yield Write(
        "incident", statements.ADD_INCIDENTS, _every(changes, lambda change: change.incidents, rows.incident_row)
    )
    yield Write(
        "incident", statements.RESOLVE_INCIDENTS, _every(changes, lambda change: change.resolved, rows.resolved_row)
    )
    yield Write("alert", statements.ADD_ALERTS, _every(changes, lambda change: change.alerts, rows.alert_row))
    timers = [(store, *change.timer) for store, change in changes.items() if change.timer is not None]
    added: Values = [store + rows.timer_row(after) for store, before, after in timers if before is None]
    moved: Values = [
        store + rows.timer_row(after) + (before.revision,) for store, before, after in timers if before is not None
    ]
    yield Write("timer", statements.ADD_TIMERS, added)
    yield Write("timer", statements.SAVE_TIMERS, moved)
    journals = [(store, *pair) for store, change in changes.items() for pair in change.journals]
    if not journals:
        return
    begun: Values = [store + rows.journal_row(after) for store, before, after in journals if before is None]
    went_on: Values = [
        store + rows.journal_row(after) + (before.last_seq,) for store, before, after in journals if before is not None
    ]
    yield Write("journal", statements.ADD_JOURNALS, begun)
    yield Write("journal", statements.SAVE_JOURNALS, went_on)


def _hub_writes(changes: Changes) -> Iterable[Write]:
    hubs = [(store, *pair) for store, change in changes.items() for pair in change.hubs]
    added: Values = [store + rows.hub_row(after) for store, before, after in hubs if before is None]
    kept: Values = [
        store + rows.hub_row(after) + (before.revision,) for store, before, after in hubs if before is not None
    ]
    yield Write("hub", statements.ADD_HUBS, added)
    yield Write("hub", statements.SAVE_HUBS, kept)
    for store, change in changes.items():
        if change.books is not None:
            yield from _books_writes(store, change.books)


def _books_writes(store: StoreKey, books: HubChanges) -> Iterable[Write]:
    """The books' row first: whoever else has written to the journal is noticed by it."""
    before = (books.last_seq_before, books.acked_seq_before)
    yield Write("books", hub_rows.SAVE_BOOKS, [(*store, books.last_seq, books.chain, books.acked_seq, *before)])
    acked = books.acked_seq - books.acked_seq_before
    if acked:
        done = (*store, books.acked_seq_before, books.acked_seq)
        yield Write("acknowledged event", hub_rows.REMOVE_EVENTS, [done], met=acked)
    yield Write("event", hub_rows.ADD_EVENTS, [store + hub_rows.event_row(event) for event in books.events])
    yield Write("mirror", hub_rows.SAVE_MIRRORS, [store + hub_rows.mirror_row(mirror) for mirror in books.mirrors])
    yield Write("hub request", hub_rows.REMOVE_REQUESTS, [(*store, request_id) for request_id in books.answered])
    yield Write("hub request", hub_rows.ADD_REQUESTS, [store + hub_rows.request_row(asked) for asked in books.asked])


def _every(changes: Changes, part: Callable[[StoreChanges], list[T]], row: Callable[[T], rows.Row]) -> Values:
    return [store + row(value) for store, change in changes.items() for value in part(change)]
