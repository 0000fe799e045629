"""Reading and writing the rows of the configuration tables."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Table, func, insert, literal, or_, select, tuple_, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from eightysix.storage import schema
from eightysix.storage.port import Unavailable
from eightysix.storage.schema import INSTANT

Row = Mapping[Any, Any]
Key = tuple[Any, ...]

_CHUNK = 400
"""Keys in one statement: well under every database's bound on parameters."""

_HEAD = schema.catalog_head
_LOG = schema.admin_log


class CatalogRows:
    """The tables of one database. Every method is a transaction of its own; `Unavailable` when it can't be had.

    Following what others have committed (`version`, `changed`) has a connection of its own, `following`: a revoked key
    must not stay alive for as long as its calls keep all the others busy.
    """

    def __init__(self, engine: AsyncEngine, following: AsyncEngine) -> None:
        self._engine = engine
        self._following = following

    async def prepare(self) -> None:
        """Make the head row if this is the first start on the database."""
        try:
            async with self._transaction(writes=True) as connection:
                if await connection.scalar(select(_HEAD.c.catalog_version)) is None:
                    await connection.execute(insert(_HEAD).values(id=1, catalog_version=0))
        except IntegrityError:
            return  # another process was first

    async def version(self) -> tuple[int, int]:
        """(the version of the last committed change, the generation of the database)."""
        async with self._transaction(self._following) as connection:
            row = (await connection.execute(select(_HEAD.c.catalog_version, _HEAD.c.generation))).one_or_none()
            return (0, 1) if row is None else (int(row[0]), int(row[1]))

    async def begin_generation(self, generation: int) -> None:
        """Make all cursors that were handed out so far unknown; a later number than any before."""
        async with self._transaction(writes=True) as connection:
            await connection.execute(update(_HEAD).values(generation=generation))

    async def changed(self, table: Table, since: int, columns: Sequence[str]) -> AsyncGenerator[Row, None]:
        """Rows changed after version `since`, tombstones too; from 0 on only what there is."""
        wanted = select(*(table.c[name] for name in columns), table.c.catalog_version, table.c.deleted)
        wanted = wanted.where(table.c.catalog_version > since) if since else wanted.where(_alive(table))
        async with self._transaction(self._following) as connection:
            result = await connection.stream(wanted.execution_options(yield_per=2000))
            async for row in result.mappings():
                yield row

    async def newest(self, table: Table, *, deleted: bool = False) -> dict[str, int]:
        """The version of the last change in each brand, deletions included; or of these alone."""
        wanted = select(table.c.brand_id, func.max(table.c.catalog_version)).group_by(table.c.brand_id)
        if deleted:
            wanted = wanted.where(table.c.deleted.is_(True))
        async with self._transaction() as connection:
            return {row[0]: int(row[1]) for row in await connection.execute(wanted)}

    async def page(
        self, table: Table, match: Mapping[str, Any], after: Sequence[Any] | None, limit: int
    ) -> Sequence[Row]:
        """Up to `limit` rows in key order whose columns equal `match` (a list: any of it, None too), after the key
        `after`."""
        wanted = select(table).where(_alive(table)).order_by(*table.primary_key).limit(limit)
        for name, value in match.items():
            column = table.c[name]
            wanted = wanted.where(_any_of(column, value) if isinstance(value, (list, tuple)) else column == value)
        if after is not None:
            key = [literal(value, column.type) for value, column in zip(after, table.primary_key, strict=True)]
            wanted = wanted.where(tuple_(*table.primary_key) > tuple_(*key))
        async with self._transaction() as connection:
            return (await connection.execute(wanted)).mappings().all()

    async def log_page(
        self, match: Mapping[str, Any], since: int | None, until: int | None, before: Sequence[Any] | None, limit: int
    ) -> Sequence[Row]:
        """Up to `limit` lines of the log of administration, newest first, older than the key `before`.

        Their columns equal `match`, and they were written from `since` on and before `until`, both in milliseconds.
        """
        line = _LOG.c
        key = (line.catalog_version, line.line)
        wanted = select(_LOG).order_by(*(column.desc() for column in key)).limit(limit)
        wanted = wanted.where(*(line[name] == value for name, value in match.items()))
        if since is not None:
            wanted = wanted.where(line.at >= since)
        if until is not None:
            wanted = wanted.where(line.at < until)
        if before is not None:
            wanted = wanted.where(tuple_(*key) < tuple_(*(literal(value, INSTANT) for value in before)))
        async with self._transaction() as connection:
            return (await connection.execute(wanted)).mappings().all()

    @asynccontextmanager
    async def write(self) -> AsyncIterator["CatalogWrite"]:
        """One transaction that takes the next version; other writers wait for its end."""
        async with self._transaction(writes=True) as connection:
            await connection.execute(update(_HEAD).values(catalog_version=_HEAD.c.catalog_version + 1))
            version = await connection.scalar(select(_HEAD.c.catalog_version))
            yield CatalogWrite(connection, int(version or 0))

    async def close(self) -> None:
        await self._engine.dispose()
        await self._following.dispose()

    @asynccontextmanager
    async def _transaction(
        self, engine: AsyncEngine | None = None, *, writes: bool = False
    ) -> AsyncIterator[AsyncConnection]:
        try:
            async with (engine or self._engine).connect() as connection:
                await connection.execution_options(writes=writes)
                async with connection.begin():
                    yield connection
        except IntegrityError:
            raise
        except (DBAPIError, PoolTimeoutError, OSError) as error:
            raise Unavailable(f"the configuration tables can't be used: {type(error).__name__}") from error


class CatalogWrite:
    """The inside of one writing transaction; everything it writes carries its version."""

    def __init__(self, connection: AsyncConnection, version: int) -> None:
        self._connection = connection
        self.version = version

    async def rows(self, table: Table, keys: Sequence[Key]) -> list[Row]:
        """The rows with these keys."""
        found: list[Row] = []
        for some in _chunks(keys):
            wanted = select(table).where(_alive(table), _has_key(table, some))
            found.extend((await self._connection.execute(wanted)).mappings().all())
        return found

    async def matching(self, table: Table, match: Mapping[str, Any], limit: int | None = None) -> list[Row]:
        """Rows whose columns equal `match`, up to `limit` of them."""
        wanted = select(table).where(_alive(table), *(table.c[name] == value for name, value in match.items()))
        return list((await self._connection.execute(wanted.limit(limit))).mappings())

    async def put(self, table: Table, rows: Sequence[Row]) -> None:
        """Write these rows, in place of those with the same keys."""
        if not rows:
            return
        names = [column.name for column in table.primary_key]
        for some in _chunks(rows):
            keys = [tuple(row[name] for name in names) for row in some]
            await self._connection.execute(table.delete().where(_has_key(table, keys)))
            stamped = [{**row, "deleted": False, "catalog_version": self.version} for row in some]
            await self._connection.execute(insert(table), stamped)

    async def log(self, lines: Sequence[Row], at: int) -> None:
        """Append lines to the log of administration, written at `at` milliseconds."""
        stamped = [
            {**line, "catalog_version": self.version, "line": number, "at": at} for number, line in enumerate(lines)
        ]
        for some in _chunks(stamped):
            await self._connection.execute(insert(_LOG), some)

    async def remove(self, table: Table, match: Mapping[str, Any]) -> int:
        """Mark the rows whose columns equal `match` as deleted; how many."""
        chosen = [table.c[name] == value for name, value in match.items()]
        gone = update(table).where(_alive(table), *chosen).values(deleted=True, catalog_version=self.version)
        return (await self._connection.execute(gone)).rowcount


def _alive(table: Table) -> ColumnElement[bool]:
    return table.c.deleted.is_(False)


def _any_of(column: Column[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    present = column.in_([value for value in values if value is not None])
    return or_(present, column.is_(None)) if None in values else present


_T = TypeVar("_T")


def _chunks(things: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for at in range(0, len(things), _CHUNK):
        yield things[at : at + _CHUNK]


def _has_key(table: Table, keys: Sequence[Key]) -> ColumnElement[bool]:
    columns = list(table.primary_key)
    if len(columns) == 1:
        return columns[0].in_([key[0] for key in keys])
    return tuple_(*columns).in_(keys)
