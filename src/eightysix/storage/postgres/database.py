"""A PostgreSQL database in use by this process (the port's `Database`)."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg

from eightysix.storage.change_log import ChangeLog
from eightysix.storage.port import AuditStore, Capabilities
from eightysix.storage.url import DatabaseUrl

from .audit import audit
from .change_log import PostgresLogTable
from .device import PostgresDevices
from .fault import CLIENT_ERRORS, connect_fault
from .following import PostgresFollowing
from .incident import PostgresIncidents
from .lane import PostgresLane
from .lease import PostgresLeaseTable
from .message_parked import PostgresParkedMessageTable
from .order_event import PostgresOrderEventTable
from .outbox import PostgresOutbox
from .reader import PostgresReader
from .session import arguments, check_fitness
from .signals import PostgresSignals
from .steady import Steady
from .webhook_attempt import PostgresWebhookAttempts
from .webhook_queue import PostgresWebhookQueue

_READERS = 4
"""Connections for reads outside of batches."""

_CLOSE_SECONDS = 5


class PostgresDatabase:
    """See `eightysix.storage.port.Database`. Each lane has a connection of its own, readers share a small pool."""

    capabilities = Capabilities(dialect="postgresql", several_processes=True, skips_locked_rows=True)

    def __init__(self, target: DatabaseUrl, owner: str, pool: asyncpg.Pool) -> None:
        self._target = target
        self._owner = owner
        self._pool = pool
        self._reader = PostgresReader(pool)
        self._log = ChangeLog(PostgresLogTable(self._reader.fetch))
        self._webhook_queue = PostgresWebhookQueue(self._reader.fetch)
        self._webhook_attempts = PostgresWebhookAttempts(self._reader.fetch)
        self._steady = [Steady(target, f"eightysix {owner} {room}") for room in ("relay", "outbox", "leases")]
        reading, removing, sharing = self._steady
        self._outbox = PostgresOutbox(self._reader.fetch, reading, removing)
        self._leases = PostgresLeaseTable(sharing)
        self._signals = PostgresSignals(target, owner, sharing)
        self._following = PostgresFollowing(self._reader.fetch)
        self._incidents = PostgresIncidents(self._reader.fetch)
        self._devices = PostgresDevices(self._reader.fetch)
        self._order_events = PostgresOrderEventTable(self._reader.fetch)
        self._parked_messages = PostgresParkedMessageTable(self._reader.fetch)

    @classmethod
    async def open(cls, target: DatabaseUrl, owner: str) -> "PostgresDatabase":
        """Connect the readers' pool and look whether the server is fit for use."""
        pool = asyncpg.create_pool(
            min_size=1,
            max_size=_READERS,
            init=check_fitness,
            reset=_leave_as_is,
            **arguments(target, f"eightysix {owner} reader"),
        )
        try:
            await pool
        except CLIENT_ERRORS as error:
            raise connect_fault(error) from error
        return cls(target, owner, pool)

    async def lane(self, lane_no: int, marker_bucket: int) -> PostgresLane:
        return await PostgresLane.open(self._target, self._owner, lane_no, marker_bucket)

    @property
    def reader(self) -> PostgresReader:
        return self._reader

    @property
    def log(self) -> ChangeLog:
        return self._log

    @property
    def webhook_queue(self) -> PostgresWebhookQueue:
        return self._webhook_queue

    @property
    def webhook_attempts(self) -> PostgresWebhookAttempts:
        return self._webhook_attempts

    @property
    def outbox(self) -> PostgresOutbox:
        return self._outbox

    @property
    def leases(self) -> PostgresLeaseTable:
        return self._leases

    @property
    def signals(self) -> PostgresSignals:
        return self._signals

    @property
    def following(self) -> PostgresFollowing:
        return self._following

    @property
    def incidents(self) -> PostgresIncidents:
        return self._incidents

    @property
    def devices(self) -> PostgresDevices:
        return self._devices

    @property
    def order_events(self) -> PostgresOrderEventTable:
        return self._order_events

    @property
    def parked_messages(self) -> PostgresParkedMessageTable:
        return self._parked_messages

    @property
    def hub_books(self) -> None:
        return

    def audit(self, bucket: int | None = None) -> AsyncIterator[AuditStore]:
        return audit(self._target, self._owner, bucket)

    async def ping(self) -> None:
        await self._reader.fetch("SELECT 1")

    async def close(self) -> None:
        await self._signals.close()
        for steady in self._steady:
            await steady.close()
        try:
            await asyncio.wait_for(self._pool.close(), _CLOSE_SECONDS)
        except (TimeoutError, *CLIENT_ERRORS):
            self._pool.terminate()


async def _leave_as_is(connection: asyncpg.Connection) -> None:
    """Readers run single statements and change no setting, so the pool's round trip to undo them can be spared."""
