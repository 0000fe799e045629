"""One part of what a batch writes: a table, the columns sent, the guard; and its SQL.

An update or a delete counts what it found, and a count below what was sent means that somebody else was there; an
insert of a row that exists is a unique violation.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from eightysix.core.key import StoreKey

from .packing import Field, pack, row_source

Read = Callable[[Any], Any]


@dataclass(frozen=True, eq=False)
class Write:
    """One part. `fields` start with the store's three; the others are read from the rows by `reads[field]`.

    `keys` find a row of an update or a delete. `guards` are (column, field): the column must still have the value of
    the field, which is `reads[column]` of the row as it was loaded. `open_until`: a column that must still be NULL.
    """

    table: str
    fields: tuple[Field, ...]
    reads: Mapping[str, Read]
    keys: tuple[str, ...] = ()
    guards: tuple[tuple[str, str], ...] = ()
    open_until: str | None = None

    @property
    def counts(self) -> bool:
        """Whether its CTE answers a row for each row found."""
        return bool(self.keys)

    def sql(self, numbers: "count[int]") -> str:
        """The INSERT, UPDATE or DELETE, with its parameters numbered by `numbers`."""
        source = row_source(self.fields, numbers)
        if not self.keys:
            names = ", ".join(field.name for field in self.fields)
            return f"INSERT INTO {self.table} ({names}) SELECT {names} FROM {source} AS v"
        found = [f"t.{key} = v.{key}" for key in self.keys]
        found += [f"t.{column} = v.{field}" for column, field in self.guards]
        where = " AND ".join(found)
        if self.open_until is not None:
            where += f" AND t.{self.open_until} IS NULL"
        elif not self.guards:
            return f"DELETE FROM {self.table} AS t USING {source} AS v WHERE {where} RETURNING 1"
        fixed = {*self.keys, *(field for _, field in self.guards)}
        sets = ", ".join(f"{field.name} = v.{field.name}" for field in self.fields if field.name not in fixed)
        return f"UPDATE {self.table} AS t SET {sets} FROM {source} AS v WHERE {where} RETURNING 1"

    def arguments(self, stores: Sequence[StoreKey], before: Sequence[Any], after: Sequence[Any]) -> list[Any]:
        """The arguments for `sql`: `after[i]` is a row of `stores[i]`, and `before[i]` what was loaded, for guards."""
        guarded = {field: column for column, field in self.guards}
        columns: list[Sequence[Any]] = list(zip(*stores, strict=True)) or [(), (), ()]
        for field, _ in self.fields[3:]:
            column = guarded.get(field)
            if column is None:
                columns.append(list(map(self.reads[field], after)))
            else:
                columns.append(list(map(self.reads[column], before)))
        return pack(self.fields, columns)
