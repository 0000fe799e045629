"""Whether the log explains the counters and the outbox chain is whole: what an audit finds along the sequence."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

from .change import Kind, LogRow, OutboxRow
from .finding import Books, Finding, Rule
from .key import WHOLE_STORE, StockKey, incident_key
from .reservation import State
from .stock import LIMITED, UNLIMITED

HUB = "hub"
"""The source of log rows that tell of a hub's event: what it has locked is part of its grant, no lock of the cloud."""


class _Counters(msgspec.Struct):
    """A stock as its log rows so far leave it. `type` is None where the log's beginning is no longer kept."""

    real: int
    locked: int
    type: int | None
    version: int = 0


def log_findings(books: Books) -> Iterator[Finding]:
    """Follow each stock along its log rows, then compare the end with its row."""
    logs = sorted(books.logs, key=lambda row: row.seq)
    whole = bool(logs) and logs[0].seq == 1
    yield from _sequence_findings(books, logs)
    counters: dict[StockKey, _Counters] = {}
    balance: defaultdict[tuple[str, StockKey], int] = defaultdict(int)
    for row in logs:
        last = counters.get(row.key) or (_Counters(0, 0, UNLIMITED) if whole else None)
        if last is not None:
            yield from _joint_findings(books, row, last)
        before = _before(row, last)
        if before is None:
            counters[row.key] = _Counters(row.real_after, row.locked_after, None, row.seq)
            continue
        if not _explains(row, before):
            yield Finding(
                Rule.LOG_STEP,
                books.store,
                row.key,
                row.order_id,
                row.seq,
                row.quantity,
                row.locked_after - before.locked or row.real_after - before.real,
                row.kind.name,
            )
        if row.order_id is not None:
            balance[row.order_id, row.key] += row.locked_after - before.locked
        counters[row.key] = _Counters(row.real_after, row.locked_after, _type_after(row, before), row.seq)
    yield from _end_findings(books, counters, whole=whole)
    if whole:
        yield from _balance_findings(books, balance)


def _joint_findings(books: Books, row: LogRow, last: _Counters) -> Iterator[Finding]:
    """A row starts from where the stock's row before it ended."""
    for name, expected, found in (("real", last.real, row.real_before), ("locked", last.locked, row.locked_before)):
        if found is not None and found != expected:
            yield Finding(Rule.LOG_BEFORE, books.store, row.key, row.order_id, row.seq, expected, found, name)


def _before(row: LogRow, last: _Counters | None) -> _Counters | None:
    """What the row itself says was there before it; rows of before it was written down say nothing."""
    if row.real_before is None or row.locked_before is None:
        return last
    return _Counters(row.real_before, row.locked_before, None if last is None else last.type)


def _explains(row: LogRow, before: _Counters) -> bool:
    """Whether kind and quantity account for what the row did to real and locked."""
    real, locked, quantity = row.real_after - before.real, row.locked_after - before.locked, row.quantity
    if row.kind in (Kind.GRANT, Kind.MIRROR):  # at a hub what is there is known anew with what the cloud tells
        return locked == 0 and (real == 0 or row.source == HUB)
    if row.source == HUB and not (row.kind is Kind.UNLOCK and locked):  # a cancel there frees what is locked here
        return locked == 0 and _is_told(row.kind, real, quantity)
    match row.kind:
        case Kind.LOCK | Kind.RELOCK:
            return (real, locked) == (0, quantity) and quantity > 0
        case Kind.UNLOCK | Kind.EXPIRE:
            return (real, locked) == (0, -quantity) and quantity >= 0
        case Kind.AMEND | Kind.RECONCILE:
            return (real, locked) == (0, quantity)
        case Kind.DEDUCT:
            moved = {LIMITED: (-quantity,), UNLIMITED: (0,)}.get(before.type or 0, (0, -quantity))
            return real in moved and locked <= -quantity <= 0
        case Kind.RETURN:
            return (real, locked) == (quantity, 0) and quantity >= 0 and (quantity == 0 or before.type != UNLIMITED)
        case Kind.EIGHTY_SIX | Kind.SKIP | Kind.FLOW_BACK | Kind.FLIP | Kind.STORE | Kind.SUPERSEDED:
            return real == locked == quantity == 0
        case Kind.SET | Kind.ADD | Kind.COUNT | Kind.RESTORE | Kind.WRITE_OFF | Kind.RESOLVE:
            return (real, locked) == (quantity, 0)


def _is_told(kind: Kind, real: int, quantity: int) -> bool:
    """Whether that accounts for what a hub's event did to real, which it may have left alone: where the stock isn't
    limited here, or was restored since."""
    match kind:
        case Kind.LOCK | Kind.RELOCK | Kind.UNLOCK | Kind.EXPIRE | Kind.AMEND:
            return real == 0
        case Kind.DEDUCT:
            return real in (0, -quantity)
        case _:
            return real in (0, quantity)


def _type_after(row: LogRow, before: _Counters) -> int | None:
    """A setting's content says when the type changed."""
    if row.content is None:
        return before.type
    changed = msgspec.json.decode(row.content)
    return int(changed["type"][1]) if "type" in changed else before.type


def _sequence_findings(books: Books, logs: Sequence[LogRow]) -> Iterator[Finding]:
    """The sequence is complete and time never goes back along it."""
    head = books.head
    messages = {row.seq for row in books.outbox}
    last = logs[0].seq - 1 if logs else head.seq
    for row in logs:
        if row.seq == last:
            yield Finding(Rule.LOG_GAP, books.store, row.key, seq=row.seq, expected=last + 1, found=row.seq)
        for missing in range(last + 1, row.seq):
            if missing not in messages:
                yield Finding(Rule.LOG_GAP, books.store, seq=missing)
        last = row.seq
    for earlier, later in pairwise(logs):
        if later.at < earlier.at:
            yield Finding(Rule.LOG_TIME, books.store, later.key, seq=later.seq, expected=earlier.at, found=later.at)
    if logs and logs[-1].at > head.last_at:
        yield Finding(Rule.LOG_TIME, books.store, seq=logs[-1].seq, expected=head.last_at, found=logs[-1].at)
    if last > head.seq:
        yield Finding(Rule.VERSION, books.store, seq=last, expected=head.seq, found=last)
    elif last < head.seq and head.seq not in messages:
        yield Finding(Rule.LOG_GAP, books.store, seq=head.seq)


def _end_findings(books: Books, counters: dict[StockKey, _Counters], *, whole: bool) -> Iterator[Finding]:
    """Where the log ends is where the stock is."""
    for stock in books.stocks:
        end = counters.pop(stock.key, None)
        if stock.version > books.head.seq:
            yield Finding(Rule.VERSION, books.store, stock.key, expected=books.head.seq, found=stock.version)
        if end is None:
            if whole or not books.logs:
                yield Finding(Rule.VERSION, books.store, stock.key, expected=0, found=stock.version)
            continue
        if stock.version != end.version:
            yield Finding(Rule.VERSION, books.store, stock.key, expected=end.version, found=stock.version)
        if stock.real != end.real:
            yield Finding(Rule.LOG_COUNTERS, books.store, stock.key, expected=end.real, found=stock.real, detail="real")
        if stock.locked != end.locked:
            yield Finding(
                Rule.LOG_COUNTERS, books.store, stock.key, expected=end.locked, found=stock.locked, detail="locked"
            )
    yield from _store_findings(books, counters.pop(WHOLE_STORE, None), whole=whole)
    for key, end in counters.items():
        yield Finding(Rule.LOG_STOCK, books.store, key, seq=end.version)


def _store_findings(books: Books, end: _Counters | None, *, whole: bool) -> Iterator[Finding]:
    """The store's timer remembers the last row about the store as a whole."""
    found = 0 if books.timer is None else books.timer.told_seq
    if found != (0 if end is None else end.version) and (end is not None or whole):
        expected = 0 if end is None else end.version
        yield Finding(Rule.VERSION, books.store, WHOLE_STORE, expected=expected, found=found)


def _balance_findings(books: Books, balance: dict[tuple[str, StockKey], int]) -> Iterator[Finding]:
    """Order by order: two orders that took from each other would cancel out in the stock's sum."""
    held: defaultdict[tuple[str, StockKey], int] = defaultdict(int)
    for reservation in books.reservations:
        if reservation.state is State.LOCKED and reservation.hub_id is None:
            for take in reservation.takes:
                if take.counted:
                    held[reservation.order_id, take.key] += take.amount(reservation.quantity)
    for order_id, key in sorted(balance.keys() | held.keys()):
        expected, found = held[order_id, key], balance.get((order_id, key), 0)
        if expected != found:
            yield Finding(Rule.LOG_ORDER, books.store, key, order_id, expected=expected, found=found)


def outbox_findings(books: Books) -> Iterator[Finding]:
    """The chain of messages; its oldest rows may have been deleted. What was parked and put back stands outside of it,
    which its negative `prev_seq` says."""
    rows: list[OutboxRow] = sorted((row for row in books.outbox if row.prev_seq >= 0), key=lambda row: row.seq)
    changed = {row.seq: row.key for row in books.logs}
    about = {incident_key(incident.seq): incident.key for incident in books.incidents}
    for earlier, later in pairwise(rows):
        if later.prev_seq != earlier.seq:
            yield Finding(
                Rule.OUTBOX_CHAIN, books.store, later.key, seq=later.seq, expected=earlier.seq, found=later.prev_seq
            )
    for row in books.outbox:
        key = about.get(row.key, row.key)
        if changed.get(row.seq, key) != key:
            yield Finding(Rule.OUTBOX_STOCK, books.store, row.key, seq=row.seq)
    if rows and not 0 <= rows[0].prev_seq < rows[0].seq:
        yield Finding(Rule.OUTBOX_CHAIN, books.store, seq=rows[0].seq, expected=0, found=rows[0].prev_seq)
    if rows and rows[-1].seq != books.head.outbox_seq:
        found = books.head.outbox_seq
        yield Finding(Rule.OUTBOX_CHAIN, books.store, seq=rows[-1].seq, expected=rows[-1].seq, found=found)
