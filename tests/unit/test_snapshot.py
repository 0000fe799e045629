"""Categories and tags of items in memory: a SKU has its dish's where it has none, and each word is kept once."""

from typing import Any

import msgspec

from eightysix.catalog.snapshot import Snapshot, SnapshotDraft
from eightysix.core.catalogue import category_of, tags_of


def item(object_type: int, object_id: int, spu_id: int | None, category: str | None, tags: list[str]) -> dict[str, Any]:
    return {
        "brand_id": "fox", "object_type": object_type, "object_id": object_id, "spu_id": spu_id, "decimals": 1,
        "components": [], "category": category, "tags": tags, "catalog_version": 1, "deleted": False,
    }  # fmt: skip


def snapshot(*items: dict[str, Any]) -> Snapshot:
    draft = SnapshotDraft(Snapshot.empty())
    draft.put("brand", {"brand_id": "fox", "status": "open", "deleted": False, "catalog_version": 1})
    for each in items:
        # as a database gives them: every string an object of its own
        draft.put("item", msgspec.json.decode(msgspec.json.encode(each)))
    return draft.finish(1)


def test_a_sku_has_the_category_and_the_tags_of_its_dish_where_it_has_none() -> None:
    catalogue = snapshot(
        item(1, 30, None, "noodles", ["beef", "spicy"]),
        item(2, 1, 30, None, []),
        item(2, 2, 30, "soups", ["chicken"]),
        item(2, 3, None, None, []),
        item(2, 4, 31, None, []),  # of a dish that isn't there
    )
    skus = [each for sku_id in (1, 2, 3, 4) if (each := catalogue.item("fox", 2, sku_id)) is not None]
    assert [category_of(sku, catalogue) for sku in skus] == ["noodles", "soups", None, None]
    assert [tags_of(sku, catalogue) for sku in skus] == [("beef", "spicy"), ("chicken",), (), ()]


def test_each_word_is_kept_once() -> None:
    catalogue = snapshot(*(item(2, sku_id, None, "main dishes", ["contains nuts", "hot!"]) for sku_id in (1, 2)))
    one, other = catalogue.items("fox")
    assert one.category is other.category
    assert one.tags is other.tags
