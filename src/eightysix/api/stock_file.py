"""Stock as CSV: a file in, a result for each of its rows; what there is, out in the same columns."""

import asyncio
from collections.abc import Iterator
from hashlib import blake2b
from typing import Literal

import msgspec
from msgspec.structs import replace

from eightysix.breathing import breathing
from eightysix.catalog.catalog import Catalog
from eightysix.catalog.kinds import ITEM, STORE
from eightysix.catalog.paging import cursor_of, key_after
from eightysix.catalog.turns import Turns
from eightysix.core.command import SetStock
from eightysix.core.key import StockKey, StoreKey
from eightysix.core.outcome import Code, Refused, StockRow
from eightysix.core.stock import Stock, by_stock
from eightysix.storage.port import Reader
from eightysix.wire.administration import PAGE_LIMIT
from eightysix.wire.answer import ErrorAnswer, refused_answer, rejection_answer
from eightysix.wire.change import FieldChange, changes_answer
from eightysix.wire.fields import Body, Identifier, Reason, identifier, reason
from eightysix.wire.language import Language
from eightysix.wire.problem import STATUS, Rejection
from eightysix.wire.stock_file import Exported, FileRow, column_of, header_line, lines, read_rows

from .auth import Doorkeeper
from .bulk import Result, Submit, set_in_each
from .endpoint import Call
from .reply import Reply, json_reply
from .scope import brand_named, store_named, stores_reached

_SETTINGS = 500
"""Rows of one store in one command."""

PART_ROWS = 10_000
"""An export ends a part with the store that brings it to so many rows."""

_BREATH = 500
"""Rows worked on before others get a turn on the event loop."""

_HEADERS = [
    (b"content-type", b"text/csv"),
    (b"content-disposition", b'attachment; filename="stock.csv"'),
]
CURSOR_HEADER = b"x-cursor"
BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}".encode()


class StockImportQuery(Body):
    """For which brand; `poiId`: the store of the rows that name none; `request_id`: of the additions and counts that
    have none of their own. With `dry_run` nothing is written."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier | None = msgspec.field(name="poiId", default=None)
    request_id: Identifier | None = None
    reason: Reason | None = None
    dry_run: bool = False


class StockExportQuery(Body):
    """Of which brand; `poiId` may come several times, without it all stores that the key reaches. With `all_items` also
    those of which nothing was ever set. `excel` puts a byte order mark first, without which Excel takes the file for
    another encoding."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: list[Identifier] = msgspec.field(name="poiId", default_factory=list)
    all_items: bool = False
    excel: bool = False
    cursor: str | None = None


class ImportedStock(msgspec.Struct, frozen=True):
    """What one row came to. `row` counts the header as 1; `status` is what the row would have had as a call."""

    row: int
    poi_id: str | None = msgspec.field(name="poiId")
    object_type: int | None
    object_id: int | None
    status: int
    result: Literal["changed", "unchanged", "refused"]
    changes: list[FieldChange]
    error: ErrorAnswer | None


class StocksImported(msgspec.Struct, frozen=True):
    """What a file came to, or would come to with `dry_run`; a refused row holds up no other."""

    rows: int
    changed: int
    unchanged: int
    refused: int
    dry_run: bool
    results: list[ImportedStock]


class StockFiles:
    """Answers the calls with files."""

    def __init__(self, submit: Submit, reader: Reader, catalog: Catalog, doorkeeper: Doorkeeper) -> None:
        self._submit = submit
        self._reader = reader
        self._catalog = catalog
        self._doorkeeper = doorkeeper
        self._reading = Turns()

    async def take(self, call: Call) -> Reply:
        """POST a file."""
        query: StockImportQuery = call.query
        brand_named(call.caller, self._catalog.current, query.brand_id)
        if query.poi_id is not None:
            store_named(call.caller, self._catalog.current, query.brand_id, query.poi_id)
        rows = await self._read(call)
        results = await self._set(call, rows)
        shown = [_shown(row, row.wrong or results[row.line], call.language) async for row in breathing(rows, _BREATH)]
        kinds = [each.result for each in shown]
        counts = (kinds.count("changed"), kinds.count("unchanged"), kinds.count("refused"))
        return json_reply(StocksImported(len(shown), *counts, query.dry_run, shown))

    async def _read(self, call: Call) -> list[FileRow]:
        query: StockImportQuery = call.query
        request_id = None if query.request_id is None else identifier(query.request_id, "request_id")
        reason(query.reason)
        codes = self._catalog.current.channels(query.brand_id)
        # thousands of rows are not read while orders wait, nor several files at once
        async with self._reading.one():
            return await asyncio.to_thread(read_rows, call.body, codes, query.poi_id, request_id)

    async def _set(self, call: Call, rows: list[FileRow]) -> dict[int, Result]:
        """What each row that could be read came to, by line."""
        query: StockImportQuery = call.query
        readable = [row for row in rows if row.wrong is None and row.poi_id is not None]
        poi_ids = list(dict.fromkeys(row.poi_id for row in readable if row.poi_id is not None))
        reached = stores_reached(call.caller, self._catalog.current, query.brand_id, poi_ids)
        if len(reached) < len(poi_ids) and await self._catalog.look_again():
            reached = stores_reached(call.caller, self._catalog.current, query.brand_id, poi_ids)
        self._doorkeeper.count_stores(call.caller, len(poi_ids), "poi_id")
        absent = set(poi_ids) - set(reached)
        results: dict[int, Result] = {
            row.line: Rejection(Code.STORE_NOT_FOUND, "poi_id") for row in readable if row.poi_id in absent
        }
        actor = replace(call.caller.actor, source="import")
        commands, about = [], []
        for store, request_id, part in _parts(query.brand_id, [row for row in readable if row.poi_id not in absent]):
            settings = tuple(setting for row in part if (setting := row.setting) is not None)
            commands.append(SetStock(store, settings, actor, query.reason, request_id, query.dry_run))
            about.append(part)
        for part, done in zip(about, await set_in_each(self._submit, commands), strict=True):
            results.update({row.line: result for row, result in zip(part, done, strict=True)})
        return results

    async def give(self, call: Call) -> Reply:
        """GET what there is, store by store; each store's rows are of one moment."""
        query: StockExportQuery = call.query
        poi_ids = self._stores(call)
        own = call.caller.grant.channel_code
        codes = sorted(code for code in self._catalog.current.channels(query.brand_id) if own in (None, code))
        parts = [] if query.cursor else [BYTE_ORDER_MARK * query.excel, header_line(codes).encode()]
        names = await self._names(query.brand_id, call.language)
        rows = 0
        headers = [*_HEADERS]
        for at, poi_id in enumerate(poi_ids, 1):
            found = await self._exported(query, poi_id, names)
            for start in range(0, len(found), _BREATH):
                parts.append(lines(found[start : start + _BREATH], codes).encode())
                await asyncio.sleep(0)
            rows += len(found)
            if rows >= PART_ROWS and at < len(poi_ids):
                headers.append((CURSOR_HEADER, cursor_of([poi_id]).encode()))
                break
        return Reply(200, b"".join(parts), headers)

    def _stores(self, call: Call) -> list[str]:
        """The stores that are left to be exported."""
        query: StockExportQuery = call.query
        for poi_id in query.poi_id:
            store_named(call.caller, self._catalog.current, query.brand_id, poi_id)
        named = sorted(set(query.poi_id)) if query.poi_id else None
        poi_ids = stores_reached(call.caller, self._catalog.current, query.brand_id, named)
        if query.cursor is None:
            return poi_ids
        [last] = key_after(query.cursor, [STORE.table.c.poi_id])
        return [poi_id for poi_id in poi_ids if poi_id > str(last)]

    async def _names(self, brand_id: str, language: Language) -> dict[StockKey, str]:
        """What people call the items."""
        names: dict[StockKey, str] = {}
        cursor: str | None = None
        while True:
            page = await self._catalog.page(ITEM, {"brand_id": brand_id}, cursor, PAGE_LIMIT)
            for item in page.items:
                name = item.name.zh if language is Language.CHINESE else item.name.en
                names[StockKey(item.object_type, item.object_id)] = name
            cursor = page.cursor
            if cursor is None:
                return names

    async def _exported(self, query: StockExportQuery, poi_id: str, names: dict[StockKey, str]) -> list[Exported]:
        read = await self._reader.store_rows(StoreKey.of(query.brand_id, poi_id), None)
        stocks = {stock.key: stock for stock in read.stocks if stock.key in names}
        channels = by_stock(read.channels)
        keys = sorted(names if query.all_items else stocks)
        return [Exported(poi_id, names[key], stocks.get(key) or Stock(key), channels.get(key, {})) for key in keys]


def _parts(brand_id: str, rows: list[FileRow]) -> Iterator[tuple[StoreKey, str | None, list[FileRow]]]:
    """The rows of each store and request, in commands of a bounded size."""
    groups: dict[tuple[str | None, str | None], list[FileRow]] = {}
    for row in rows:
        groups.setdefault((row.poi_id, row.request_id), []).append(row)
    for (poi_id, request_id), group in groups.items():
        for start in range(0, len(group), _SETTINGS):
            store = StoreKey.of(brand_id, poi_id or "")
            yield store, _part_id(request_id, start), group[start : start + _SETTINGS]


def _part_id(request_id: str | None, start: int) -> str | None:
    """What a part of a request is remembered by: the same file has the same parts."""
    if request_id is None or start == 0:
        return request_id
    return blake2b(f"{request_id}/{start}".encode(), digest_size=24).hexdigest()


def _shown(row: FileRow, result: Result, language: Language) -> ImportedStock:
    kind, id_ = row.key or (None, None)
    about = (row.line, row.poi_id, kind, id_)
    if isinstance(result, StockRow):
        done: Literal["changed", "unchanged"] = "unchanged" if result.replayed else "changed"
        return ImportedStock(*about, 200, done, changes_answer(result.changes), None)
    if isinstance(result, Refused):
        refused = replace(result, field=column_of(result.field, row.codes))
        return ImportedStock(*about, STATUS[result.code], "refused", [], refused_answer(refused, language))
    return ImportedStock(*about, STATUS[result.code], "refused", [], rejection_answer(result, language))
