"""The change log as CSV: the columns of docs/CHANGE_LOG.md, numbers as numbers, texts safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable
from typing import Any

from .answer import ENCODER
from .change_log import LogRowAnswer
from .spreadsheet import plain_text

COLUMNS = (
    "seq", "recorded_at", "happened_at", "object_type", "object_id", "kind", "quantity", "real_before", "real_after",
    "locked_before", "locked_after", "changes", "details", "reason", "actor", "source", "channel_code", "order_id",
    "event_id",
)  # fmt: skip


def header() -> str:
    """The first line."""
    return _written([COLUMNS])


def lines(rows: Iterable[LogRowAnswer]) -> str:
    """A line for each row; lines end as RFC 4180 says."""
    return _written(map(_cells, rows))


def _cells(row: LogRowAnswer) -> tuple[Any, ...]:
    before = row.before
    return (
        row.seq, row.recorded_at, row.happened_at, row.object_type, row.object_id, row.kind, row.quantity,
        "" if before is None else before.real_quantity, row.after.real_quantity,
        "" if before is None else before.locked_quantity, row.after.locked_quantity,
        plain_text(_json(row.changes)), plain_text(_json(row.details)), plain_text(row.reason), plain_text(row.actor),
        plain_text(row.source), plain_text(row.channel_code), plain_text(row.order_id), plain_text(row.event_id),
    )  # fmt: skip


def _json(value: Any) -> str:
    return ENCODER.encode(value).decode() if value else ""


def _written(rows: Iterable[Iterable[Any]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()
