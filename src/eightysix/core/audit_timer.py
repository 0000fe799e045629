"""Whether what comes back by the clock came back once each, and whether the store's timer wakes in time."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec

from .catalogue import Catalogue
from .change import Kind, LogRow, Timer
from .finding import Books, Finding, Rule
from .key import StockKey
from .stock import ONE_OFF, Stock
from .timetable import Timetable


def restore_findings(books: Books) -> Iterator[Finding]:
    """No slot of a rule ran twice, or behind a later one; the row remembers the last restore of the log."""
    slots: dict[StockKey, int] = {}
    epochs: dict[StockKey, tuple[int, int]] = {}
    for row in sorted(books.logs, key=lambda each: each.seq):
        if row.kind is Kind.MIRROR and (epoch_at := _epoch_at(row)) is not None:
            epochs[row.key] = (row.seq, epoch_at)
        if row.kind is not Kind.RESTORE:
            continue
        epochs[row.key] = (row.seq, row.at)
        slot = _why(row).get("slot", 0)
        if slot:
            before = slots.get(row.key, 0)
            if slot <= before:
                yield Finding(Rule.RESTORE_TWICE, books.store, row.key, seq=row.seq, expected=before + 1, found=slot)
            slots[row.key] = max(before, slot)
    for stock in books.stocks:
        seq, epoch_at = epochs.get(stock.key, (0, stock.epoch_at))
        if stock.epoch_at != epoch_at or (seq and stock.restored_slot < slots.get(stock.key, 0)):
            yield Finding(Rule.RESTORE_ROW, books.store, stock.key, seq=seq, expected=epoch_at, found=stock.epoch_at)


def _epoch_at(row: LogRow) -> int | None:
    """When the cloud's epoch began that a hub has taken over with this row."""
    began: list[int] | None = msgspec.json.decode(row.content or "{}").get("epoch_at")
    return None if began is None else began[1]


def _why(row: LogRow) -> dict[str, Any]:
    content = msgspec.json.decode(row.content or "{}")
    return dict(content.get("restore", {}))


def timer_findings(books: Books, catalogue: Catalogue | None) -> Iterator[Finding]:
    """The timer wakes no later than the first stock is due.

    Without a catalogue only one-offs with an instant are known. A store that was not planned from this very catalogue
    yet, or was planned from a newer one, has nothing that could be compared.
    """
    timer = books.timer
    for stock in books.stocks:
        if stock.auto_restore_type == ONE_OFF and stock.auto_restore_at is not None and stock.auto_restore_from:
            yield from _late(books, stock, stock.auto_restore_at)
    if timer is None or catalogue is None:
        return
    store = catalogue.store(books.store.brand_id, books.store.poi_id)
    if store is None or timer.planned_version != catalogue.timer_version(store.brand_id, store.poi_id):
        return
    yield from _planned_findings(books, timer, Timetable(catalogue, store))


def _planned_findings(books: Books, timer: Timer, timetable: Timetable) -> Iterator[Finding]:
    may_come_back = timetable.stocks(books.stocks)
    for stock in books.stocks:
        if stock.key not in may_come_back:
            continue
        coming = timetable.coming(stock, timer.timed_at)
        if coming is not None and (coming.rule is not None or stock.auto_restore_at is None):
            yield from _late(books, stock, coming.at)
    guaranteed = {row.key for row in books.channels if row.guarantee > 0}
    for stock in books.stocks:
        if stock.key in guaranteed:  # since it was set at the latest: an end before that was none of its
            ending = timetable.guarantees_end_next(max(timer.timed_at, stock.updated_at))
            if ending is not None:
                yield from _late(books, stock, ending)
    counting = {row.key for row in books.channels if row.counts}
    for stock in books.stocks:
        if timer.told and stock.key in counting:
            counted_on = timetable.clock.date_of(max(timer.timed_at, stock.updated_at))
            yield from _late(books, stock, timetable.clock.starts_at(counted_on + timedelta(days=1)))


def _late(books: Books, stock: Stock, at: int) -> Iterator[Finding]:
    """What is overdue when it is asked for is due at once."""
    due_at = None if books.timer is None else books.timer.due_at
    at = max(at, stock.auto_restore_from)
    if due_at is None or due_at > at:
        yield Finding(Rule.TIMER_LATE, books.store, stock.key, expected=at, found=due_at)
