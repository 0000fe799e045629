"""Stocks as CSV: one stock of one store a row, in the same columns when it is exported and when it is imported.

- `poi_id`: the store; may be left out where the call names one
- `object_type`: 1 or `spu`, 2 or `sku` (where it is empty); `object_id` or `sku_id`: the item
- `name`: for people; ignored
- `stock_status`, `stock_type`, `manual`, `plan_quantity`, `real_quantity`, `auto_restore_type`, `auto_restore_at`,
  `allocation`, `low_quantity`: as in a call; of one channel `POS.stock_status`, `.stock_type`, `.limit_quantity`,
  `.guarantee_quantity`, `.weight`, `.low_quantity`
- `expected_version`: the settings version that the row is based on; where that has moved, the row is refused
- `op`: `set` (where it is empty), `add` or `count`; with the latter two `quantity` says how much, `request_id` makes a
  repeat harmless, and the other settings stay empty

An empty cell leaves a value as it is; `none` takes a cap, a threshold or an instant away. The file is UTF-8, with or
without a byte order mark.
"""

import csv
import io
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from eightysix.core.change import Kind
from eightysix.core.command import Setting
from eightysix.core.instant import to_iso
from eightysix.core.key import ObjectType, StockKey
from eightysix.core.outcome import Code
from eightysix.core.quantity import as_number
from eightysix.core.stock import Allocation, ChannelStock, RestoreTo, Stock

from .fields import AwareInstant, identifier
from .problem import Problem, Rejection
from .spreadsheet import guarded, plain_text, unguarded
from .stock import ChannelStockBody, SettingBody

MAX_ROWS = 10_000

_NONE = "none"
_NUMBER = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{1,12})?")


class Column(NamedTuple):
    """How a cell is read into a body's field, and written from a row."""

    read: Callable[[str], Any]
    write: Callable[[Any], str]


def _number(cell: str) -> Decimal:
    if not _NUMBER.fullmatch(cell):
        raise Rejection(Problem.WRONG_TYPE, None, expected="number", got="string")
    return Decimal(cell)


def _yes_or_no(cell: str) -> bool:
    known = {"true": True, "false": False, "1": True, "0": False}.get(cell.lower())
    if known is None:
        raise Rejection(Problem.WRONG_TYPE, None, expected="boolean", got="string")
    return known


def _instant(cell: str) -> datetime | None:
    if cell == _NONE:
        return None
    try:
        moment: datetime = msgspec.convert(cell, AwareInstant)
    except msgspec.ValidationError:
        raise Rejection(Problem.WRONG_TYPE, None, expected="datetime", got="string") from None
    return moment


def _one_of(words: type[IntEnum]) -> Callable[[str], str]:
    """Reads a cell that holds the name of one of these."""

    def read(cell: str) -> str:
        if cell.upper() not in words.__members__:
            raise Rejection(Problem.UNKNOWN_VALUE)
        return cell.lower()

    return read


def _shown(quantity: int) -> str:
    return str(as_number(quantity))


def _number_or_none(cell: str) -> Decimal | None:
    return None if cell == _NONE else _number(cell)


def _shown_or_none(quantity: int | None) -> str:
    return _NONE if quantity is None else _shown(quantity)


STOCK_COLUMNS: dict[str, Column] = {
    "stock_status": Column(str, lambda stock: str(stock.status)),
    "stock_type": Column(str, lambda stock: str(stock.type)),
    "manual": Column(_yes_or_no, lambda stock: str(stock.manual).lower()),
    "plan_quantity": Column(_number, lambda stock: _shown(stock.plan)),
    # what was sold beyond what is there can't be set
    "real_quantity": Column(_number, lambda stock: _shown(stock.real) if stock.real >= 0 else ""),
    "auto_restore_type": Column(str, lambda stock: str(stock.auto_restore_type)),
    "auto_restore_at": Column(
        _instant, lambda stock: _NONE if stock.auto_restore_at is None else to_iso(stock.auto_restore_at)
    ),
    "restore_to": Column(
        _one_of(RestoreTo), lambda stock: RestoreTo(stock.restore_to).name.lower() if stock.auto_restore_type else ""
    ),
    "allocation": Column(_one_of(Allocation), lambda stock: Allocation(stock.allocation).name.lower()),
    "low_quantity": Column(_number_or_none, lambda stock: _shown_or_none(stock.low)),
}
"""A stock's own settings, by the name of the field in `SettingBody`."""

CHANNEL_COLUMNS: dict[str, Column] = {
    "stock_status": Column(str, lambda row: str(row.status)),
    "stock_type": Column(str, lambda row: str(row.type)),
    "limit_quantity": Column(_number_or_none, lambda row: _shown_or_none(row.limit)),
    "guarantee_quantity": Column(_number, lambda row: _shown(row.guarantee)),
    "weight": Column(str, lambda row: str(row.weight)),
    "low_quantity": Column(_number_or_none, lambda row: _shown_or_none(row.low)),
}
"""A channel's, by the name of the field in `ChannelStockBody`."""

_FRONT = ("poi_id", "object_type", "object_id", "name")
_BACK = ("expected_version", "op", "quantity", "request_id")
_ALIASES = {"sku_id": "object_id"}


class FileRow(NamedTuple):
    """One row of a file: what it sets and where, or why it can't be read. `line` is as an editor numbers it."""

    line: int
    poi_id: str | None = None
    key: StockKey | None = None
    setting: Setting | None = None
    request_id: str | None = None
    codes: tuple[str, ...] = ()
    """The channels that the setting names, in its order."""
    wrong: Rejection | None = None


def read_rows(body: bytes, codes: Collection[str], poi_id: str | None, request_id: str | None) -> list[FileRow]:
    """The file's rows; those that name no store are about `poi_id`, additions and counts without an id have
    `request_id`. Raises `Rejection` for the file as a whole."""
    try:
        reader = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        header = _header(next(reader, []), codes, has_store=poi_id is not None)
        filled = ((reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells))
        lines = list(islice(filled, MAX_ROWS + 1))  # a million rows are not read just to be counted
    except UnicodeDecodeError:
        raise Rejection(Problem.VALUE_INVALID, "body", why="not UTF-8") from None
    except csv.Error:
        raise Rejection(Problem.VALUE_INVALID, "body", why="not CSV") from None
    if not lines:
        raise Rejection(Problem.EMPTY, "rows")
    if len(lines) > MAX_ROWS:
        raise Rejection(Problem.TOO_MANY, "rows", most=MAX_ROWS)
    rows: list[FileRow] = []
    seen: set[tuple[str | None, StockKey | None]] = set()
    for line, cells in lines:
        row = _row(line, header, cells, poi_id, request_id)
        if row.wrong is None and (row.poi_id, row.key) in seen:
            row = row._replace(wrong=Rejection(Problem.VALUE_INVALID, "object_id", why="named twice"))
        seen.add((row.poi_id, row.key))
        rows.append(row)
    return rows


def _header(cells: Sequence[str], codes: Collection[str], *, has_store: bool) -> list[str]:
    """The columns' names, each known and none twice."""
    header: list[str] = []
    for cell in cells:
        name = unguarded(cell.strip())
        code, _, field = name.rpartition(".")
        if code:
            if code not in codes:
                raise Rejection(Code.CHANNEL_NOT_FOUND, name[:80])
        else:
            name = field = _ALIASES.get(name.lower(), name.lower())
        known = CHANNEL_COLUMNS if code else {*_FRONT, *STOCK_COLUMNS, *_BACK}
        if field not in known:
            raise Rejection(Problem.UNKNOWN_FIELD, name[:80])
        if name in header:
            raise Rejection(Problem.VALUE_INVALID, name[:80], why="named twice")
        header.append(name)
    for needed in ("object_id", *(() if has_store else ("poi_id",))):
        if needed not in header:
            raise Rejection(Problem.MISSING_FIELD, needed)
    return header


def _row(line: int, header: list[str], cells: list[str], poi_id: str | None, request_id: str | None) -> FileRow:
    row = FileRow(line)
    codes: tuple[str, ...] = ()
    try:
        filled = _filled(header, cells)
        row = row._replace(poi_id=_store(filled.pop("poi_id", None), poi_id))
        own = filled.pop("request_id", None)
        channels = _channels(filled)
        codes = tuple(channels)
        setting = _body(filled, list(channels.values())).setting()
        row = row._replace(key=setting.key, setting=setting, codes=codes)
        return row._replace(request_id=_request(own, request_id, setting.kind))
    except Rejection as rejection:
        rejection.field = column_of(rejection.field, codes)
        return row._replace(wrong=rejection)


def _filled(header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """The cells that say something, by column."""
    if len(cells) > len(header):
        raise Rejection(Problem.VALUE_INVALID, None, why="more cells than columns")
    return {name: cell.strip() for name, cell in zip(header, cells, strict=False) if cell.strip() and name != "name"}


def _request(cell: str | None, default: str | None, kind: Kind) -> str | None:
    """What the row is remembered by. A setting needs nothing, an addition can't do without."""
    if cell is not None:
        return identifier(unguarded(cell), "request_id")
    if default is None and kind is Kind.ADD:
        raise Rejection(Problem.MISSING_FIELD, "request_id")
    return None if kind is Kind.SET else default


def _store(cell: str | None, default: str | None) -> str:
    if cell is not None:
        return identifier(unguarded(cell), "poi_id")
    if default is None:
        raise Rejection(Problem.MISSING_FIELD, "poi_id")
    return default


def _channels(filled: dict[str, str]) -> dict[str, ChannelStockBody]:
    """The channels' bodies by code; their cells are taken out of `filled`."""
    fields: dict[str, dict[str, Any]] = {}
    for name in [name for name in filled if "." in name]:
        code, _, field = name.rpartition(".")
        fields.setdefault(code, {})[field] = _read(CHANNEL_COLUMNS[field], filled.pop(name), name)
    return {code: ChannelStockBody(code, **each) for code, each in fields.items()}


def _body(filled: dict[str, str], channels: list[ChannelStockBody]) -> SettingBody:
    fields: dict[str, Any] = {
        name: _read(column, filled[name], name) for name, column in STOCK_COLUMNS.items() if name in filled
    }
    if "object_type" in filled:
        word = filled["object_type"].lower()
        fields["object_type"] = {"spu": ObjectType.SPU.value, "sku": ObjectType.SKU.value}.get(word, word)
    if "object_id" not in filled:
        raise Rejection(Problem.MISSING_FIELD, "object_id")
    if "quantity" in filled:
        fields["quantity"] = _read(Column(_number, str), filled["quantity"], "quantity")
    if "op" in filled:
        fields["op"] = filled["op"].lower()
        if fields["op"] not in ("set", "add", "count"):
            raise Rejection(Problem.UNKNOWN_VALUE, "op")
    if "expected_version" in filled:
        fields["expected_version"] = filled["expected_version"]
    return SettingBody(filled["object_id"], channel_stocks=channels, **fields)


def _read(column: Column, cell: str, name: str) -> Any:
    try:
        return column.read(cell)
    except Rejection as rejection:
        raise rejection.inside(name) from None


_CHANNEL_FIELD = re.compile(r"channel_stocks\[(\d+)\]\.(\w+)")


def column_of(field: str | None, codes: Sequence[str]) -> str | None:
    """The column that a field of the body stands in."""
    found = _CHANNEL_FIELD.fullmatch(field or "")
    if found is None:
        return field
    code, name = codes[int(found[1])], found[2]
    return f"{code}.{name}" if name in CHANNEL_COLUMNS else code


def header_line(codes: Sequence[str]) -> str:
    """The first line of an export."""
    channels = [guarded(f"{code}.{name}") for code in codes for name in CHANNEL_COLUMNS]
    return _line([[*_FRONT, *STOCK_COLUMNS, *channels, *_BACK]])


class Exported(NamedTuple):
    """A stock to be written."""

    poi_id: str
    name: str
    stock: Stock
    rows: Mapping[str, ChannelStock]


def lines(stocks: Iterable[Exported], codes: Sequence[str]) -> str:
    """A line for each stock."""
    return _line(_cells(each, codes) for each in stocks)


def _cells(each: Exported, codes: Sequence[str]) -> list[str]:
    stock = each.stock
    front = [guarded(each.poi_id), str(stock.key.object_type), str(stock.key.object_id), plain_text(each.name)]
    own = [column.write(stock) for column in STOCK_COLUMNS.values()]
    channels = [
        "" if (row := each.rows.get(code)) is None else column.write(row)
        for code in codes
        for column in CHANNEL_COLUMNS.values()
    ]
    return [*front, *own, *channels, str(stock.settings_version), "", "", ""]


def _line(rows: Iterable[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()
