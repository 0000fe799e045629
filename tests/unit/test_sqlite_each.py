"""Many rows, one statement: as many are written, and as many are met, as one by one."""

import sqlite3
from collections.abc import Iterator

import pytest

from eightysix.storage.sqlite.each import delete, insert, update

COLUMNS = ("item", "version", "left")


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    found = sqlite3.connect(":memory:", isolation_level=None)
    found.execute(
        "CREATE TABLE t (product_shard_id INTEGER, brand_id TEXT, poi_id TEXT, item INTEGER, version INTEGER, "
        "left INTEGER, "
        "PRIMARY KEY (product_shard_id, brand_id, poi_id, item)) WITHOUT ROWID"
    )
    yield found
    found.close()


def rows(count: int, version: int = 1) -> list[tuple[object, ...]]:
    return [(at % 7, "b", f"shop-{at % 5}", at, version, at * 10) for at in range(count)]


def all_rows(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
    return sorted(connection.execute("SELECT * FROM t"), key=lambda row: row[3])


COUNTS = pytest.mark.parametrize("count", [0, 1, 3, 4, 63, 64, 65, 150])


@COUNTS
def test_every_row_is_inserted(connection: sqlite3.Connection, count: int) -> None:
    assert insert("t", COLUMNS).run(connection, rows(count)) == count
    assert all_rows(connection) == rows(count)


@COUNTS
def test_every_row_is_changed_that_is_as_it_must_be(connection: sqlite3.Connection, count: int) -> None:
    insert("t", COLUMNS).run(connection, rows(count))
    wanted = [(*row, 1) for row in rows(count, version=2)]
    stale = {2, 64, 149}
    guarded = [(*row[:-1], 9) if row[3] in stale else row for row in wanted]
    met = update("t", ("item",), COLUMNS, ("version",)).run(connection, guarded)
    there = [at for at in range(count) if at not in stale]
    assert met == len(there)
    assert [row[3] for row in all_rows(connection) if row[4] == 2] == there


def test_what_must_be_so_besides_is_asked_of_each(connection: sqlite3.Connection) -> None:
    insert("t", COLUMNS).run(connection, rows(6))
    marked = update("t", ("item",), ("item", "version"), (), "left > 20")
    assert marked.run(connection, [(*row[:4], 5) for row in rows(6)]) == 3


@COUNTS
def test_the_rows_named_are_deleted_and_no_others(connection: sqlite3.Connection, count: int) -> None:
    insert("t", COLUMNS).run(connection, rows(200))
    named = [row[:4] for row in rows(count)]
    gone = (3, "b", "nowhere", 1)
    assert delete("t", ("item",)).run(connection, [*named, gone]) == count
    assert all_rows(connection) == rows(200)[count:]


def test_what_is_there_already_is_a_conflict_or_what_was_said_instead(connection: sqlite3.Connection) -> None:
    insert("t", COLUMNS).run(connection, rows(5))
    with pytest.raises(sqlite3.IntegrityError):
        insert("t", COLUMNS).run(connection, rows(5))
    conflict = " ON CONFLICT (product_shard_id, brand_id, poi_id, item) DO UPDATE SET version = excluded.version"
    insert("t", COLUMNS, conflict).run(connection, rows(8, version=3))
    assert [row[4] for row in all_rows(connection)] == [3] * 8
