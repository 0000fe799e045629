"""How a hub is: what its status page shows, as values. Its key is no part of it."""

from collections import deque
from collections.abc import Callable
from time import time

import msgspec

from eightysix.breathing import breathing
from eightysix.catalog.catalog import Catalog
from eightysix.core.hub import HubBooks, Side, held
from eightysix.core.instant import to_iso
from eightysix.core.key import StoreKey
from eightysix.core.quantity import as_number
from eightysix.storage.hub_books import HubBooksTable, Waiting
from eightysix.storage.port import Reader
from eightysix.wire.stock import Number

from .call import Call
from .cloud_orders import CloudOrders
from .driver import Driver
from .file_health import FileHealth
from .skew import Skew

_ERRORS_MOST = 10
_BREATH = 200
"""Stocks shown before others get a turn on the event loop."""


class JournalShown(msgspec.Struct, frozen=True):
    """The journal: its last event, the last that the cloud has stored, how many it hasn't and how old the oldest is."""

    journal_id: str
    last_seq: int
    acked_seq: int
    waiting: int
    oldest_at: str | None
    oldest_age_seconds: float | None


class GrantShown(msgspec.Struct, frozen=True):
    """A limited stock: what the hub holds, what of that is free, and what it knows the cloud to have; in portions."""

    object_type: int
    object_id: int
    held: Number
    free: Number
    cloud: Number


class ErrorShown(msgspec.Struct, frozen=True):
    """What went wrong between hub and cloud."""

    at: str
    call: str
    why: str


class FileShown(msgspec.Struct, frozen=True):
    """The database's file; `why` null: it takes what is written."""

    path: str
    why: str | None
    since: str | None


class HubStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`since`: since when it is online, or isn't. `troubles` need a person: what is refused, by what the hub does.
    `clock_ahead_ms`: how far this clock is ahead of the cloud's, null before it was heard."""

    brand_id: str = msgspec.field(name="brandId")
    poi_id: str = msgspec.field(name="poiId")
    hub_id: str
    cloud: str
    online: bool
    since: str | None
    settled_in: bool
    cursor: str | None
    journal: JournalShown
    open_requests: int
    grants: list[GrantShown]
    cloud_orders: int
    clock_ahead_ms: int | None
    clock_is_off: bool
    troubles: dict[str, str]
    errors: list[ErrorShown]
    file: FileShown


class Errors:
    """The last things that went wrong on the line, newest first."""

    def __init__(self) -> None:
        self._last: deque[ErrorShown] = deque(maxlen=_ERRORS_MOST)

    def note(self, call: Call, why: str) -> None:
        """What came of a call."""
        self._last.appendleft(ErrorShown(_iso(time()), type(call).__name__, why))

    @property
    def last(self) -> list[ErrorShown]:
        return list(self._last)


class StatusDesk:
    """Puts the status together."""

    def __init__(
        self,
        store: StoreKey,
        side: Side,
        cloud: str,
        driver: Driver,
        *,
        books: HubBooksTable,
        reader: Reader,
        catalog: Catalog,
        orders: CloudOrders,
        skew: Skew,
        errors: Errors,
        file: FileHealth,
        clock: Callable[[], float] = time,
    ) -> None:
        self._store = store
        self._side = side
        self._cloud = cloud
        self._driver = driver
        self._books = books
        self._reader = reader
        self._catalog = catalog
        self._orders = orders
        self._skew = skew
        self._errors = errors
        self._file = file
        self._clock = clock

    async def now(self) -> HubStatus:
        """The status. Raises StorageFault where not even reading is possible."""
        driver, agent, file = self._driver, self._driver.agent, self._file
        books = await self._books.books(self._store) or HubBooks(self._side)
        since = driver.online_since if driver.is_online else driver.offline_since
        return HubStatus(
            brand_id=self._store.brand_id,
            poi_id=self._store.poi_id,
            hub_id=self._side.hub_id,
            cloud=self._cloud,
            online=driver.is_online,
            since=None if since is None else _iso(since),
            settled_in=driver.settled_in.is_set(),
            cursor=agent.cursor,
            journal=self._journal(books, await self._books.waiting(self._store)),
            open_requests=len(books.requests),
            grants=await self._grants(),
            cloud_orders=len(self._orders),
            clock_ahead_ms=self._skew.ms,
            clock_is_off=self._skew.is_far,
            troubles={duty.value: trouble.value for duty, trouble in agent.troubles.items()},
            errors=self._errors.last,
            file=FileShown(str(file.path), file.why, None if file.since is None else _iso(file.since)),
        )

    def _journal(self, books: HubBooks, waiting: Waiting) -> JournalShown:
        oldest = waiting.oldest_at
        age = None if oldest is None else round(max(0.0, self._clock() - oldest / 1000), 1)
        return JournalShown(
            books.side.journal_id,
            books.last_seq,
            books.acked_seq,
            waiting.events,
            None if oldest is None else to_iso(oldest),
            age,
        )

    async def _grants(self) -> list[GrantShown]:
        rows = await self._reader.store_rows(self._store, None)
        known = self._catalog.current
        return [
            GrantShown(
                *stock.key, as_number(held(stock)), as_number(max(0, stock.left)), as_number(max(0, stock.grant))
            )
            async for stock in breathing(rows.stocks, _BREATH)
            if stock.is_limited and known.item(self._store.brand_id, *stock.key) is not None
        ]


def _iso(seconds: float) -> str:
    return to_iso(int(seconds * 1000))
