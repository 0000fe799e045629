"""A batch's changes as statements to run: one a table and kind of write, each with the number of rows it must meet."""

import sqlite3
from collections.abc import Mapping
from typing import Any

import msgspec

from eightysix.core.change import StoreChanges
from eightysix.core.key import StoreKey
from eightysix.storage.port import GuardFailed

from . import rows, statements


class Write(msgspec.Struct, frozen=True):
    """One statement over `values`; `what` names the rows where a guard fails."""

    what: str
    statement: str
    values: list[tuple[Any, ...]]
    many: bool = False
    """Run once a row with parameters, for what JSON can't carry (bytes)."""


def writes(changes: Mapping[StoreKey, StoreChanges]) -> list[Write]:
    """What to write, removals before additions. Tables without changes are left out."""
    heads, stocks_new, stocks, channels_new, channels = [], [], [], [], []
    lines_new, lines, facts, requests, logs, outbox, incidents = [], [], [], [], [], [], []
    due_removed, due_added = [], []
    for store, change in changes.items():
        if change.head != change.head_before:
            heads.append((*store, *rows.head_row(change.head), change.head_before.seq))
        for before, stock in change.stocks:
            row = (*store, *rows.stock_row(stock))
            if before is None:
                stocks_new.append(row)
            else:
                stocks.append((*row, before.version))
        for was, channel in change.channels:
            row = (*store, *rows.channel_row(channel))
            if was is None:
                channels_new.append(row)
            else:
                channels.append((*row, was.period_at, was.used))
        for held, line in change.reservations:
            row = (*store, *rows.reservation_row(line))
            if held is None:
                lines_new.append(row)
            else:
                lines.append((*row, held.revision))
        facts.extend((*store, *rows.fact_row(fact)) for fact in change.facts)
        requests.extend((*store, *rows.request_row(record)) for record in change.requests)
        logs.extend((*store, *rows.log_row(log)) for log in change.logs)
        outbox.extend((*store, *rows.outbox_row(message)) for message in change.outbox)
        incidents.extend((*store, *rows.incident_row(incident)) for incident in change.incidents)
        due_removed.extend((*store, *rows.due_row(due)) for due in change.due_removed)
        due_added.extend((*store, *rows.due_row(due)) for due in change.due_added)
    every = [
        Write("head", statements.SAVE_HEADS, heads),
        Write("stock", statements.SAVE_STOCKS, stocks),
        Write("stock", statements.ADD_STOCKS, stocks_new),
        Write("channel stock", statements.SAVE_CHANNELS, channels),
        Write("channel stock", statements.ADD_CHANNELS, channels_new),
        Write("reservation", statements.SAVE_RESERVATIONS, lines),
        Write("reservation", statements.ADD_RESERVATIONS, lines_new),
        Write("due lock", statements.REMOVE_DUE, due_removed),
        Write("due lock", statements.ADD_DUE, due_added),
        Write("closed order", statements.ADD_FACTS, facts),
        Write("request", statements.ADD_REQUESTS, requests, many=True),
        Write("log", statements.ADD_LOGS, logs),
        Write("outbox", statements.ADD_OUTBOX, outbox),
        Write("incident", statements.ADD_INCIDENTS, incidents),
    ]
    return [write for write in every if write.values]


def run(connection: sqlite3.Connection, write: Write, encoded: bytes) -> None:
    """Raises GuardFailed when fewer rows were met than there are values."""
    if write.many:
        met = connection.executemany(write.statement, write.values).rowcount
    else:
        met = connection.execute(write.statement, (encoded.decode(),)).rowcount
    if met != len(write.values):
        raise GuardFailed(f"{write.what}: {len(write.values) - met} of {len(write.values)} rows are not as loaded")
