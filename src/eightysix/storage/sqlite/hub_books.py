"""A hub's books outside of batches."""

import secrets

from eightysix.core.hub import HubBooks, Side
from eightysix.core.key import StoreKey
from eightysix.storage.hub_books import Entry, Waiting
from eightysix.storage.port import Rejected

from . import hub_rows
from .side_door import SideDoor


class SqliteHubBooksTable:
    """`storage.hub_books.HubBooksTable`."""

    def __init__(self, door: SideDoor) -> None:
        self._door = door

    async def start(self, store: StoreKey, hub_id: str) -> Side:
        """See the port."""
        await self._door.change(hub_rows.START_BOOKS, [(*store, hub_id, secrets.token_hex(16))])
        (row,) = await self._door.rows(hub_rows.BOOKS, *store)
        side = hub_rows.books(row).side
        if side.hub_id != hub_id:
            raise Rejected(f"these are the books of the hub {side.hub_id!r}, not of {hub_id!r}")
        return side

    async def books(self, store: StoreKey) -> HubBooks | None:
        """See the port."""
        found = await self._door.rows(hub_rows.BOOKS, *store)
        return hub_rows.books(found[0]) if found else None

    async def events(self, store: StoreKey, after_seq: int, limit: int) -> list[Entry]:
        """See the port."""
        found = await self._door.rows(hub_rows.EVENTS, *store, after_seq, limit)
        return [hub_rows.event(row) for row in found]

    async def waiting(self, store: StoreKey) -> Waiting:
        """See the port."""
        found = await self._door.rows(hub_rows.WAITING, *store)
        return Waiting(*found[0]) if found else Waiting(0, None)
