"""The store's copy becomes the hub's configuration, as a whole: what is gone in the cloud is gone here too."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from eightysix.catalog.catalog import Catalog
from eightysix.hub.store_copy import take_over
from eightysix.storage import catalog as catalog_rows
from eightysix.storage.migrate import migrate
from eightysix.wire.store_copy import (
    BrandCopy,
    ChannelCopy,
    ItemCopy,
    KeyCopy,
    RuleCopy,
    StoreCopy,
    StoreRowCopy,
)

MORNINGS: list[dict[str, Any]] = [{"days": [1, 2], "minute": 360, "quantity": 5_000}]


def dish(number: int) -> ItemCopy:
    return ItemCopy(2, number, None, f"dish {number}", f"菜 {number}", None, [], 0, [])


def channel(code: str, place: str) -> ChannelCopy:
    return ChannelCopy(code, code, place, "own", 900, "never")


def key(name: str) -> KeyCopy:
    return KeyCopy(name, f"hash of {name}", name, "store", ["soho"], None, 1, None, None, None, None)


COPY = StoreCopy(
    7,
    BrandCopy("wok", "Wok", "open"),
    StoreRowCopy("soho", "Soho", "UTC", "04:00", None, "open"),
    [
        ChannelCopy("POS", "POS", "in_store", "own", 900, "never"),
        ChannelCopy("WEB", "Web", "online", "own", 900, "never"),
    ],
    [dish(1), dish(2)],
    [],
    [key("till"), key("screen")],
)


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[Catalog]:
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    await migrate(url)
    catalog = Catalog(catalog_rows.connect(url), at_hub=True)
    await catalog.start()
    yield catalog
    await catalog.stop()


async def test_all_of_it_is_there_and_the_hub_knows_where_it_is(catalog: Catalog) -> None:
    await take_over(catalog, COPY)
    now = catalog.current
    assert now.at_hub
    assert now.stores("wok") == ["soho"]
    assert sorted(now.channels("wok")) == ["POS", "WEB"]
    assert {item.object_id for item in now.items("wok")} == {1, 2}
    assert {grant.key_id for grant in now.keys.values()} == {"till", "screen"}


async def test_what_is_gone_is_gone(catalog: Catalog) -> None:
    """A key that was revoked opens nothing, a dish that was taken off the menu can't be ordered."""
    await take_over(catalog, COPY)
    less = replace(COPY, version=8, items=[dish(2)], keys=[key("till")], channels=COPY.channels[:1])
    await take_over(catalog, less)
    now = catalog.current
    assert {item.object_id for item in now.items("wok")} == {2}
    assert {grant.key_id for grant in now.keys.values()} == {"till"}
    assert list(now.channels("wok")) == ["POS"]
    await take_over(catalog, COPY)
    assert {item.object_id for item in catalog.current.items("wok")} == {1, 2}


async def test_what_is_as_it_was_stays_untouched(catalog: Catalog) -> None:
    """Or every look at the cloud would read the whole menu anew."""
    await take_over(catalog, COPY)
    before = catalog.current.channels("wok")["POS"]
    closed = replace(COPY, version=9, store=replace(COPY.store, status="closed"))
    await take_over(catalog, closed)
    store = catalog.current.store("wok", "soho")
    assert store is not None
    assert not store.open
    assert catalog.current.channels("wok")["POS"] is before


async def test_rules_of_the_store(catalog: Catalog) -> None:
    rule = RuleCopy("r1", "soho", 2, 1, None, MORNINGS, 1, 5)
    await take_over(catalog, replace(COPY, rules=[rule]))
    assert catalog.current.rules("wok")
    await take_over(catalog, COPY)
    assert not catalog.current.rules("wok")
