"""The hub's own configuration: its store's copy, taken over from the cloud as a whole.

What the cloud has no more is marked as deleted here, in the same transaction; what is as it was isn't touched, so that
the snapshot stays cheap. Nobody else writes these tables at a hub.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table

from eightysix.catalog.catalog import Catalog
from eightysix.catalog.store_copy import rows_of
from eightysix.storage.catalog import CatalogWrite
from eightysix.wire.store_copy import StoreCopy

_ACTOR = "cloud"


async def take_over(catalog: Catalog, copy: StoreCopy) -> None:
    """Make the configuration what the copy says. Raises StorageFault, and has changed nothing then."""
    async with catalog.changing(_ACTOR) as change:
        for table, rows in rows_of(copy).items():
            await _replace(change.write, table, rows)


async def _replace(write: CatalogWrite, table: Table, rows: list[dict[str, Any]]) -> None:
    names = [column.name for column in table.primary_key]
    before = {_key(row, names): row for row in await write.matching(table, {})}
    after = {_key(row, names): row for row in rows}
    for key in before.keys() - after.keys():
        await write.remove(table, dict(zip(names, key, strict=True)))
    await write.put(table, [row for key, row in after.items() if not _is_as_it_was(row, before.get(key))])


def _key(row: Mapping[Any, Any], names: list[str]) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


def _is_as_it_was(row: Mapping[str, Any], before: Mapping[Any, Any] | None) -> bool:
    return before is not None and all(before[name] == value for name, value in row.items())
