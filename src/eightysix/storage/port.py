"""The storage port: what the engine and the readers need of a database.

One batch is one transaction of one lane, always in this order::

    opened = await lane.begin(stores, batch_no)   # marks the batch, locks the head rows in key order, reads the clock
    orders = await lane.load_orders(...)          # what the batch's orders hold, and which locks are due
    stocks = await lane.load_stocks(...)          # the stocks that may be touched, with all their channel rows
    await lane.save(changes)                      # every write guarded; GuardFailed rolls nothing back by itself
    await lane.commit()                           # LostConnection here means: outcome unknown, ask `committed`

After any exception the engine calls `rollback`; after `LostConnection` it calls `reconnect` and `committed`.
The marker row is updated by `begin`'s first statement and its reply is awaited before anything else is sent, so
the row lock it holds makes `committed` wait for a transaction that a lost connection may have left behind.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from eightysix.core.change import (
    Alert,
    DueLock,
    Head,
    Incident,
    Journal,
    JournalKey,
    LogRow,
    OrderFact,
    OutboxRow,
    RequestRecord,
    StoreChanges,
    Timer,
)
from eightysix.core.hub import Hub, HubBooks
from eightysix.core.key import StockKey, StoreKey
from eightysix.core.reservation import Reservation
from eightysix.core.stock import ChannelStock, Stock

from .change_log import ChangeLog
from .device import Devices
from .following import Following
from .hub_books import Entry, HubBooksTable
from .incident import Incidents
from .lease import LeaseTable
from .message_parked import ParkedMessageTable
from .order_event import OrderEventTable
from .signals import Signals
from .webhook_attempt import WebhookAttempts
from .webhook_queue import WebhookQueue

if TYPE_CHECKING:
    from .outbox import Outbox

DAY_MS = 86_400_000

MARKER_DAYS = 7
"""Each start of a process makes marker rows of its own. Whoever opens a lane removes those in its marker bucket that
began no batch for so long: hundreds of times what `committed` may still ask about. A process that lives on after all
makes its row anew."""


DUE_MOST = 1_000
"""Due orders of one store that a batch is given, the oldest. After hours without service a store may have any number,
and a transaction that works on all of them for seconds would be ended by the database, again and again. A database
that ends no slow transactions may give all."""


MAX_SEQ = 2**63 - 1
"""No sequence value is above it."""


class StorageFault(Exception):
    """The database could not do it. `retryable` says whether the same batch may succeed if run again."""

    retryable = False


class Conflict(StorageFault):
    """Serialisation failure, deadlock or a lock wait that ran out; nothing was written."""

    retryable = True


class LockTimeout(Conflict):
    """A head row could not be had within the lock timeout (500 ms)."""


class GuardFailed(StorageFault):
    """A row was not as it was loaded. The batch must be rolled back and decided again."""

    retryable = True


class LostConnection(StorageFault):
    """The connection is gone. Before `commit` nothing was written; during `commit` the outcome is unknown."""

    retryable = True


class Unavailable(StorageFault):
    """No connection can be had now."""

    retryable = True


class Rejected(StorageFault):
    """The database refuses the statement itself (a CHECK, a type, a size): running it again won't help."""


class Capabilities(msgspec.Struct, frozen=True):
    """Real differences between databases, declared once; contract tests read them."""

    dialect: str
    several_processes: bool
    """Whether several processes may use one database at once."""
    skips_locked_rows: bool
    physical_shards: int = 1
    keeps_hub: bool = False
    """Whether a hub's books can be kept in it."""


class Opened(msgspec.Struct, frozen=True):
    """A begun batch: the database's clock after the locks were had (ms), and the head row of each store.

    With `skip_locked`, stores whose head row another transaction holds are missing from `heads`.
    """

    now: int
    heads: Mapping[StoreKey, Head]


class StoreOrders(msgspec.Struct, gc=False):
    """What was loaded of one store's orders."""

    reservations: list[Reservation]
    facts: list[OrderFact]
    requests: list[RequestRecord]
    due: list[DueLock]


class StoreStocks(msgspec.Struct, gc=False):
    """What was loaded of one store's stocks. A stock without a row is missing."""

    stocks: list[Stock]
    channels: list[ChannelStock]


class WholeStore(msgspec.Struct, gc=False):
    """All of one store's stocks, and its timer if it has one."""

    stocks: list[Stock]
    channels: list[ChannelStock]
    timer: Timer | None


class OrdersWanted(msgspec.Struct, gc=False):
    """What a batch wants to know of one store's orders."""

    order_ids: set[str]
    request_ids: set[str]


NO_BOOKS = "only a hub's own SQLite file keeps a hub's books"
"""Why the others refuse them."""


class Lane(Protocol):
    """One lane's own connection. Not safe for concurrent use. All stores of a call lie in one physical shard."""

    async def begin(self, stores: Sequence[StoreKey], batch_no: int, *, skip_locked: bool = False) -> Opened:
        """Begin a transaction, write `batch_no` into the marker row, lock the heads of `stores`, read the clock.

        The heads are locked in key order, in a statement of their own; missing ones are made. So is a missing marker
        row (a restored database), in a transaction of its own: others must see it before the batch commits.

        Raises LockTimeout when a head can't be had in 500 ms (never with `skip_locked`).
        """
        ...

    async def load_orders(
        self, wanted: Mapping[StoreKey, OrdersWanted], now: Mapping[StoreKey, int]
    ) -> dict[StoreKey, StoreOrders]:
        """All reservations and facts of the named orders, the named requests, and each store's due locks
        (`due_at <= now[store]`) together with all reservations and facts of those orders. Every store has an entry.
        Where DUE_MOST due locks or more are given, there may be others."""
        ...

    async def load_stocks(self, wanted: Mapping[StoreKey, set[StockKey]]) -> dict[StoreKey, StoreStocks]:
        """The rows of the named stocks and all channel rows of those stocks. Every store has an entry."""
        ...

    async def load_whole(self, stores: Sequence[StoreKey]) -> dict[StoreKey, WholeStore]:
        """Every stock and channel row of these stores, and their timers. Every store has an entry."""
        ...

    async def load_timers(self, stores: Sequence[StoreKey]) -> dict[StoreKey, Timer | None]:
        """The timers of these stores. Every store has an entry."""
        ...

    async def load_journals(self, wanted: Mapping[StoreKey, set[JournalKey]]) -> dict[StoreKey, list[Journal]]:
        """The rows of the named journals. Every store has an entry."""
        ...

    async def load_hubs(self, wanted: Mapping[StoreKey, set[str]]) -> dict[StoreKey, list[Hub]]:
        """The rows of the named hubs, in the cloud. Every store has an entry; a hub without a row is missing."""
        ...

    async def load_incidents(self, wanted: Mapping[StoreKey, set[int]]) -> dict[StoreKey, list[Incident]]:
        """The incidents of these seqs, open or resolved. Every store has an entry."""
        ...

    async def load_books(self, store: StoreKey, keys: Collection[StockKey] | None) -> HubBooks:
        """At a hub: its books, with the mirrors of these stocks, or all. Raises Rejected where none were begun, and on
        a database that doesn't keep any (see `Capabilities.keeps_hub`)."""
        ...

    async def load_taken_since(self, store: StoreKey, since: int) -> list[Reservation]:
        """Every LOCKED reservation, and every DEDUCTED or RETURNED one with `locked_at >= since`: what `locked` and
        `used` are counted anew from."""
        ...

    async def save(self, changes: Mapping[StoreKey, StoreChanges]) -> None:
        """Write every row, each guarded by what was loaded: stocks by version, reservations by revision, channel rows
        by (period_at, used), heads by seq, timers and hubs by revision, journals by last_seq, incidents that are
        resolved by being open, a hub's books by (last_seq, acked_seq), new rows by not being there.

        Raises GuardFailed or Rejected; a hub's books are Rejected by a database that doesn't keep any."""
        ...

    async def commit(self) -> None:
        """Make it durable. LostConnection: unknown, see `committed`."""
        ...

    async def rollback(self) -> None:
        """Forget the transaction; never raises for a connection that is gone."""
        ...

    async def reconnect(self) -> None:
        """Drop the connection and open a new one. Raises Unavailable."""
        ...

    async def committed(self, batch_no: int) -> bool:
        """On a new connection: whether `batch_no` was committed, by the marker row.

        Reads it under lock, so it waits for a transaction that may still hold it, and raises Conflict when that takes
        too long (20 s). Ends its own transaction.
        """
        ...

    async def close(self) -> None: ...


class StoreRows(msgspec.Struct, frozen=True):
    """One store's stocks as of one moment: enough to answer availability without a lock on anything."""

    now: int
    head: Head
    stocks: tuple[Stock, ...]
    channels: tuple[ChannelStock, ...]
    due: tuple[Reservation, ...]
    """LOCKED reservations past their time that no batch has released yet."""
    next_due_at: int | None
    """When the next live lock of the store dies, or None."""


class HubRows(NamedTuple):
    """The rows of a store's hubs, and how far their journals are."""

    hubs: tuple[Hub, ...]
    journals: tuple[Journal, ...]


class Planned(NamedTuple):
    """From which version of the catalogue a store's timer was planned, and what others were last told of the store."""

    version: int
    told: int


NOT_PLANNED = Planned(0, 0)
"""Of a store without a timer."""


class Reader(Protocol):
    """Reads outside of batches, on connections of their own. Each answer is one consistent snapshot."""

    async def head(self, store: StoreKey) -> tuple[int, Head]:
        """(the database's now, the head row); a store without a head row has Head()."""
        ...

    async def store_rows(self, store: StoreKey, keys: Sequence[StockKey] | None) -> StoreRows:
        """The store's stocks, all or the named ones."""
        ...

    async def order(self, store: StoreKey, order_id: str) -> tuple[int, list[Reservation], OrderFact | None]:
        """(the database's now, the order's reservations by line, whether it is closed)."""
        ...

    async def due_stores(self, buckets: Sequence[int], limit: int) -> list[StoreKey]:
        """Stores of these buckets (one physical shard) that have a lock due by the database's clock."""
        ...

    async def next_timers(self, buckets: Sequence[int], limit: int) -> tuple[int, list[tuple[int, StoreKey]]]:
        """(the database's now, the first timers by `due_at` with their stores); buckets of one physical shard."""
        ...

    async def planned_versions(self, buckets: Sequence[int]) -> dict[StoreKey, Planned]:
        """What each store with a head row was planned from; buckets of one physical shard."""
        ...

    async def hub_rows(self, store: StoreKey) -> HubRows:
        """What the cloud keeps of the store's hubs."""
        ...

    async def live_lines(self, store: StoreKey, after: str, limit: int) -> tuple[int, list[Reservation]]:
        """(the database's now, the live lines of orders whose home this is, by order and line); of orders with an id
        above `after`, the first `limit` of them."""
        ...

    async def alerts(self, store: StoreKey, before: tuple[int, str] | None, limit: int) -> list[Alert]:
        """The store's alerts by (seq, channel_code), the largest first, below `before`."""
        ...


class AuditStore(msgspec.Struct, frozen=True):
    """Everything about one store, for `eightysix check`."""

    store: StoreKey
    now: int
    head: Head
    stocks: tuple[Stock, ...]
    channels: tuple[ChannelStock, ...]
    reservations: tuple[Reservation, ...]
    facts: tuple[OrderFact, ...]
    logs: tuple[LogRow, ...]
    outbox: tuple[OutboxRow, ...]
    incidents: tuple[Incident, ...]
    due: tuple[DueLock, ...]
    alerts: tuple[Alert, ...]
    timer: Timer | None
    journals: tuple[Journal, ...] = ()
    hubs: tuple[Hub, ...] = ()
    books: HubBooks | None = None
    """At a hub: its books with all mirrors ..."""
    events: tuple[Entry, ...] = ()
    """... and its journal, as far as it is kept."""


class Database(Protocol):
    """A database in use by this process."""

    capabilities: Capabilities

    async def lane(self, lane_no: int, marker_bucket: int) -> Lane:
        """A lane's own connection, its marker row made if need be, those of the long gone removed.

        The row belongs to (this process, `lane_no`) and lives in `marker_bucket`, a bucket of the lane's shard.
        """
        ...

    @property
    def reader(self) -> Reader: ...

    @property
    def log(self) -> ChangeLog: ...

    @property
    def webhook_queue(self) -> WebhookQueue: ...

    @property
    def webhook_attempts(self) -> WebhookAttempts: ...

    @property
    def outbox(self) -> "Outbox": ...

    @property
    def leases(self) -> LeaseTable | None:
        """None where one process has the database for itself."""
        ...

    @property
    def signals(self) -> Signals | None:
        """None where there is nothing to tell other processes with, or no other process."""
        ...

    @property
    def following(self) -> Following: ...

    @property
    def incidents(self) -> Incidents: ...

    @property
    def devices(self) -> Devices: ...

    @property
    def order_events(self) -> OrderEventTable: ...

    @property
    def parked_messages(self) -> ParkedMessageTable: ...

    @property
    def hub_books(self) -> HubBooksTable | None:
        """None where the database doesn't keep a hub's books."""
        ...

    def audit(self, bucket: int | None = None) -> AsyncIterator[AuditStore]:
        """Every store that has a head row, or those of one bucket; bucket by bucket, each read in one snapshot."""
        ...

    async def ping(self) -> None:
        """Raises Unavailable when the database can't answer."""
        ...

    async def close(self) -> None: ...
