"""How a column of values travels to PostgreSQL: as one text that the server splits, or as one value for all rows.

Owns the parameters and the SQL that reads them back as rows. asyncpg's own array encoding looks at every element in
Python's object model and cost more than the insert itself (docs/decisions/0003-postgres-batches.md); joining strings
is one C call. Each column has two parameters: the values, or nothing, and one value for the rows without their own.
The first column of every row set always comes in full: it says how many rows there are.
"""

from collections.abc import Sequence
from enum import Enum
from itertools import count
from typing import Any, NamedTuple

from eightysix.storage.port import Rejected

_SEPARATOR = "\x1f"
_NULL = "\x1e"


class Kind(Enum):
    """How a column is sent, and its type on the server."""

    SMALL = "smallint"
    BIG = "bigint"
    QUANTITY = "quantity"
    """Thousandths here, NUMERIC there."""
    FLAG = "boolean"
    IDENT = "text"
    """Printable by admission, so that control characters can part the values."""
    FREE = "free text"
    """Anything a person may write: sent as a real array."""
    BYTES = "bytea"

    @property
    def sql_type(self) -> str:
        return _SQL_TYPES.get(self, str(self.value))


_SQL_TYPES = {Kind.QUANTITY: "bigint", Kind.FREE: "text"}
_ARRAYS = frozenset({Kind.FREE, Kind.BYTES})
_TEXTS = frozenset({Kind.IDENT, Kind.FREE, Kind.BYTES})


class Field(NamedTuple):
    """One column of a row set."""

    name: str
    kind: Kind


STORE = (Field("product_shard_id", Kind.SMALL), Field("brand_id", Kind.IDENT), Field("poi_id", Kind.IDENT))
STOCK = (*STORE, Field("object_type", Kind.SMALL), Field("object_id", Kind.BIG))


def row_source(fields: Sequence[Field], numbers: "count[int]") -> str:
    """A sub-select `(…)` that yields the packed rows; its parameters are numbered by `numbers`, two for each field."""
    spread, named = [], []
    for field in fields:
        values, shared = next(numbers), next(numbers)
        spread.append(f"unnest({_array(field.kind, values)}) AS {field.name}")
        named.append(_value(field, shared))
    return f"(SELECT {', '.join(named)} FROM (SELECT {', '.join(spread)}) AS packed)"


def pack(fields: Sequence[Field], columns: Sequence[Sequence[Any]]) -> list[Any]:
    """The arguments for `row_source(fields)`. Raises Rejected for an identifier that can't be one."""
    arguments: list[Any] = [_joined(fields[0].kind, columns[0]), None]
    for (_, kind), column in zip(fields[1:], columns[1:], strict=True):
        if not column:
            arguments += (_EMPTY[kind], None)
            continue
        first = column[0]
        if first == column[-1] and column.count(first) == len(column):
            arguments += (_EMPTY[kind], first)
        else:
            arguments += (_joined(kind, column), None)
    return arguments


_EMPTY: dict[Kind, Any] = {kind: [] if kind in _ARRAYS else "" if kind is Kind.IDENT else "{}" for kind in Kind}


def _array(kind: Kind, number: int) -> str:
    if kind is Kind.IDENT:
        return f"string_to_array(${number}::text, E'\\x1f', E'\\x1e')"
    if kind in _ARRAYS:
        return f"${number}::{kind.sql_type}[]"
    return f"${number}::text::{kind.sql_type}[]"


def _value(field: Field, shared: int) -> str:
    value = f"coalesce({field.name}, ${shared}::{field.kind.sql_type})"
    if field.kind is Kind.QUANTITY:
        value += " * 0.001"
    return f"{value} AS {field.name}"


def _joined(kind: Kind, column: Sequence[Any]) -> Any:
    if kind in _ARRAYS:
        return column
    if kind is Kind.IDENT:
        return _joined_idents(column)
    if kind is Kind.SMALL:  # enum members too, whose str() is no number
        return "{" + ",".join(map(int.__repr__, column)) + "}"
    text = str(list(column))
    if None in column:
        text = text.replace("None", "NULL")
    return "{" + text[1:-1] + "}"


def _joined_idents(column: Sequence[str | None]) -> str:
    holes = column.count(None)
    text = _SEPARATOR.join([_NULL if value is None else value for value in column] if holes else column)  # type: ignore[arg-type] # no None is left
    if text.count(_SEPARATOR) != len(column) - 1 or text.count(_NULL) != holes:
        raise Rejected("an identifier holds a control character")
    return text
