"""Pages of rows in key order: an opaque cursor holds the key of the last row that was shown."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Column, Integer, SmallInteger

from eightysix.wire.problem import Problem, Rejection

_WHOLE = 2**53 - 1
_SMALL = 2**15 - 1


def cursor_of(key: Sequence[Any]) -> str:
    """The cursor that leads to what follows `key`."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def key_after(cursor: str, columns: Sequence[Column[Any]]) -> list[str | int]:
    """The key in a cursor; 422 unless it might be one of these columns: whoever forges one must not reach further."""
    try:
        key = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=list[str | int])
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        key = []
    if len(key) == len(columns) and all(_fits(value, column) for value, column in zip(key, columns, strict=True)):
        return key
    raise Rejection(Problem.VALUE_INVALID, "cursor", why="not a cursor of ours")


def _fits(value: str | int, column: Column[Any]) -> bool:
    counts = isinstance(column.type, Integer)
    if isinstance(value, str):
        return not counts and value.isprintable()
    most = _SMALL if isinstance(column.type, SmallInteger) else _WHOLE
    return counts and 0 <= value <= most
