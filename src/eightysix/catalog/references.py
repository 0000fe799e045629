"""What must exist, and must not be used any more, for a write to make sense. Asked inside the write's transaction."""

from collections.abc import Sequence
from typing import Any

from eightysix.core.catalogue import EVERYDAY_CHANNELS
from eightysix.core.outcome import Code
from eightysix.storage import schema
from eightysix.storage.catalog import CatalogWrite, Row
from eightysix.wire.problem import Problem, Rejection

from . import keys
from .journal import Change
from .kinds import BRAND, CHANNEL, ITEM, STORE, Kind
from .restore_rules import RULE, refuse_too_fine
from .snapshot import Snapshot
from .webhook import WEBHOOK


async def require(kind: Kind, rows: Sequence[Row], write: CatalogWrite, snapshot: Snapshot) -> None:
    """Everything that these new rows point at is there."""
    if kind is BRAND:
        return
    brand_ids = {(row["brand_id"],) for row in rows}
    there = {row["brand_id"] for row in await write.rows(schema.brand, list(brand_ids))}
    for at, row in enumerate(rows):
        if row["brand_id"] not in there:
            raise Rejection(Code.BRAND_NOT_FOUND, "brandId").inside(f"items[{at}]")
    if kind is ITEM:
        await _require_parts(rows, write)
        _refuse_nested(rows, snapshot)
    if kind is RULE:
        await _require_subjects(rows, write)


async def _require_subjects(rows: Sequence[Row], write: CatalogWrite) -> None:
    """The store and the item that a rule names exist, and its quantities fit the item."""
    stores = {(row["brand_id"], row["poi_id"]) for row in rows if row["poi_id"] is not None}
    known_stores = {STORE.key_of(row) for row in await write.rows(schema.store, list(stores))}
    items = {_subject(row) for row in rows if row["object_id"] is not None}
    known_items = {ITEM.key_of(row): row for row in await write.rows(schema.item, list(items))}
    for at, row in enumerate(rows):
        where = f"items[{at}]"
        if row["poi_id"] is not None and (row["brand_id"], row["poi_id"]) not in known_stores:
            raise Rejection(Code.STORE_NOT_FOUND, "poiId").inside(where)
        if row["object_id"] is not None:
            item = known_items.get(_subject(row))
            if item is None:
                raise Rejection(Code.ITEM_NOT_FOUND, "object_id").inside(where)
            refuse_too_fine(row, item, where)


def _subject(row: Row) -> tuple[Any, ...]:
    return row["brand_id"], row["object_type"], row["object_id"]


async def _require_parts(rows: Sequence[Row], write: CatalogWrite) -> None:
    """An SPU of a SKU exists; a component is a SKU and no combo itself: one level deep."""
    wanted = {key for row in rows for _, key in _parts(row)}
    known = {ITEM.key_of(row): row for row in await write.rows(schema.item, list(wanted))}
    known |= {ITEM.key_of(row): row for row in rows}
    for at, row in enumerate(rows):
        for field, key in _parts(row):
            part = known.get(key)
            if part is None:
                raise Rejection(Code.ITEM_NOT_FOUND, field).inside(f"items[{at}]")
            if key[1] == 2 and (part["components"] or key == ITEM.key_of(row)):
                raise Rejection(Problem.VALUE_INVALID, field, why="a component can't be a combo").inside(f"items[{at}]")


def _refuse_nested(rows: Sequence[Row], snapshot: Snapshot) -> None:
    """No component becomes a combo. Looked up in memory: the combos of a component are found by a look at all items."""
    combos = {brand_id: _combos(brand_id, snapshot) for brand_id in {row["brand_id"] for row in rows}}
    for at, row in enumerate(rows):
        if row["components"] and row["object_id"] in combos[row["brand_id"]]:
            why = "a component can't be a combo"
            raise Rejection(Problem.VALUE_INVALID, "components", why=why).inside(f"items[{at}]")


def _parts(row: Row) -> list[tuple[str, tuple[Any, ...]]]:
    brand_id = row["brand_id"]
    parts: list[tuple[str, tuple[Any, ...]]] = [
        (f"components[{at}].object_id", (brand_id, 2, sku_id)) for at, (sku_id, _) in enumerate(row["components"])
    ]
    if row["spu_id"] is not None:
        parts.append(("spu_id", (brand_id, 1, row["spu_id"])))
    return parts


async def release(kind: Kind, row: Row, change: Change, snapshot: Snapshot) -> None:
    """Nothing needs the row that is about to go; what belongs to it alone goes with it."""
    brand_id, write = row["brand_id"], change.write
    if kind is BRAND:
        stores = await write.matching(schema.store, {"brand_id": brand_id}, 1)
        if stores:
            raise Rejection(Problem.STILL_IN_USE, "brandId", what=stores[0]["poi_id"])
        for each in (CHANNEL, ITEM, RULE, WEBHOOK):
            await _remove_all(each, {"brand_id": brand_id}, change)
        await keys.revoke({"brand_id": brand_id}, change)
    elif kind is STORE:
        await _release_hub(row, change)
        await _remove_all(RULE, {"brand_id": brand_id, "poi_id": row["poi_id"]}, change)
    elif kind is ITEM:
        await _release_item(row, change, snapshot)


async def _release_hub(row: Row, change: Change) -> None:
    """A store that has a hub isn't deleted: what that holds would be nobody's. What was known of one before goes."""
    named = {"brand_id": row["brand_id"], "poi_id": row["poi_id"]}
    for hub in await change.write.matching(schema.hub, named):
        if hub["status"] == "active":
            raise Rejection(Problem.STILL_IN_USE, "poiId", what=hub["hub_id"])
    await change.write.remove(schema.hub, named)


async def _remove_all(kind: Kind, match: dict[str, Any], change: Change) -> None:
    for row in await change.write.matching(kind.table, match):
        change.removed(kind, row)
    await change.write.remove(kind.table, match)


async def _release_item(row: Row, change: Change, snapshot: Snapshot) -> None:
    brand_id, write = row["brand_id"], change.write
    if row["object_type"] == 1:
        skus = await write.matching(schema.item, {"brand_id": brand_id, "spu_id": row["object_id"]}, 1)
        if skus:
            raise Rejection(Problem.STILL_IN_USE, "object_id", what=skus[0]["object_id"])
    else:
        combo = _combos(brand_id, snapshot).get(row["object_id"])
        if combo is not None:
            raise Rejection(Problem.STILL_IN_USE, "object_id", what=combo)
    named = {"brand_id": brand_id, "object_type": row["object_type"], "object_id": row["object_id"]}
    await _remove_all(RULE, named, change)


def _combos(brand_id: str, snapshot: Snapshot) -> dict[int, int]:
    """A combo of each SKU that is a component."""
    return {part.sku_id: item.object_id for item in snapshot.items(brand_id) for part in item.components}


def everyday_channels(brand_id: str) -> list[dict[str, Any]]:
    """The channels that a new brand starts with: own, 900 s, never oversold."""
    return [
        {
            "brand_id": brand_id,
            "channel_code": code,
            "name": code,
            "place": "online" if code == "ONLINE_ORDER" else "in_store",
            "party": "own",
            "expires_in": 900,
            "oversell": "deny",
        }
        for code in EVERYDAY_CHANNELS
    ]
