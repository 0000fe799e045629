"""Taking guards out of the real program, in this process, for as long as a context lasts.

The negative controls need the program itself without one guard, so its own SQL and functions are changed in memory. A
change that doesn't find what it looks for fails: a control that quietly changed nothing would prove nothing.
"""

import contextlib
import re
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any
from unittest.mock import patch

from msgspec.structs import replace

from eightysix.core import lock as lock_rules
from eightysix.core.availability import Availability
from eightysix.core.change import Kind, StoreChanges
from eightysix.core.draft import Draft
from eightysix.core.key import StockKey, StoreKey
from eightysix.storage.mysql import save as mysql_save
from eightysix.storage.mysql import statement as mysql_statement
from eightysix.storage.mysql.lane import MysqlLane
from eightysix.storage.port import Database, Lane, Opened
from eightysix.storage.postgres import saving
from eightysix.storage.postgres.lane import PostgresLane
from eightysix.storage.postgres.write import Write
from eightysix.storage.sqlite import statements
from eightysix.storage.sqlite.each import Each
from eightysix.storage.sqlite.lane import SqliteLane
from eightysix.storage.sqlite.lockfile import LockFile

from .message import Guard


@contextlib.contextmanager
def taken_out(guards: Collection[Guard]) -> Iterator[None]:
    """This process runs without these guards. Taking any out also lets several processes open one SQLite file."""
    with contextlib.ExitStack() as stack:
        if guards:
            stack.enter_context(patch.object(LockFile, "take", lambda _: None))
        if Guard.VERSION_GUARD in guards:
            _take_out_version_guards(stack)
        if Guard.RULE in guards:
            stack.enter_context(patch.object(lock_rules, "available", lambda *_, **__: Availability(None)))
        if Guard.INVARIANT in guards:
            stack.enter_context(patch.object(Draft, "move", _move_without_invariant))
        yield


def unguarded(database: Database, guards: Collection[Guard]) -> Database:
    """The database, its lanes without the head lock where that is to be taken out."""
    return _Unlocked(database) if Guard.HEAD_LOCK in guards else database


class _Unlocked:
    """A database whose lanes let the head lock go."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lane(self, lane_no: int, marker_bucket: int) -> Any:
        return _UnlockedLane(await self._database.lane(lane_no, marker_bucket))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)


class _UnlockedLane:
    """A lane that ends the transaction in which it locked the heads before it loads anything."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane

    async def begin(self, stores: Sequence[StoreKey], batch_no: int, *, skip_locked: bool = False) -> Opened:
        opened = await self._lane.begin(stores, batch_no, skip_locked=skip_locked)
        await self._lane.commit()
        if isinstance(self._lane, PostgresLane):
            await self._lane._connection.execute("BEGIN")
        elif isinstance(self._lane, MysqlLane):
            await self._lane._session.change("START TRANSACTION")
        return opened

    async def save(self, changes: Mapping[StoreKey, StoreChanges]) -> None:
        if isinstance(self._lane, SqliteLane):  # a transaction that has read can't write once another has written
            await self._lane._thread.run(_begin)
        await self._lane.save(changes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lane, name)


def _begin(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")


def _take_out_version_guards(stack: contextlib.ExitStack) -> None:
    """Updates find their row by its key alone, and a new row that isn't new is left out."""
    saving.save_statement.cache_clear()
    stack.callback(saving.save_statement.cache_clear)
    stack.enter_context(patch.object(Write, "sql", _unguarded_sql(Write.sql)))
    stack.enter_context(patch.object(mysql_save, "_GUARDS", dict.fromkeys(mysql_save._GUARDS, ())))
    stack.enter_context(patch.object(mysql_save, "_guard", lambda *_: None))
    stack.enter_context(patch.object(mysql_save, "inserts", _ignoring(mysql_statement.inserts)))
    writes = {name: each for name, each in vars(statements).items() if isinstance(each, Each)}
    del writes["RESOLVE_INCIDENTS"]  # an incident is resolved once: no version says so
    for name, each in writes.items():
        head, tail = each.head, each.tail
        if name.startswith("ADD_"):
            head = _changed("^INSERT INTO", "INSERT OR REPLACE INTO", head)
        elif head.startswith("UPDATE"):
            guards = 2 if name == "SAVE_CHANNELS" else 1
            tail = _changed(rf"( AND \w+ = v\.column\d+){{{guards}}}$", "", tail)
        stack.enter_context(patch.object(statements, name, Each(head, each.row, each.glue, tail)))


def _unguarded_sql(original: Callable[[Write, Any], str]) -> Callable[[Write, Any], str]:
    def sql(write: Write, numbers: Any) -> str:
        text = original(write, numbers)
        for column, field in write.guards:
            text = _changed(re.escape(f" AND t.{column} = v.{field}"), "", text)
        return text if write.keys else f"{text} ON CONFLICT DO NOTHING"

    return sql


def _ignoring(original: Callable[..., Iterator[tuple[str, int]]]) -> Callable[..., Iterator[tuple[str, int]]]:
    def inserts(*args: Any) -> Iterator[tuple[str, int]]:
        for sql, count in original(*args):
            yield _changed("^INSERT INTO", "INSERT IGNORE INTO", sql), count

    return inserts


def _changed(pattern: str, replacement: str, text: str) -> str:
    changed, times = re.subn(pattern, replacement, text)
    assert times == 1, f"{pattern} isn't what guards {text}"
    return changed


def _move_without_invariant(
    draft: Draft,
    key: StockKey,
    kind: Kind,
    quantity: int,
    *,
    locked: int = 0,
    real: int = 0,
    channel_code: str | None = None,
    oversell: str | None = None,
    beyond: int = 0,
    reason: str | None = None,
) -> None:
    """`Draft.move` as somebody would write it who trusts every rule."""
    stock = draft.stock(key)
    draft._seq += 1
    moved = replace(stock, locked=stock.locked + locked, real=stock.real + real, version=draft._seq)
    draft._write(moved, kind, quantity, channel_code=channel_code)
