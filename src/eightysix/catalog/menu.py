"""A menu as CSV: one SKU a row, all of the file or nothing of it.

Columns (others, such as a price, are ignored): `sku_id`, `name_en` and/or `name_zh` are needed; `spu_id`, `category`,
`tags` (separated by `;` or `|`) and `decimals` may be there. A row with a `spu_id` and no `sku_id` is a dish (SPU)
itself; a dish that no row describes is made from the first of its SKUs. A combo that is replaced keeps its components.
The file is UTF-8, with or without a byte order mark.
"""

import csv
import io
import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

from eightysix.breathing import breathing
from eightysix.storage import schema
from eightysix.wire.administration import Imported, ImportedRow, ItemBody, ItemName
from eightysix.wire.answer import ErrorAnswer, RowProblem
from eightysix.wire.language import Language
from eightysix.wire.messages import sentence
from eightysix.wire.problem import Problem, Rejection

from .catalog import Catalog
from .kinds import ITEM

MAX_ROWS = 5_000
"""Rows of a file: one transaction, which on SQLite keeps orders waiting."""

_BREATH = 250
"""Rows checked before others get a turn on the event loop."""

_NEEDED = "sku_id"
_ALL = ("sku_id", "spu_id", "name_en", "name_zh", "category", "tags", "decimals")
_SEPARATOR = re.compile(r"[;|；]")


class WrongRows(Rejection):
    """Some rows can't be imported; nothing was."""

    def __init__(self, problems: list[tuple[int, Rejection]]) -> None:
        super().__init__(Problem.CSV_INVALID, count=len(problems))
        self.problems = problems

    def answer(self, language: Language) -> ErrorAnswer:
        """Every wrong row with its reason."""
        return ErrorAnswer(
            self.code.value,
            sentence(self.code, language, None, **self.values),
            retryable=False,
            rows=[
                RowProblem(row, one.code.value, sentence(one.code, language, one.field, **one.values), one.field)
                for row, one in self.problems[:MAX_PROBLEMS]
            ],
        )


MAX_PROBLEMS = 100
"""Wrong rows that are told in one answer."""


async def import_menu(catalog: Catalog, brand_id: str, body: bytes, actor: str, *, dry_run: bool) -> Imported:
    """Make or replace the brand's items from a CSV file. Raises `WrongRows`, or `Rejection` for the file as a whole."""
    async with catalog.imports.one():
        lines, dishes = await _items(brand_id, _lines(body))
        return await _import(catalog, lines, dishes, actor, dry_run=dry_run)


async def _import(catalog: Catalog, lines: "_Numbered", dishes: "_Numbered", actor: str, *, dry_run: bool) -> Imported:
    try:
        async with catalog.changing(actor) as change:
            there = {ITEM.key_of(row): row for row in await change.write.rows(schema.item, [*lines, *dishes])}
            wanted = {key: each for key, each in dishes.items() if key not in there} | lines
            for key, (_, row) in wanted.items():
                row["components"] = there[key]["components"] if key in there else []
            rows = [row for _, row in wanted.values()]
            await catalog.write_rows(ITEM, rows, change, replace=True, action="import")
            _end_if(dry_run=dry_run)
    except _TriedOut:
        pass  # rolled back, and every check was made
    results = [
        ImportedRow(line, key[1], key[2], "replaced" if key in there else "created")
        for key, (line, _) in wanted.items()
    ]
    replaced = sum(result.result == "replaced" for result in results)
    return Imported(len(results), len(results) - replaced, replaced, dry_run, results)


def _end_if(*, dry_run: bool) -> None:
    if dry_run:
        raise _TriedOut


class _TriedOut(Exception):
    """A dry run has come to its end."""


def _lines(body: bytes) -> list[tuple[int, Mapping[str, str]]]:
    """The file's rows by column, numbered as an editor numbers them."""
    try:
        reader = csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        header = [(name or "").strip().lower() for name in reader.fieldnames or ()]
        reader.fieldnames = header
        lines = [(reader.line_num, row) for row in islice(reader, MAX_ROWS + 1)]
    except UnicodeDecodeError:
        raise Rejection(Problem.VALUE_INVALID, "body", why="not UTF-8") from None
    except csv.Error:
        raise Rejection(Problem.VALUE_INVALID, "body", why="not CSV") from None
    if _NEEDED not in header or not {"name_en", "name_zh"} & set(header):
        raise Rejection(Problem.MISSING_FIELD, "sku_id" if _NEEDED not in header else "name_en")
    if not lines:
        raise Rejection(Problem.EMPTY, "rows")
    if len(lines) > MAX_ROWS:
        raise Rejection(Problem.TOO_MANY, "rows", most=MAX_ROWS)
    return [(line, {name: (row.get(name) or "").strip() for name in _ALL}) for line, row in lines]


_Numbered = dict[tuple[Any, ...], tuple[int, dict[str, Any]]]
"""Rows of the item table by key, each with its line in the file."""


async def _items(brand_id: str, lines: list[tuple[int, Mapping[str, str]]]) -> tuple[_Numbered, _Numbered]:
    """A checked row for each line, and one for each dish that only its SKUs name."""
    items: _Numbered = {}
    dishes: _Numbered = {}
    problems: list[tuple[int, Rejection]] = []
    async for line, fields in breathing(lines, _BREATH):
        try:
            row = _new_row(_body(brand_id, fields), items)
        except Rejection as rejection:
            rejection.field = _COLUMNS.get(rejection.field or "", rejection.field)
            problems.append((line, rejection))
            continue
        items[ITEM.key_of(row)] = line, row
        if row["spu_id"] is not None:
            dish = {**row, "object_type": 1, "object_id": row["spu_id"], "spu_id": None, "components": []}
            dishes.setdefault(ITEM.key_of(dish), (line, dish))
    if problems:
        raise WrongRows(problems)
    return items, {key: dish for key, dish in dishes.items() if key not in items}


def _new_row(body: ItemBody, items: _Numbered) -> dict[str, Any]:
    row = ITEM.read(body)
    if ITEM.key_of(row) in items:
        raise Rejection(Problem.VALUE_INVALID, "sku_id", why="named twice")
    return row


_COLUMNS = {"name.en": "name_en", "name.zh": "name_zh", "object_id": "sku_id"}


def _body(brand_id: str, fields: Mapping[str, str]) -> ItemBody:
    is_dish = not fields["sku_id"] and bool(fields["spu_id"])
    english, chinese = fields["name_en"], fields["name_zh"]
    return ItemBody(
        brand_id,
        1 if is_dish else 2,
        fields["spu_id"] if is_dish else fields["sku_id"],
        ItemName(english or chinese, chinese or english),
        None if is_dish else fields["spu_id"] or None,
        fields["category"] or None,
        [tag.strip() for tag in _SEPARATOR.split(fields["tags"]) if tag.strip()],
        fields["decimals"] or 1,
    )
