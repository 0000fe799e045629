"""What differs between a store's books and what others hold of them, why, and its repair (DESIGN section 6).

A device that is wrong is told the row anew: the row takes another version, and so goes out to everybody. Counters that
their reservations don't explain are counted anew. Either leaves a log row.
"""

from collections import defaultdict
from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from .availability import period_start
from .change import Kind
from .command import DeviceRow, ReconcileStock
from .digest import digest_of
from .draft import Draft
from .key import StockKey
from .outcome import Cause, Drift, StockReconciled
from .reservation import Reservation, locked_by
from .shelf import Decision, Shelf
from .stock import Stock
from .used import reservations_now

BELOW_PROMISED = "reconciled_below_promised"
"""The kind of incident where the reservations hold more than is there."""


REPAIRS_MOST = 2_000
"""Differences that one command repairs; the same call again goes on. A transaction that works for seconds would be
ended by the database, and orders wait for it."""


def reconcile(command: ReconcileStock, shelf: Shelf) -> Decision:
    """Compare, and with `apply` repair. The whole store and its LOCKED reservations must be on the shelf."""
    draft = Draft(shelf, command.actor)
    drifts = list(_counter_drifts(draft, reservations_now(shelf)))
    if command.rows is not None:
        drifts += _device_drifts(draft, shelf, {row.key: row for row in command.rows})
    if command.apply:
        drifts = [
            replace(drift, repaired=at < REPAIRS_MOST and _repair(draft, drift, command))
            for at, drift in enumerate(drifts)
        ]
    return draft.decision(StockReconciled(tuple(drifts), len(shelf.stocks), shelf.now))


def _device_drifts(draft: Draft, shelf: Shelf, theirs: dict[StockKey, DeviceRow]) -> Iterator[Drift]:
    """The device's rows against ours."""
    for key in sorted(theirs.keys() | shelf.stocks.keys()):
        row, stock = theirs.get(key), draft.stock(key)
        if row is None:
            if draft.catalogue.item(draft.store.brand_id, *key) is not None:
                yield Drift(key, Cause.MISSING, expected=stock.version)
            continue
        cause = _cause(draft, stock, row)
        if cause is not None:
            yield Drift(key, cause, expected=stock.version, found=row.version)


def _cause(draft: Draft, stock: Stock, row: DeviceRow) -> Cause | None:
    if row.version > draft.seq:
        return Cause.AHEAD
    if stock.version == 0 and row.version > 0:
        return Cause.UNKNOWN
    if row.version < stock.version:
        return Cause.BEHIND
    if row.version > stock.version or row.digest != digest_of(stock, draft.channel_rows(stock.key).values()):
        return Cause.ALTERED
    return None


def _counter_drifts(draft: Draft, reservations: list[Reservation]) -> Iterator[Drift]:
    """Our counters against the reservations that made them."""
    held, taken = locked_by(reservations), _takings(reservations)
    for key in sorted(draft.known() | held.keys()):
        stock = draft.stock(key)
        if stock.locked != held[key]:
            yield Drift(key, Cause.LOCKED, expected=held[key], found=stock.locked)
        period_at = period_start(draft.day, stock)
        for code, row in sorted(draft.channel_rows(key).items()):
            if not row.counts or row.period_at < period_at or draft.is_told(code):
                continue
            used = sum(amount for locked_at, amount in taken[key, code] if locked_at >= row.period_at)
            if used != row.used:
                yield Drift(key, Cause.USED, channel_code=code, expected=used, found=row.used)


def _takings(reservations: list[Reservation]) -> defaultdict[tuple[StockKey, str], list[tuple[int, int]]]:
    """When each channel took how much of each stock, and kept it."""
    taken: defaultdict[tuple[StockKey, str], list[tuple[int, int]]] = defaultdict(list)
    for each in reservations:
        for take in each.takes:
            taken[take.key, each.channel_code].append((each.locked_at, take.amount(each.kept)))
    return taken


def _repair(draft: Draft, drift: Drift, command: ReconcileStock) -> bool:
    """Mend one difference; False for what can't be mended from here."""
    key, expected = drift.key, drift.expected
    if drift.cause is Cause.LOCKED:
        more = expected - draft.stock(key).locked
        draft.move(key, Kind.RECONCILE, more, locked=more, oversell=BELOW_PROMISED, reason=command.reason)
        return True
    if drift.cause is Cause.USED:
        row = draft.channel_rows(key)[drift.channel_code or ""]
        draft.note(key, Kind.RECONCILE, _told(drift, command), command.reason)
        draft.put_channel(replace(row, used=expected))
        return True
    if drift.cause is Cause.AHEAD:
        return False
    if drift.cause is Cause.UNKNOWN and draft.catalogue.item(draft.store.brand_id, *key) is None:
        return False  # neither a row nor a dish, so there is nothing to tell of
    draft.note(key, Kind.RECONCILE, _told(drift, command), command.reason)
    return True


def _told(drift: Drift, command: ReconcileStock) -> str:
    """The log row's content."""
    difference: dict[str, object] = {"cause": drift.cause.value, "expected": drift.expected, "found": drift.found}
    if drift.channel_code is not None:
        difference["channel_code"] = drift.channel_code
    if command.device_id is not None:
        difference["device_id"] = command.device_id
    return msgspec.json.encode({"reconciled": difference}).decode()
