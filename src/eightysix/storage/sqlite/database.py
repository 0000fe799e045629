"""An SQLite file in use by this process."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from eightysix.storage.change_log import ChangeLog
from eightysix.storage.message_parked import ParkedMessageTable
from eightysix.storage.order_event import OrderEventTable
from eightysix.storage.outbox import Outbox
from eightysix.storage.port import AuditStore, Capabilities, Lane, Reader, StorageFault, Unavailable
from eightysix.storage.url import parse

from .audit import audit
from .change_log import SqliteLogTable
from .device import SqliteDevices
from .following import SqliteFollowing
from .hub_books import SqliteHubBooksTable
from .incident import SqliteIncidents
from .lane import SqliteLane
from .lockfile import LockFile
from .message_parked import SqliteParkedMessageTable
from .on_demand import OnDemand
from .order_event import SqliteOrderEventTable
from .outbox import SqliteOutbox
from .reader import SqliteReader
from .side_door import SideDoor
from .webhook_attempt import SqliteWebhookAttempts
from .webhook_queue import SqliteWebhookQueue


async def connect(url: str, owner: str) -> "SqliteDatabase":
    """Take the file for this process, and make it if it isn't there. Raises DatabaseInUse or Unavailable."""
    path = parse(url).path
    lock = LockFile(path)
    try:
        await asyncio.to_thread(lock.take)
    except OSError as error:
        raise Unavailable(f"can't make the lock file {lock.path}: {error.strerror}") from error
    reader = SqliteReader(path)
    try:
        await _prepare(path)
        await reader.open()
    except BaseException:
        await reader.close()
        lock.release()
        raise
    return SqliteDatabase(path, owner, lock, reader)


async def _prepare(path: Path) -> None:
    """WAL is a property of the file: set once here, so that a reader may come before the first lane."""
    lane = SqliteLane(path, (0, "", 0), lambda _: None)
    try:
        await lane.reconnect()
    finally:
        await lane.close()


class SqliteDatabase:
    """`storage.port.Database`, the only one on its file until it is closed."""

    capabilities = Capabilities(dialect="sqlite", several_processes=False, skips_locked_rows=False, keeps_hub=True)

    def __init__(self, path: Path, owner: str, lock: LockFile, reader: SqliteReader) -> None:
        self._path = path
        self._owner = owner
        self._lock = lock
        self._reader = reader
        self._log_table = SqliteLogTable(path)
        self._log = ChangeLog(self._log_table)
        self._following = SqliteFollowing(reader.one)
        self._incidents = SqliteIncidents(reader.one)
        self._door = SideDoor(path)
        self._order_events = SqliteOrderEventTable(self._door)
        self._parked_messages = SqliteParkedMessageTable(self._door)
        self._hub_books = SqliteHubBooksTable(self._door)
        self._lanes: set[SqliteLane] = set()
        self._webhooks = OnDemand(path, self._lanes)
        self._webhook_queue = SqliteWebhookQueue(self._webhooks)
        self._webhook_attempts = SqliteWebhookAttempts(self._webhooks)
        self._outbox = SqliteOutbox(path, self._lanes)
        self._devices = SqliteDevices(path, self._lanes)

    async def lane(self, lane_no: int, marker_bucket: int) -> Lane:
        """See the port."""
        lane = SqliteLane(self._path, (marker_bucket, self._owner, lane_no), self._lanes.discard)
        self._lanes.add(lane)
        try:
            await lane.open()
        except BaseException:
            await lane.close()
            raise
        return lane

    @property
    def reader(self) -> Reader:
        """See the port."""
        return self._reader

    @property
    def log(self) -> ChangeLog:
        """See the port."""
        return self._log

    @property
    def webhook_queue(self) -> SqliteWebhookQueue:
        """See the port."""
        return self._webhook_queue

    @property
    def webhook_attempts(self) -> SqliteWebhookAttempts:
        """See the port."""
        return self._webhook_attempts

    @property
    def outbox(self) -> Outbox:
        """See the port."""
        return self._outbox

    @property
    def leases(self) -> None:
        """See the port: this process has the file for itself."""
        return

    @property
    def signals(self) -> None:
        """See the port: there is no other process."""
        return

    @property
    def following(self) -> SqliteFollowing:
        """See the port."""
        return self._following

    @property
    def incidents(self) -> SqliteIncidents:
        """See the port."""
        return self._incidents

    @property
    def devices(self) -> SqliteDevices:
        """See the port."""
        return self._devices

    @property
    def order_events(self) -> OrderEventTable:
        """See the port."""
        return self._order_events

    @property
    def parked_messages(self) -> ParkedMessageTable:
        """See the port."""
        return self._parked_messages

    @property
    def hub_books(self) -> SqliteHubBooksTable:
        """See the port."""
        return self._hub_books

    def audit(self, bucket: int | None = None) -> AsyncIterator[AuditStore]:
        """See the port."""
        return audit(self._path, bucket)

    async def ping(self) -> None:
        """See the port."""
        try:
            await self._reader.ping()
        except StorageFault as error:
            raise Unavailable(str(error)) from error

    async def close(self) -> None:
        """Close every connection, then let the file go."""
        for lane in tuple(self._lanes):
            await lane.close()
        await self._webhooks.close()
        await self._outbox.close()
        await self._log_table.close()
        await self._devices.close()
        await self._door.close()
        await self._reader.close()
        self._lock.release()
