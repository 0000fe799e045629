"""What those who follow stores ask. On the connection of the other readers: each is one short statement."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from eightysix.core.change import Head
from eightysix.core.key import StockKey, StoreKey
from eightysix.storage.following import Changed, SeenHead

from . import rows, statements

One = Callable[..., Awaitable[tuple[Any, ...]]]
"""Runs a statement that has one row."""


class SqliteFollowing:
    """`storage.following.Following`."""

    def __init__(self, one: One) -> None:
        self._one = one

    async def heads(self, stores: Sequence[StoreKey]) -> dict[StoreKey, SeenHead]:
        """See the port."""
        now, found = await self._one(statements.READ_HEADS, rows.encode(stores).decode())
        return {StoreKey(*row[:3]): SeenHead(now, rows.head(row[3:])) for row in rows.decode(found)}

    async def changed(self, store: StoreKey, since: int, limit: int) -> Changed:
        """See the port."""
        found, stocks = await self._one(statements.CHANGED, *store, since, limit)
        head = next((rows.head(row) for row in rows.decode(found)), Head())
        return Changed(head, tuple((StockKey(row[0], row[1]), row[2]) for row in rows.decode(stocks)))
