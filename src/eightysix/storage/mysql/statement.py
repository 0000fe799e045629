"""Statements over keys and rows, cut into pieces that every server and the proxy take.

Each piece names its buckets as integer literals, by which the proxy finds the one physical table, and its keys as
tuples, by which the database finds the rows. A single key is written as equalities: MariaDB reads a whole bucket for a
DELETE whose tuple list has one entry.
"""

from collections.abc import Iterator, Sequence

from . import literal

KEYS_MAX = 500
"""Keys in one statement: MariaDB turns lists from 1,000 on into a join."""

UPDATES_MAX = 200
"""Rows in one UPDATE: each is a SELECT of its own, which the proxy parses."""

BYTES_MAX = 500_000
"""Characters in one statement; at four bytes each that is 2 MB, a quarter of what the proxy takes at most."""


def pieces(parts: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    """`parts` in runs of at most `most`, each below the size of a statement."""
    start = size = 0
    for at, part in enumerate(parts):
        if at > start and (at - start == most or size + len(part) > BYTES_MAX):
            yield parts[start:at]
            start, size = at, 0
        size += len(part)
    if start < len(parts):
        yield parts[start:]


def key_condition(columns: Sequence[str], keys: Sequence[Sequence[str]]) -> str:
    """The rows with these keys; each key is one literal per column, the bucket first."""
    if len(keys) == 1:
        return " AND ".join(f"{column} = {value}" for column, value in zip(columns, keys[0], strict=True))
    tuples = ",".join(f"({','.join(key)})" for key in keys)
    return f"{literal.buckets(int(key[0]) for key in keys)} AND ({','.join(columns)}) IN ({tuples})"


def key_conditions(columns: Sequence[str], keys: Sequence[Sequence[str]]) -> Iterator[tuple[str, int]]:
    """`key_condition` in pieces, each with the number of its keys."""
    start = 0
    for piece in pieces([",".join(key) for key in keys], KEYS_MAX):
        part = keys[start : start + len(piece)]
        start += len(piece)
        yield key_condition(columns, part), len(part)


def inserts(table: str, columns: Sequence[str], rows: Sequence[str]) -> Iterator[tuple[str, int]]:
    """INSERTs of `rows`, each with the number of its rows."""
    for piece in pieces(rows, KEYS_MAX):
        yield f"INSERT INTO {table} ({','.join(columns)}) VALUES {','.join(piece)}", len(piece)


def updates(
    table: str,
    key: Sequence[str],
    guards: Sequence[str],
    changed: Sequence[str],
    rows: Sequence[tuple[int, Sequence[str]]],
) -> Iterator[tuple[str, int]]:
    """UPDATEs that set `changed` where key and guards are as given; `rows` are (bucket, literals of all these columns).

    The rows stand in a derived table, and STRAIGHT_JOIN has the server look each of them up by the whole key: left to
    itself MariaDB reads, and locks, whole buckets while they are small.
    """
    names = [f"c{at}" for at in range(len(key) + len(guards) + len(changed))]
    found = " AND ".join(f"s.{column} = v.{name}" for column, name in zip((*key, *guards), names, strict=False))
    setting = ",".join(
        f"s.{column} = v.{name}" for column, name in zip(reversed(changed), reversed(names), strict=False)
    )
    start = 0
    for piece in pieces([",".join(values) for _, values in rows], UPDATES_MAX):
        part = rows[start : start + len(piece)]
        start += len(piece)
        first = ",".join(f"{value} AS {name}" for value, name in zip(part[0][1], names, strict=True))
        derived = " UNION ALL SELECT ".join((first, *piece[1:]))
        where = literal.buckets(bucket for bucket, _ in part)
        yield f"UPDATE (SELECT {derived}) v STRAIGHT_JOIN {table} s ON {found} SET {setting} WHERE s.{where}", len(part)
