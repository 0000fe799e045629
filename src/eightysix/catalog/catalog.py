"""The catalogue: writes in short transactions of their own, the snapshot kept up to date beside them."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Table

from eightysix.storage import schema
from eightysix.storage.catalog import CatalogRows, Row
from eightysix.storage.port import StorageFault
from eightysix.wire.administration import PAGE_LIMIT, AuditLine, Page
from eightysix.wire.fields import integer
from eightysix.wire.problem import Problem, Rejection

from . import references
from .clock import now_ms
from .journal import Change, Journal, line_of
from .kinds import BRAND, CHANNEL, Kind
from .paging import cursor_of, key_after
from .snapshot import Snapshot, SnapshotDraft
from .snapshot_tables import COLUMNS, NEWEST
from .turns import Turns

_LOG = logging.getLogger(__name__)

LOOK_SECONDS = 0.02


class Catalog:
    """Brands, stores, channels, items and keys of one database. `current` is the engine's catalogue source."""

    def __init__(self, rows: CatalogRows, refresh_seconds: float = 1.0, *, at_hub: bool = False) -> None:
        self._rows = rows
        self._refresh_seconds = refresh_seconds
        self._refreshing = asyncio.Lock()
        self._looking = asyncio.Lock()
        self._changes = Turns()
        self.imports = Turns()
        """A large file keeps the event loop busy while it is read: one at a time."""
        self._loop: asyncio.Task[None] | None = None
        self._stopped = False
        self._looked_at = 0.0
        self.current = Snapshot.empty(at_hub=at_hub)
        self.generation = 1
        """Of the database: part of every cursor. Another one was begun where it was restored from a backup."""

    async def start(self) -> None:
        """Read everything, then look for changes of others every `refresh_seconds`."""
        await self._rows.prepare()
        await self.refresh()
        self._loop = asyncio.create_task(self._refresh_forever())

    async def stop(self) -> None:
        self._stopped = True  # a driver may make a fault of being cancelled, and faults don't end the loop
        if self._loop is not None:
            self._loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._loop
        await self._rows.close()

    async def refresh(self) -> None:
        """Take over what was committed since the last look."""
        async with self._refreshing:
            seen = self.current.version
            version, self.generation = await self._rows.version()
            if version == seen:
                return
            if version < seen:  # a database restored from a backup: what it no longer has must go
                seen = 0
            draft = SnapshotDraft(self.current if seen else Snapshot.empty(at_hub=self.current.at_hub))
            newest = {} if seen else {name: await self._rows.newest(schema.metadata.tables[name]) for name in NEWEST}
            removed = {} if seen else await self._rows.newest(schema.item, deleted=True)
            for name, columns in COLUMNS.items():
                async with contextlib.aclosing(self._rows.changed(schema.metadata.tables[name], seen, columns)) as rows:
                    async for row in rows:
                        draft.put(name, row)
            self.current = draft.finish(version, newest, removed)

    async def look_again(self) -> bool:
        """Whether the database has something new; asked before an answer says that something isn't there.

        Another process may just have made it. It looks at most every LOOK_SECONDS, whatever strangers ask for; those
        who ask meanwhile wait for what it finds.
        """
        asked_at, seen = time.monotonic(), self.current
        async with self._looking:
            if asked_at - self._looked_at >= LOOK_SECONDS:
                self._looked_at = time.monotonic()
                try:
                    await self.refresh()
                except StorageFault:
                    return False  # the last state stays in use, as in the regular refresh
        return self.current is not seen

    async def write(
        self,
        kind: Kind,
        bodies: Sequence[Any],
        actor: str,
        *,
        replace: bool,
        reach: Callable[[Row], None] | None = None,
    ) -> list[Any]:
        """Make these objects, all or none; those that exist are replaced or, without `replace`, a 409.

        A `Rejection`'s field starts with `items[n]`. `actor` is who the log of administration names. `reach` raises for
        a row of before that the caller may not touch.
        """
        rows = read_all(kind, bodies)
        async with self.changing(actor) as change:
            await self.write_rows(kind, rows, change, replace=replace, reach=reach)
        return [kind.show(row) for row in rows]

    async def write_rows(
        self,
        kind: Kind,
        rows: Sequence[dict[str, Any]],
        change: Change,
        *,
        replace: bool,
        action: str | None = None,
        reach: Callable[[Row], None] | None = None,
    ) -> dict[tuple[Any, ...], Row]:
        """The inside of `write`; answers what was there before, by key. `action` is what the log calls it."""
        places = {kind.key_of(row): at for at, row in enumerate(rows)}
        await references.require(kind, rows, change.write, self.current)
        there = {kind.key_of(row): row for row in await change.write.rows(kind.table, list(places))}
        if there and not replace:
            key = min(there, key=places.__getitem__)
            raise Rejection(Problem.ALREADY_EXISTS, what=" ".join(map(str, key))).inside(f"items[{places[key]}]")
        if reach is not None:
            for row in there.values():
                reach(row)
        new = [row for row in rows if not _is_as_it_was(row, there.get(kind.key_of(row)))]
        if kind.since is not None:
            new = [{**row, kind.since: now_ms()} for row in new]
        await change.write.put(kind.table, new)
        for row in new:
            change.put(kind, there.get(kind.key_of(row)), row, action)
        if kind is BRAND:
            fresh = [row["brand_id"] for row in rows if kind.key_of(row) not in there]
            channels = [channel for brand_id in fresh for channel in references.everyday_channels(brand_id)]
            await change.write.put(schema.channel, channels)
            for channel in channels:
                change.put(CHANNEL, None, channel)
        return there

    @contextlib.asynccontextmanager
    async def changing(self, actor: str) -> AsyncIterator[Change]:
        """A writing transaction with its lines in the log of administration; at its end the snapshot is brought up."""
        async with self._changes.one():
            async with self._rows.write() as write:
                journal = Journal(actor)
                yield Change(write, journal)
                await journal.save(write)
            try:
                await self.refresh()
            except StorageFault as fault:  # it is done all the same, and the answer may hold a secret nothing repeats
                _LOG.warning("the catalogue could not be read after a change: %s", fault)

    async def remove(
        self, kind: Kind, key: tuple[Any, ...], actor: str, *, reach: Callable[[Row], None] | None = None
    ) -> None:
        """Delete one object. 404 when it isn't there, 409 while something needs it; `reach` as in `write`."""
        async with self.changing(actor) as change:
            rows = await change.write.rows(kind.table, [key])
            if not rows:
                raise Rejection(kind.not_found)
            if reach is not None:
                reach(rows[0])
            await references.release(kind, rows[0], change, self.current)
            await change.write.remove(kind.table, dict(zip(kind.key, key, strict=True)))
            change.removed(kind, rows[0])

    async def page(self, kind: Kind, match: Mapping[str, Any], cursor: str | None, limit: int) -> Page[Any]:
        """Objects whose columns equal `match`, in key order."""
        rows, following = await self.row_page(kind.table, match, cursor, limit)
        return Page([kind.show(row) for row in rows], following)

    async def row_page(
        self, table: Table, match: Mapping[str, Any], cursor: str | None, limit: int
    ) -> tuple[Sequence[Row], str | None]:
        """A page of a table's rows, and the cursor of the next one."""
        limit = integer(limit, "limit", 1, PAGE_LIMIT)
        key = list(table.primary_key)
        after = None if cursor is None else key_after(cursor, key)
        return _cut(await self._rows.page(table, match, after, limit + 1), limit, [column.name for column in key])

    async def every_row(self, table: Table, match: Mapping[str, Any]) -> list[Row]:
        """All rows of a table whose columns equal `match`, in key order; read some at a time."""
        found: list[Row] = []
        key = [column.name for column in table.primary_key]
        after: list[Any] | None = None
        while True:
            some = await self._rows.page(table, match, after, PAGE_LIMIT)
            found += some
            if len(some) < PAGE_LIMIT:
                return found
            after = [some[-1][name] for name in key]

    async def audit(
        self, match: Mapping[str, Any], since: int | None, until: int | None, cursor: str | None, limit: int
    ) -> Page[AuditLine]:
        """Lines of the log of administration whose columns equal `match`, newest first."""
        limit = integer(limit, "limit", 1, PAGE_LIMIT)
        key = list(schema.admin_log.primary_key)
        before = None if cursor is None else key_after(cursor, key)
        found = await self._rows.log_page(match, since, until, before, limit + 1)
        rows, following = _cut(found, limit, [column.name for column in key])
        return Page([line_of(row) for row in rows], following)

    async def begin_generation(self) -> int:
        """Begin a new generation, named by the clock, so that it is none that a lost database has had."""
        generation = now_ms()
        await self._rows.begin_generation(generation)
        self.generation = generation
        return generation

    async def _refresh_forever(self) -> None:
        while not self._stopped:
            await asyncio.sleep(self._refresh_seconds)
            try:
                await self.refresh()
            except StorageFault as fault:
                _LOG.warning("the catalogue could not be read, its last state stays in use: %s", fault)
            except Exception:  # noqa: BLE001 - were this loop to end, a revoked key would work for good
                _LOG.exception("the catalogue could not be read, its last state stays in use")


def read_all(kind: Kind, bodies: Sequence[Any]) -> list[dict[str, Any]]:
    """Checked rows of these bodies, no key twice."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for at, body in enumerate(bodies):
        try:
            row = kind.read(body)
        except Rejection as rejection:
            raise rejection.inside(f"items[{at}]") from None
        if kind.key_of(row) in rows:
            field = kind.body.__struct_encode_fields__[kind.body.__struct_fields__.index(kind.key[-1])]
            raise Rejection(Problem.VALUE_INVALID, f"items[{at}].{field}", why="named twice")
        rows[kind.key_of(row)] = row
    return list(rows.values())


def _is_as_it_was(row: Row, before: Row | None) -> bool:
    return before is not None and all(before[name] == value for name, value in row.items())


def _cut(rows: Sequence[Row], limit: int, key: Sequence[str]) -> tuple[Sequence[Row], str | None]:
    """At most `limit` of the rows; the cursor of the next page where there were more."""
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], cursor_of([rows[limit - 1][name] for name in key])
