"""Who depends on a stock, as the snapshot of the catalogue knows it, kept up to date change by change."""

import random
from typing import Any

import pytest

from eightysix.catalog.snapshot import Snapshot, SnapshotDraft
from eightysix.core.catalogue import Item
from eightysix.core.dependent import dependents_of
from eightysix.core.key import StockKey, sku_key, spu_key

BRAND = "fox"


def row(
    object_type: int, object_id: int, version: int, *, spu_id: int | None = None, parts: Any = (), **fields: Any
) -> dict[str, Any]:
    """An item as a database gives it."""
    return {
        "brand_id": BRAND, "object_type": object_type, "object_id": object_id, "spu_id": spu_id, "decimals": 1,
        "components": [list(part) for part in parts], "category": None, "tags": [], "catalog_version": version,
        "deleted": False,
    } | fields  # fmt: skip


def after(base: Snapshot, version: int, *rows: dict[str, Any], removed: int = 0) -> Snapshot:
    """The next snapshot. `removed`: everything is read, and some item was removed at that version."""
    draft = SnapshotDraft(base)
    if not base.version:
        draft.put("brand", {"brand_id": BRAND, "status": "open", "deleted": False, "catalog_version": 1})
    for each in rows:
        draft.put("item", each)
    return draft.finish(version, removed={BRAND: removed} if removed else {})


def dependents(snapshot: Snapshot, key: StockKey) -> set[int] | None:
    found = snapshot.dependents(BRAND, key)
    return None if found is None else {item.object_id for item in found.items}


def menu(*, removed: int = 0) -> Snapshot:
    """The SPU 30 has the SKUs 3 and 4; 8 is a combo of 3 (half) and 5 (two), 9 one of 5."""
    return after(
        Snapshot.empty(), 5, row(1, 30, 2), row(2, 3, 2, spu_id=30), row(2, 4, 2, spu_id=30), row(2, 5, 2),
        row(2, 8, 2, parts=((3, 500), (5, 2_000))), row(2, 9, 2, parts=((5, 1_000),)), removed=removed,
    )  # fmt: skip


def test_skus_depend_on_their_dish_and_combos_on_their_components_and_the_dishes_of_these() -> None:
    snapshot = menu()
    assert dependents(snapshot, spu_key(30)) == {3, 4, 8}
    assert dependents(snapshot, sku_key(5)) == {8, 9}
    assert dependents(snapshot, sku_key(3)) == {8}
    assert dependents(snapshot, sku_key(8)) is None
    assert dependents(snapshot, sku_key(99)) is None
    assert snapshot.dependents("bear", sku_key(5)) is None


def test_what_is_needed_is_just_enough_for_the_least_that_can_be_sold() -> None:
    snapshot = menu()
    found = {key: snapshot.dependents(BRAND, key) for key in (spu_key(30), sku_key(5), sku_key(3))}
    assert {key: those and those.needed for key, those in found.items()} == {
        spu_key(30): (50, 100),
        sku_key(5): (100, 200),
        sku_key(3): (50,),
    }


def test_a_change_of_the_menu_leaves_the_snapshot_before_as_it_was() -> None:
    before = menu()
    assert dependents(before, sku_key(5)) == {8, 9}
    moved = after(before, 6, row(2, 9, 6, parts=((3, 1_000),)), row(2, 4, 6))
    assert dependents(moved, sku_key(5)) == {8}
    assert dependents(moved, sku_key(3)) == {8, 9}
    assert dependents(moved, spu_key(30)) == {3, 8, 9}
    gone = after(moved, 7, row(2, 8, 7, deleted=True), row(2, 9, 7, deleted=True))
    assert [dependents(gone, key) for key in (sku_key(5), sku_key(3), spu_key(30))] == [None, None, {3}]
    assert dependents(before, sku_key(5)) == {8, 9}
    assert dependents(before, spu_key(30)) == {3, 4, 8}


def test_whatever_happens_to_the_menu_it_is_as_if_read_anew() -> None:
    drawn = random.Random(86)
    snapshot = after(Snapshot.empty(), 1, *(row(1, spu_id, 1) for spu_id in (30, 31)))
    for version in range(2, 200):
        rows = []
        for sku_id in drawn.sample(range(1, 9), drawn.choice([1, 2, 3])):
            spu_id, deleted = drawn.choice([None, 30, 31]), drawn.random() < 0.2
            parts = [(part, 1_000) for part in drawn.sample(range(1, 5), 2)] if sku_id > 4 else ()
            rows.append(row(2, sku_id, version, spu_id=spu_id, parts=parts, deleted=deleted and sku_id > 4))
        snapshot = after(snapshot, version, *rows)
        items: list[Item] = snapshot.items(BRAND)
        for key in [*map(sku_key, range(1, 9)), spu_key(30), spu_key(31)]:
            found, wanted = snapshot.dependents(BRAND, key), dependents_of(key, items, snapshot)
            if wanted is None:
                assert not (found and found.items)
            else:
                assert found is not None
                assert {item.key for item in found.items} == {item.key for item in wanted.items}
                assert found.needed == wanted.needed


def test_what_left_the_menu_and_what_is_sold_from_other_stocks_has_moved() -> None:
    snapshot = after(menu(), 6, row(2, 9, 6, deleted=True), row(2, 3, 6, spu_id=None), row(2, 4, 6, spu_id=30))
    assert snapshot.moved_items(BRAND, 5) == {sku_key(9), sku_key(3)}
    assert snapshot.timers_version == 6
    snapshot = after(snapshot, 7, row(2, 9, 7), row(2, 10, 7))  # it is back; another one is new, and in nobody's store
    assert snapshot.moved_items(BRAND, 6) == {sku_key(9)}
    assert snapshot.moved_items(BRAND, 7) == frozenset()
    assert snapshot.moved_items("bear", 0) == frozenset()


@pytest.mark.parametrize(("planned", "known"), [(3, False), (4, True), (5, True)])
def test_what_left_the_menu_before_everything_was_read_is_not_known(planned: int, known: bool) -> None:
    snapshot = menu(removed=4)
    assert (snapshot.moved_items(BRAND, planned) is not None) is known


def test_a_brand_that_closes_concerns_each_of_its_stores() -> None:
    draft = SnapshotDraft(menu())
    place = {"time_zone": "UTC", "business_day_start": "04:00", "guarantees_end": None, "status": "open"}
    draft.put("store", {"brand_id": BRAND, "poi_id": "1", "deleted": False, "catalog_version": 6, **place})
    snapshot = draft.finish(6)
    assert snapshot.timer_version(BRAND, "1") == 6
    draft = SnapshotDraft(snapshot)
    draft.put("brand", {"brand_id": BRAND, "status": "closed", "deleted": False, "catalog_version": 7})
    closed = draft.finish(7)
    assert (closed.timer_version(BRAND, "1"), closed.timers_version) == (7, 7)
    draft = SnapshotDraft(closed)
    draft.put("store", {"brand_id": BRAND, "poi_id": "1", "deleted": True, "catalog_version": 8, **place})
    gone = draft.finish(8)
    assert (gone.timer_version(BRAND, "1"), gone.timers_version) == (0, 8)
    assert Snapshot.empty().timers_version == 0
    assert SnapshotDraft(Snapshot.empty()).finish(8, {"store": {BRAND: 8}}).timers_version == 8
