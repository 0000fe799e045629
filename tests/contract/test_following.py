"""Where stores stand, and which of their stocks changed after a sequence value."""

from eightysix.core.change import Head
from eightysix.core.key import StockKey
from eightysix.storage.following import Changed

from .scene import DISH, SOUP, Scene, a_stock, changes

TEA = StockKey(1, 4711)
"""The number of the dish, of another type."""


async def test_heads_of_stores_wherever_they_lie(scene: Scene) -> None:
    stores = [scene.store() for _ in range(12)]
    for at, store in enumerate(stores[1:], 1):
        await scene.write({store: changes(head=Head(at + 10, at, at))})
    seen = await scene.database.following.heads(stores)
    assert {store: each.head for store, each in seen.items()} == {
        store: Head(at + 10, at, at) for at, store in enumerate(stores[1:], 1)
    }
    now, _ = await scene.database.reader.head(stores[0])
    assert all(abs(each.now - now) < 60_000 for each in seen.values())
    assert await scene.database.following.heads([]) == {}


async def test_more_stores_than_one_statement_takes(scene: Scene) -> None:
    there = scene.store()
    await scene.write({there: changes(head=Head(3, 2, 1))})
    nobody = [scene.store() for _ in range(1_100)]
    seen = await scene.database.following.heads([*nobody, there])
    assert {store: each.head for store, each in seen.items()} == {there: Head(3, 2, 1)}


async def test_what_changed_comes_by_version(scene: Scene) -> None:
    store, other = scene.stores(2)
    stocks = [a_stock(DISH, version=9), a_stock(SOUP, version=4), a_stock(TEA, version=7)]
    rows = changes(head=Head(11, 9, 5), stocks=[(None, stock) for stock in stocks])
    await scene.write({store: rows, other: rows})
    changed = scene.database.following.changed
    head = Head(11, 9, 5)
    assert await changed(store, 0, 10) == Changed(head, ((SOUP, 4), (TEA, 7), (DISH, 9)))
    assert await changed(store, 4, 1) == Changed(head, ((TEA, 7),))
    assert await changed(store, 7, 10) == Changed(head, ((DISH, 9),))
    assert await changed(store, 9, 10) == Changed(head, ())
    assert await changed(scene.store(), 0, 10) == Changed(Head(), ())
