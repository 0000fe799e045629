"""Cursors: how far somebody has followed a store's changes. Opaque to whoever holds one."""

import base64
import binascii

import msgspec

from .problem import Problem, Rejection

CLOUD = "cloud"
"""The origin of the cursors that the cloud gives out; a hub's are its id."""

MAX_CURSOR_LENGTH = 200


class Cursor(msgspec.Struct, frozen=True, gc=False):
    """Everything up to `seq` is known. `generation` is the database's: one restored from a backup starts another."""

    generation: int
    seq: int
    origin: str = CLOUD


def cursor_text(cursor: Cursor) -> str:
    """The cursor as it is handed out."""
    plain = f"{cursor.origin}/{cursor.generation}/{cursor.seq}"
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def read_cursor(text: str, field: str) -> Cursor:
    """The cursor that was handed out; a `Rejection` for what never was one."""
    try:
        known = text[:MAX_CURSOR_LENGTH]
        plain = base64.b64decode(known + "=" * (-len(known) % 4), altchars=b"-_", validate=True).decode()
        origin, generation, seq = plain.rsplit("/", 2)
        cursor = Cursor(int(generation), int(seq), origin)
    except (binascii.Error, ValueError):
        raise Rejection(Problem.VALUE_INVALID, field, why="not a cursor of ours") from None
    if not origin or cursor_text(cursor) != text or not (0 <= cursor.seq < 2**63 and 0 < cursor.generation < 2**63):
        raise Rejection(Problem.VALUE_INVALID, field, why="not a cursor of ours")
    return cursor
