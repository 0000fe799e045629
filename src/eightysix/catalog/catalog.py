"""The catalogue: writes in short transactions of their own, the snapshot kept up to date beside them."""

import asyncio
import base64
import binascii
import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from eightysix.core.outcome import Code
from eightysix.storage import schema
from eightysix.storage.catalog import CatalogRows, CatalogWrite, Row
from eightysix.storage.port import StorageFault
from eightysix.wire.administration import PAGE_LIMIT, KeyBody, KeyMade, KeyShown, Page
from eightysix.wire.fields import integer
from eightysix.wire.problem import Problem, Rejection

from . import keys, references
from .kinds import BRAND, Kind
from .snapshot import COLUMNS, Snapshot, SnapshotDraft

_LOG = logging.getLogger(__name__)

LOOK_SECONDS = 0.02


class Catalog:
    """Brands, stores, channels, items and keys of one database. `current` is the engine's catalogue source."""

    def __init__(self, rows: CatalogRows, refresh_seconds: float = 1.0) -> None:
        self._rows = rows
        self._refresh_seconds = refresh_seconds
        self._refreshing = asyncio.Lock()
        self._loop: asyncio.Task[None] | None = None
        self._looked_at = 0.0
        self.current = Snapshot.empty()

    async def start(self) -> None:
        """Read everything, then look for changes of others every `refresh_seconds`."""
        await self._rows.prepare()
        await self.refresh()
        self._loop = asyncio.create_task(self._refresh_forever())

    async def stop(self) -> None:
        if self._loop is not None:
            self._loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._loop
        await self._rows.close()

    async def refresh(self) -> None:
        """Take over what was committed since the last look."""
        async with self._refreshing:
            seen = self.current.version
            version = await self._rows.version()
            if version == seen:
                return
            draft = SnapshotDraft(self.current)
            for name, columns in COLUMNS.items():
                async for row in self._rows.changed(schema.metadata.tables[name], seen, columns):
                    draft.put(name, row)
            self.current = draft.finish(version)

    async def look_again(self) -> bool:
        """Whether the database has something new; asked before an answer says that something isn't there.

        Another process may just have made it. It looks at most every LOOK_SECONDS, whatever strangers ask for.
        """
        now = time.monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return False
        self._looked_at = now
        seen = self.current
        try:
            await self.refresh()
        except StorageFault:
            return False  # the last state stays in use, as in the regular refresh
        return self.current is not seen

    async def write(self, kind: Kind, bodies: Sequence[Any], *, replace: bool) -> list[Any]:
        """Make these objects, all or none; those that exist are replaced or, without `replace`, a 409.

        A `Rejection`'s field starts with `items[n]`.
        """
        rows = read_all(kind, bodies)
        async with self._rows.write() as write:
            await self.write_rows(kind, rows, write, replace=replace)
        await self.refresh()
        return [kind.show(row) for row in rows]

    async def write_rows(
        self, kind: Kind, rows: Sequence[dict[str, Any]], write: CatalogWrite, *, replace: bool
    ) -> set[tuple[Any, ...]]:
        """The inside of `write`; answers which keys were there before."""
        places = {kind.key_of(row): at for at, row in enumerate(rows)}
        await references.require(kind, rows, write, self.current)
        there = {kind.key_of(row) for row in await write.rows(kind.table, list(places))}
        if there and not replace:
            key = min(there, key=places.__getitem__)
            raise Rejection(Problem.ALREADY_EXISTS, what=" ".join(map(str, key))).inside(f"items[{places[key]}]")
        await write.put(kind.table, rows)
        if kind is BRAND:
            fresh = [row["brand_id"] for row in rows if kind.key_of(row) not in there]
            channels = [channel for brand_id in fresh for channel in references.everyday_channels(brand_id)]
            await write.put(schema.channel, channels)
        return there

    def writing(self) -> contextlib.AbstractAsyncContextManager[CatalogWrite]:
        """A writing transaction; call `refresh` after it."""
        return self._rows.write()

    async def remove(self, kind: Kind, key: tuple[Any, ...]) -> None:
        """Delete one object. 404 when it isn't there, 409 while something needs it."""
        async with self._rows.write() as write:
            rows = await write.rows(kind.table, [key])
            if not rows:
                raise Rejection(kind.not_found)
            await references.release(kind, rows[0], write, self.current)
            await write.remove(kind.table, dict(zip(kind.key, key, strict=True)))
        await self.refresh()

    async def page(self, kind: Kind, match: Mapping[str, Any], cursor: str | None, limit: int) -> Page[Any]:
        """Objects whose columns equal `match`, in key order."""
        rows, following = await self._page(kind.table.name, kind.key, match, cursor, limit)
        return Page([kind.show(row) for row in rows], following)

    async def mint_key(self, body: KeyBody) -> KeyMade:
        """Make a key; its secret is in the answer and nowhere else."""
        secret, row = keys.mint(body, now_ms())
        async with self._rows.write() as write:
            if row["brand_id"] is not None and not await write.rows(schema.brand, [(row["brand_id"],)]):
                raise Rejection(Code.BRAND_NOT_FOUND, "brandId")
            await write.put(schema.api_key, [row])
        await self.refresh()
        return keys.made(secret, row)

    async def first_key(self) -> KeyMade | None:
        """A platform key if there is no key at all, else None. Of several processes one makes it."""
        async with self._rows.write() as write:
            if await write.matching(schema.api_key, {}, 1):
                return None
            secret, row = keys.mint(KeyBody("bootstrap", "platform"), now_ms())
            await write.put(schema.api_key, [row])
        await self.refresh()
        return keys.made(secret, row)

    async def revoke_key(self, key_id: str, match: Mapping[str, Any]) -> None:
        """The key works no more; other processes know within a second or two."""
        async with self._rows.write() as write:
            if not await write.remove(schema.api_key, {"key_id": key_id, **match}):
                raise Rejection(Problem.KEY_NOT_FOUND, "key_id")
        await self.refresh()

    async def key_page(self, match: Mapping[str, Any], cursor: str | None, limit: int) -> Page[KeyShown]:
        """Keys without their secrets."""
        rows, following = await self._page("api_key", ("key_id",), match, cursor, limit)
        return Page([keys.shown(row) for row in rows], following)

    async def _page(
        self, table: str, key: tuple[str, ...], match: Mapping[str, Any], cursor: str | None, limit: int
    ) -> tuple[Sequence[Row], str | None]:
        limit = integer(limit, "limit", 1, PAGE_LIMIT)
        after = None if cursor is None else _after(cursor, len(key))
        rows = await self._rows.page(schema.metadata.tables[table], match, after, limit + 1)
        if len(rows) <= limit:
            return rows, None
        rows = rows[:limit]
        return rows, _cursor([rows[-1][name] for name in key])

    async def _refresh_forever(self) -> None:
        while True:
            await asyncio.sleep(self._refresh_seconds)
            try:
                await self.refresh()
            except StorageFault as fault:
                _LOG.warning("the catalogue could not be read, its last state stays in use: %s", fault)


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


def now_ms() -> int:
    """The wall clock, for the validity of keys."""
    return time.time_ns() // 1_000_000


def _cursor(key: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def _after(cursor: str, length: int) -> list[str | int]:
    try:
        key = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=list[str | int])
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        raise Rejection(Problem.VALUE_INVALID, "cursor", why="not a cursor of ours") from None
    if len(key) != length:
        raise Rejection(Problem.VALUE_INVALID, "cursor", why="not a cursor of ours")
    return key
