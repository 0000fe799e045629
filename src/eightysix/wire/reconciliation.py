"""Reconciliation on the wire: what a device has, and what differs."""

import re
from typing import Annotated

import msgspec

from eightysix.core.command import Actor, DeviceRow, ReconcileStock
from eightysix.core.digest import digest
from eightysix.core.key import StockKey, StoreKey
from eightysix.core.outcome import Cause, Drift, StockReconciled
from eightysix.core.quantity import as_number
from eightysix.core.stock_row import CHANNEL_FIELDS, FIELDS

from .fields import (
    Body,
    Digits,
    Identifier,
    ObjectId,
    OneOrTwo,
    Reason,
    documented,
    identifier,
    integer,
    object_id,
    reason,
    whole,
)
from .problem import Problem, Rejection
from .stock import Number, StockRowAnswer, object_type

MAX_ROWS = 10_000

_DIGEST = re.compile(r"[0-9a-f]{32}")


class DeviceRowBody(Body):
    """A row as a device has it: its `version`, and its digest: the first 32 hexadecimal digits of the SHA-256 of its
    values, a line each, in the order of the row of find-to-pos from `object_type` to `is_low`, then those of each of
    its `channel_stocks` (by channel_code) from `channel_code` to `is_low`; null is an empty line, booleans are `true`
    and `false`, numbers have no trailing zeros. What has no version of its own is left out: `used_quantity`,
    `available`, `deleted`, `channels`."""

    object_id: ObjectId
    version: Annotated[int, whole(0, 2**53 - 1)] | Digits
    digest: Annotated[str, documented(pattern="^[0-9a-f]{32}$")]
    object_type: OneOrTwo = 2

    def row(self) -> DeviceRow:
        if _DIGEST.fullmatch(self.digest) is None:
            raise Rejection(Problem.VALUE_INVALID, "digest", why="not 32 hexadecimal digits")
        key = StockKey(object_type(self.object_type), object_id(self.object_id, "object_id"))
        return DeviceRow(key, integer(self.version, "version", 0, 2**53 - 1), self.digest)


class ReconcileBody(Body, kw_only=True):
    """Compare a store's counters with its orders and, where `rows` come, what the device has with what there is.
    With `apply` what differs is repaired."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier = msgspec.field(name="poiId")
    device_id: Identifier | None = None
    rows: Annotated[list[DeviceRowBody], documented(maxItems=MAX_ROWS)] | None = None
    apply: bool = False
    reason: Reason | None = None

    def command(self, actor: Actor) -> ReconcileStock:
        store = StoreKey.of(identifier(self.brand_id, "brandId"), identifier(self.poi_id, "poiId"))
        device = None if self.device_id is None else identifier(self.device_id, "device_id")
        return ReconcileStock(store, actor, self._rows(), device, self.apply, reason(self.reason))

    def _rows(self) -> tuple[DeviceRow, ...] | None:
        if self.rows is None:
            return None
        if len(self.rows) > MAX_ROWS:
            raise Rejection(Problem.TOO_MANY, "rows", most=MAX_ROWS)
        rows: dict[StockKey, DeviceRow] = {}
        for at, body in enumerate(self.rows):
            try:
                row = body.row()
            except Rejection as rejection:
                raise rejection.inside(f"rows[{at}]") from None
            if row.key in rows:
                raise Rejection(Problem.VALUE_INVALID, f"rows[{at}].object_id", why="named twice")
            rows[row.key] = row
        return tuple(rows.values())


class Difference(msgspec.Struct, frozen=True, gc=False):
    """Where two sides differ, and why.

    `cause` of a device's row: `missing`, `behind`, `altered` (other values of the same version), `unknown` (never set
    here), `ahead` (a version that was never given out: this database was restored from a backup). Of our own counters:
    `locked`, `used`. `expected` and `found` are versions for a device's row, portions otherwise; `found` null: no row.
    """

    object_type: int
    object_id: int
    cause: str
    channel_code: str | None
    expected: Number
    found: Number | None
    repaired: bool


class ReconcileAnswer(msgspec.Struct, frozen=True, gc=False):
    """`stocks` is how many rows the store has. `reset`: the device must drop what it has and read everything anew."""

    stocks: int
    reset: bool
    differences: list[Difference]


COUNTERS = (Cause.LOCKED, Cause.USED)
"""The causes that are ours, not a device's."""


def reconcile_answer(outcome: StockReconciled) -> ReconcileAnswer:
    """What differs."""
    reset = any(drift.cause is Cause.AHEAD for drift in outcome.drifts)
    return ReconcileAnswer(outcome.stocks, reset, [_difference(drift) for drift in outcome.drifts])


def row_digest(row: StockRowAnswer) -> str:
    """The digest of a row that came over the wire."""
    values = [getattr(row, name) for name in FIELDS]
    for channel in sorted(row.channel_stocks, key=lambda each: each.channel_code):
        values += [getattr(channel, name) for name in CHANNEL_FIELDS]
    return digest(values)


def _difference(drift: Drift) -> Difference:
    expected: Number = drift.expected
    found: Number | None = drift.found
    if drift.cause in COUNTERS:
        expected, found = as_number(drift.expected), as_number(drift.found or 0)
    return Difference(*drift.key, drift.cause.value, drift.channel_code, expected, found, drift.repaired)
