"""The queues of webhooks, one statement a call; rows come as JSON."""

from collections.abc import Sequence

from eightysix.storage.webhook_queue import QueueRow, Subject, WebhookKey

from . import rows
from .on_demand import OnDemand

_WEBHOOK = "product_shard_id, brand_id, webhook_id"
_SUBJECT = "poi_id, event, object_type, object_id"
_STATE = "seq, committed_at, due_at, tries, revision"
_IS = "product_shard_id = ?1 AND brand_id = ?2 AND webhook_id = ?3"


def _listed(*places: int) -> str:
    return ", ".join(f"value ->> {place}" for place in places)


PUT = (
    f"INSERT INTO webhook_queue ({_WEBHOOK}, {_SUBJECT}, {_STATE}) SELECT {_listed(*range(12))} "  # noqa: S608 - names, no values
    f"FROM json_each(?1) WHERE true ON CONFLICT ({_WEBHOOK}, {_SUBJECT}) DO UPDATE SET seq = excluded.seq, "
    "committed_at = excluded.committed_at, due_at = excluded.due_at, tries = excluded.tries, "
    "revision = excluded.revision WHERE (excluded.seq, excluded.committed_at) > (seq, committed_at)"
)
DELIVERED = (
    f"DELETE FROM webhook_queue WHERE {_IS} AND poi_id = ?4 AND event = ?5 AND object_type = ?6 AND object_id = ?7 "  # noqa: S608 - as above
    "AND revision = ?8"
)
FAILED = (
    f"UPDATE webhook_queue SET due_at = ?8, tries = ?9 WHERE {_IS} AND poi_id = ?4 AND event = ?5 "  # noqa: S608 - as above
    "AND object_type = ?6 AND object_id = ?7 AND revision = ?10"
)
WAITING = (
    f"SELECT {_listed(0, 1, 2)} FROM json_each(?1) WHERE EXISTS (SELECT 1 FROM webhook_queue "  # noqa: S608 - as above
    "WHERE product_shard_id = value ->> 0 AND brand_id = value ->> 1 AND webhook_id = value ->> 2)"
)
LOAD = f"SELECT {_SUBJECT}, {_STATE} FROM webhook_queue WHERE {_IS} ORDER BY {_SUBJECT} LIMIT ?4"  # noqa: S608 - as above
LOAD_AFTER = (
    f"SELECT {_SUBJECT}, {_STATE} FROM webhook_queue WHERE {_IS} AND ({_SUBJECT}) > (?5, ?6, ?7, ?8) "  # noqa: S608 - as above
    f"ORDER BY {_SUBJECT} LIMIT ?4"
)
END = f"SELECT {_SUBJECT} FROM webhook_queue WHERE {_IS} ORDER BY {_SUBJECT} LIMIT 1 OFFSET ?4"  # noqa: S608 - as above
CLEAR = f"DELETE FROM webhook_queue WHERE {_IS} AND ({_SUBJECT}) < (?4, ?5, ?6, ?7)"  # noqa: S608 - as above
CLEAR_ALL = f"DELETE FROM webhook_queue WHERE {_IS}"  # noqa: S608 - as above
WEBHOOKS = "SELECT DISTINCT product_shard_id, brand_id, webhook_id FROM webhook_queue WHERE product_shard_id = ?1"

HOT_STATEMENTS = {
    "PUT": PUT,
    "DELIVERED": DELIVERED,
    "FAILED": FAILED,
    "WAITING": WAITING,
    "LOAD": LOAD,
    "LOAD_AFTER": LOAD_AFTER,
    "END": END,
    "CLEAR": CLEAR,
    "CLEAR_ALL": CLEAR_ALL,
    "WEBHOOKS": WEBHOOKS,
}
"""Every statement of this page, for the test that looks at their plans."""


class SqliteWebhookQueue:
    """`storage.webhook_queue.WebhookQueue`."""

    def __init__(self, file: OnDemand) -> None:
        self._file = file

    async def put(self, rows_: Sequence[QueueRow]) -> None:
        """See the port."""
        if rows_:
            listed = [(*row.webhook, *row.subject, *row.rank, row.due_at, row.tries, row.revision) for row in rows_]
            await self._file.write(PUT, rows.encode(listed).decode())

    async def delivered(self, rows_: Sequence[QueueRow]) -> None:
        """See the port."""
        await self._file.note_each(DELIVERED, [(*row.webhook, *row.subject, row.revision) for row in rows_])

    async def failed(self, rows_: Sequence[QueueRow]) -> None:
        """See the port."""
        listed = [(*row.webhook, *row.subject, row.due_at, row.tries, row.revision) for row in rows_]
        await self._file.note_each(FAILED, listed)

    async def waiting(self, webhooks: Sequence[WebhookKey]) -> list[WebhookKey]:
        """See the port."""
        return [WebhookKey(*row) for row in await self._file.read(WAITING, rows.encode(webhooks).decode())]

    async def load(self, webhook: WebhookKey, after: Subject | None, limit: int) -> list[QueueRow]:
        """See the port."""
        if after is None:
            found = await self._file.read(LOAD, *webhook, limit)
        else:
            found = await self._file.read(LOAD_AFTER, *webhook, limit, *after)
        return [QueueRow(webhook, Subject(*row[:4]), *row[4:]) for row in found]

    async def clear(self, webhook: WebhookKey, limit: int) -> int:
        """See the port."""
        end = await self._file.read(END, *webhook, limit)
        if not end:
            return await self._file.write(CLEAR_ALL, *webhook)
        return await self._file.write(CLEAR, *webhook, *end[0])

    async def webhooks(self, bucket: int) -> list[WebhookKey]:
        """See the port."""
        return [WebhookKey(*row) for row in await self._file.read(WEBHOOKS, bucket)]
