"""What a POS, a hub or a screen asks and tells, as calls."""

from collections.abc import Iterable
from typing import Any

import msgspec

from eightysix.wire.answer import ENCODER
from eightysix.wire.message import StockState, StoreState
from eightysix.wire.reconciliation import DeviceRowBody, ReconcileAnswer, ReconcileBody, row_digest

from .attempts import attempts
from .call import Call
from .reading import as_type
from .series import Series
from .setup import Setup
from .step import Give, Steps
from .table import safety_of
from .wording import StoreLike

_ROOT = "/api/v1/poi/stock"
STREAM = f"{_ROOT}/stream"


class FindAnswer(msgspec.Struct, frozen=True):
    cursor: str
    has_more: bool
    data: list[StockState]
    reset: bool = False
    store: StoreState | None = None


class AckAnswer(msgspec.Struct, frozen=True):
    cursor: str
    lag: int


def find(store: StoreLike, since: str | None = None, *, limit: int | None = None) -> Call[FindAnswer]:
    """One page of what has changed after the cursor `since`; without it from the start."""
    return _post("find-to-pos", store, FindAnswer, since=since, limit=limit)


def find_to_pos(store: StoreLike, since: str | None = None, *, limit: int | None = None) -> Series[FindAnswer]:
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
    """The device has applied everything up to here."""
    return _post("ack", store, AckAnswer, cursor=cursor, device_id=device_id)


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
    path = f"{_ROOT}/reconcile"
    return Call(
        name="reconcile", method="POST", path=path, safety=safety_of("POST", path), read=as_type(ReconcileAnswer),
        body=ENCODER.encode(body),
    )  # fmt: skip


def device_row(row: StockState) -> DeviceRowBody:
    """What `reconcile` is told of a row that a device has from find_to_pos or a stream."""
    return DeviceRowBody(row.object_id, row.version, row_digest(row), row.object_type)


def _post(name: str, store: StoreLike, kind: type[Any], **fields: Any) -> Call[Any]:
    path = f"{_ROOT}/{name}"
    given = {key: value for key, value in fields.items() if value is not None}
    body = {"brandId": store[0], "poiId": store[1], **given}
    return Call(
        name=name, method="POST", path=path, safety=safety_of("POST", path), read=as_type(kind),
        body=ENCODER.encode(body),
    )  # fmt: skip
