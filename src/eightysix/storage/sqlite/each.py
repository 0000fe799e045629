"""Writes of many rows, many at once.

Whenever SQLite works, Python's thread gives up the interpreter's lock and asks for it again afterwards: beside a busy
event loop that takes as long as the loop doesn't rest, up to the switch interval (5 ms). A hundred orders are a
thousand rows. Written one by one they would wait a thousand times for what others do.
"""

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Any

STORE = ("product_shard_id", "brand_id", "poi_id")
"""What the key of every row begins with."""

_AT_ONCE = (64, 16, 4, 1)


class Each:
    """A statement about rows: `head`, one `row` for each with `glue` between them, `tail`. Its parameters are those of
    the rows, one after the other."""

    def __init__(self, head: str, row: str, glue: str = ", ", tail: str = "") -> None:
        self.head, self.row, self.glue, self.tail = head, row, glue, tail
        self._texts = {rows: head + glue.join([row] * rows) + tail for rows in _AT_ONCE}

    def text(self, rows: int = 1) -> str:
        """The statement for so many rows: 1, 4, 16 or 64."""
        return self._texts[rows]

    def run(self, connection: sqlite3.Connection, values: Sequence[Sequence[Any]]) -> int:
        """Run it for all of them; how many rows it met."""
        met = at = 0
        for rows in _AT_ONCE:
            text = self._texts[rows]
            while len(values) - at >= rows:
                met += connection.execute(text, tuple(chain.from_iterable(values[at : at + rows]))).rowcount
                at += rows
        return met


def insert(table: str, columns: Sequence[str], otherwise: str = "") -> Each:
    """Rows of the store and `columns`; `otherwise` is what to do where one is there already."""
    every = (*STORE, *columns)
    return Each(
        f"INSERT INTO {table} ({', '.join(every)}) VALUES ",  # noqa: S608 - names, no values
        f"({_marks(every)})",
        tail=otherwise,
    )


def update(table: str, key: Sequence[str], columns: Sequence[str], guards: Sequence[str], also: str = "") -> Each:
    """The parameters are store and `columns` (key first), then what `guards` must be; `also` must be so of each."""
    every = (*STORE, *columns)
    key = (*STORE, *key)
    value = {column: f"v.column{at}" for at, column in enumerate(every, 1)}
    changed = ", ".join(f"{column} = {value[column]}" for column in every if column not in key)
    met = [f"{column} = {value[column]}" for column in key]
    met += [f"{column} = v.column{at}" for at, column in enumerate(guards, len(every) + 1)]
    met += [also] if also else []
    return Each(
        f"UPDATE {table} SET {changed} FROM (VALUES ",  # noqa: S608 - as above
        f"({_marks((*every, *guards))})",
        tail=f") AS v WHERE {' AND '.join(met)}",
    )


def delete(table: str, key: Sequence[str], also: str = "") -> Each:
    """The rows with these keys, or of which `also` is so besides, with parameters of its own."""
    met = [f"{column} = ?" for column in (*STORE, *key)]
    met += [also] if also else []
    return Each(f"DELETE FROM {table} WHERE ", f"({' AND '.join(met)})", " OR ")  # noqa: S608 - as above


def _marks(columns: Sequence[str]) -> str:
    return ", ".join("?" * len(columns))
