"""A MySQL, MariaDB or ShardingSphere-Proxy in use by this process."""

from collections.abc import AsyncIterator

from eightysix.storage.change_log import ChangeLog
from eightysix.storage.port import AuditStore, Capabilities, Rejected
from eightysix.storage.url import DatabaseUrl, parse

from . import literal
from .audit import audit
from .change_log import MysqlLogTable
from .device import MysqlDevices
from .following import MysqlFollowing
from .incident import MysqlIncidents
from .lane import MysqlLane
from .lease import MysqlLeaseTable
from .message_parked import MysqlParkedMessageTable
from .order_event import MysqlOrderEventTable
from .outbox import MysqlOutbox
from .pool import Pool
from .reader import MysqlReader
from .session import Session
from .webhook_attempt import MysqlWebhookAttempts
from .webhook_queue import MysqlWebhookQueue

OWNER_LENGTH_MAX = 64
_ECHO = "\N{STEAMING BOWL}é"


async def connect(url: str, owner: str) -> "MysqlDatabase":
    """Open the database of a `mysql://` URL. Raises BadDatabaseUrl, Unavailable, or Rejected for a server whose
    settings don't keep our promises (isolation, strictness)."""
    if not 1 <= len(owner) <= OWNER_LENGTH_MAX:
        raise Rejected(f"an owner has 1 to {OWNER_LENGTH_MAX} characters")
    database = MysqlDatabase(parse(url), owner)
    try:
        await database.ping()
    except BaseException:
        await database.close()
        raise
    return database


class MysqlDatabase:
    """See `port.Database`."""

    def __init__(self, url: DatabaseUrl, owner: str) -> None:
        self.capabilities = Capabilities(
            "mysql", several_processes=True, skips_locked_rows=True, physical_shards=url.physical_shards
        )
        self._url = url
        self._owner = owner
        self._pool = Pool(url)
        self._reader = MysqlReader(self._pool, url.physical_shards)
        self._log = ChangeLog(MysqlLogTable(self._pool, has_chains=not url.is_proxied))
        self._webhook_queue = MysqlWebhookQueue(self._pool, url.physical_shards)
        self._webhook_attempts = MysqlWebhookAttempts(self._pool, url.physical_shards)
        self._sync_pool = Pool(url)
        self._outbox = MysqlOutbox(self._sync_pool, url.physical_shards)
        self._leases = MysqlLeaseTable(self._sync_pool, url.physical_shards)
        self._following = MysqlFollowing(self._pool, url.physical_shards)
        self._incidents = MysqlIncidents(self._pool)
        self._devices = MysqlDevices(self._pool, url.physical_shards)
        self._order_events = MysqlOrderEventTable(self._sync_pool)
        self._parked_messages = MysqlParkedMessageTable(self._sync_pool, url.physical_shards)

    async def lane(self, lane_no: int, marker_bucket: int) -> MysqlLane:
        lane = MysqlLane(Session(self._url), self._owner, lane_no, marker_bucket, self.capabilities.physical_shards)
        await lane.open()
        return lane

    @property
    def reader(self) -> MysqlReader:
        return self._reader

    @property
    def log(self) -> ChangeLog:
        return self._log

    @property
    def webhook_queue(self) -> MysqlWebhookQueue:
        return self._webhook_queue

    @property
    def webhook_attempts(self) -> MysqlWebhookAttempts:
        return self._webhook_attempts

    @property
    def outbox(self) -> MysqlOutbox:
        return self._outbox

    @property
    def leases(self) -> MysqlLeaseTable:
        return self._leases

    @property
    def signals(self) -> None:
        """There is nothing to tell with; whoever wants to know looks often."""
        return

    @property
    def following(self) -> MysqlFollowing:
        return self._following

    @property
    def incidents(self) -> MysqlIncidents:
        return self._incidents

    @property
    def devices(self) -> MysqlDevices:
        return self._devices

    @property
    def order_events(self) -> MysqlOrderEventTable:
        return self._order_events

    @property
    def parked_messages(self) -> MysqlParkedMessageTable:
        return self._parked_messages

    @property
    def hub_books(self) -> None:
        return

    def audit(self, bucket: int | None = None) -> AsyncIterator[AuditStore]:
        return audit(self._pool, self.capabilities.physical_shards, bucket)

    async def ping(self) -> None:
        """Ask every physical shard: behind the proxy they may lie on several servers.

        The question is for a text in the collation of our ids: a driver within the proxy that doesn't know it would
        hand every id on as another one. Raises Rejected then.
        """

        async def ask(session: Session) -> None:
            for bucket in range(self.capabilities.physical_shards):
                where = f"{literal.buckets([bucket])} AND owner = '' AND lane = 0"
                sql = f"SELECT COALESCE(MAX(owner), {literal.text(_ECHO)}) AS echo FROM poi_stock_marker WHERE {where}"
                if await session.rows(sql) != ((_ECHO,),):
                    raise Rejected("text comes back changed: set character_set_results = utf8mb4 on its connections")

        await self._pool.run(ask)

    async def close(self) -> None:
        await self._sync_pool.close()
        await self._pool.close()
