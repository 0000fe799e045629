"""What a POS, a hub or a screen asks and tells, as calls."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from msgspec.structs import replace

from eightysix.wire.following import AckAnswer, AckBody, FindBody, FoundAnswer
from eightysix.wire.message import StockState
from eightysix.wire.pos_report import ReportBody, StockReportAnswer
from eightysix.wire.reconciliation import DeviceRowBody, ReconcileAnswer, ReconcileBody, row_digest
from eightysix.wire.replay import JournalEvent, ReplayAnswer, ReplayBody

from .asking import post
from .attempts import attempts
from .call import Call
from .reading import as_type
from .series import Series
from .setup import Setup
from .step import Give, Steps
from .wording import StoreLike, new_request_id

T = TypeVar("T")

PAGE = 500
"""Stocks in a page, unless asked otherwise."""

_ROOT = "/api/v1/poi/stock"
STREAM = f"{_ROOT}/stream"


def find(store: StoreLike, since: str | None = None, *, limit: int = PAGE) -> Call[FoundAnswer]:
    """One page of what has changed after the cursor `since`; without it from the start."""
    body = FindBody(brand_id=store[0], poi_id=store[1], since=since, limit=limit)
    return _post("find-to-pos", body, FoundAnswer)


def find_to_pos(store: StoreLike, since: str | None = None, *, limit: int = PAGE) -> Series[FoundAnswer]:
    """What has changed after the cursor `since`, page by page; without it all that there is.

    Where a page says `reset`, `since` was of another database, and everything follows. Without trouble the last page's
    `cursor` is where to go on.
    """

    def steps(setup: Setup) -> Steps[None]:
        cursor, more = since, True
        while more:
            page = yield from attempts(find(store, cursor, limit=limit), setup)
            cursor, more = page.cursor, page.has_more
            yield Give(page)

    return Series(steps)


def ack(store: StoreLike, cursor: str, device_id: str) -> Call[AckAnswer]:
    """The device has applied everything up to here. Refused CURSOR_UNKNOWN where the database is another one."""
    body = AckBody(brand_id=store[0], poi_id=store[1], cursor=cursor, device_id=device_id)
    return _post("ack", body, AckAnswer)


def sync_from_pos(report: ReportBody) -> Call[StockReportAnswer]:
    """What the POS has set or counted, based on the row that it last saw (`updated_at`); the row after that.

    Refused, with the row as it is in `stock`, where that has changed since (STALE_REPORT), or where orders have moved
    what was counted and the report doesn't say from what (COUNT_BASE_MISSING). Without an `event_id` it gets one.
    """
    if report.event_id is None:
        report = replace(report, event_id=new_request_id())
    return _post("sync-from-pos", report, StockReportAnswer)


def replay(store: StoreLike, device_id: str, journal_id: str, events: Sequence[JournalEvent]) -> Call[ReplayAnswer]:
    """What happened while the device was cut off, in order of its journal: a final result for each event.

    Refused JOURNAL_GAP or JOURNAL_MISMATCH: `answer.expected_seq` is what the journal goes on with, `answer.results`
    are those of the events before, which count.
    """
    body = ReplayBody(
        brand_id=store[0], poi_id=store[1], device_id=device_id, journal_id=journal_id, events=list(events)
    )
    return _post("replay", body, ReplayAnswer)


def reconcile(
    store: StoreLike,
    rows: Iterable[DeviceRowBody] | None = None,
    *,
    device_id: str | None = None,
    apply: bool = False,
    reason: str | None = None,
) -> Call[ReconcileAnswer]:
    """What differs: the store's counters from its orders and, with `rows`, what a device has from what there is.
    With `apply` it is repaired."""
    body = ReconcileBody(
        brand_id=store[0], poi_id=store[1], device_id=device_id, apply=apply, reason=reason,
        rows=None if rows is None else list(rows),
    )  # fmt: skip
    return _post("reconcile", body, ReconcileAnswer)


def device_row(row: StockState) -> DeviceRowBody:
    """What `reconcile` is told of a row that a device has from find_to_pos or a stream."""
    return DeviceRowBody(row.object_id, row.version, row_digest(row), row.object_type)


def _post(name: str, body: Any, kind: type[T]) -> Call[T]:
    return post(name, f"{_ROOT}/{name}", body, as_type(kind))
