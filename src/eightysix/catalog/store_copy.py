"""What a store's hub needs of the configuration: read out here in the cloud, and as rows again at the hub.

The version is that of the snapshot from before anything is read, so a copy may hold what is newer than its version,
never less: the next question then brings it again.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Table

from eightysix.core.outcome import Code
from eightysix.storage import schema
from eightysix.storage.catalog import Row
from eightysix.wire.problem import Rejection
from eightysix.wire.store_copy import (
    BrandCopy,
    ChannelCopy,
    ItemCopy,
    KeyCopy,
    RuleCopy,
    StoreCopy,
    StoreRowCopy,
)

from .catalog import Catalog

_T = TypeVar("_T", bound=msgspec.Struct)


async def copy_of(catalog: Catalog, brand_id: str, poi_id: str) -> StoreCopy:
    """The store's copy, with all that its brand has. 404 where the store is gone."""
    version, whole = catalog.current.copy_version(brand_id, poi_id), {"brand_id": brand_id}
    brands = await catalog.every_row(schema.brand, whole)
    stores = await catalog.every_row(schema.store, {**whole, "poi_id": poi_id})
    if not brands or not stores:
        raise Rejection(Code.STORE_NOT_FOUND, "poiId")
    keys = await catalog.every_row(schema.api_key, whole)
    return StoreCopy(
        version,
        _copy(BrandCopy, brands[0]),
        _copy(StoreRowCopy, stores[0]),
        _copies(ChannelCopy, await catalog.every_row(schema.channel, whole)),
        _copies(ItemCopy, await catalog.every_row(schema.item, whole)),
        _copies(RuleCopy, await catalog.every_row(schema.restore_rule, {**whole, "poi_id": [poi_id, None]})),
        _copies(KeyCopy, [key for key in keys if key["poi_ids"] is None or poi_id in key["poi_ids"]]),
    )


def rows_of(copy: StoreCopy) -> dict[Table, list[dict[str, Any]]]:
    """The rows that the copy was made of, table by table, in an order in which they can be written."""
    brand = {"brand_id": copy.brand.brand_id}
    revoked = {"revoked_at": None}
    return {
        schema.brand: [_row(copy.brand)],
        schema.store: [_row(copy.store, brand)],
        schema.channel: [_row(each, brand) for each in copy.channels],
        schema.item: [_row(each, brand) for each in copy.items],
        schema.restore_rule: [_row(each, brand) for each in copy.rules],
        schema.api_key: [_row(each, brand | revoked) for each in copy.keys],
    }


def _copies(kind: type[_T], rows: Sequence[Row]) -> list[_T]:
    return [_copy(kind, row) for row in rows]


def _copy(kind: type[_T], row: Row) -> _T:
    return kind(*(row[name] for name in kind.__struct_fields__))


def _row(copy: msgspec.Struct, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {**msgspec.structs.asdict(copy), **(more or {})}
