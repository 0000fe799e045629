"""The queues of webhooks, one statement a call; rows come as arrays."""

from collections.abc import Sequence

from eightysix.storage.webhook_queue import QueueRow, Subject, WebhookKey

from .change_log import Fetch

_WEBHOOK = "product_shard_id, brand_id, webhook_id"
_SUBJECT = "poi_id, event, object_type, object_id"
_STATE = "seq, committed_at, due_at, tries, revision"
_IS = "product_shard_id = $1 AND brand_id = $2 AND webhook_id = $3"
_KEY_ARRAYS = "$1::smallint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::smallint[], $7::bigint[]"
_KEY_NAMES = ("product_shard_id", "brand_id", "webhook_id", "poi_id", "event", "object_type", "object_id")
_SAME_KEY = " AND ".join(f"q.{name} = k.{name}" for name in _KEY_NAMES)

PUT_STATEMENT = (
    f"INSERT INTO webhook_queue AS q ({_WEBHOOK}, {_SUBJECT}, {_STATE}) SELECT * FROM unnest({_KEY_ARRAYS}, "
    "$8::bigint[], $9::bigint[], $10::bigint[], $11::int[], $12::bigint[]) "
    f"ON CONFLICT ({_WEBHOOK}, {_SUBJECT}) DO UPDATE SET seq = excluded.seq, committed_at = excluded.committed_at, "
    "due_at = excluded.due_at, tries = excluded.tries, revision = excluded.revision "
    "WHERE (excluded.seq, excluded.committed_at) > (q.seq, q.committed_at)"
)
DELIVERED_STATEMENT = (
    f"DELETE FROM webhook_queue AS q USING unnest({_KEY_ARRAYS}, $8::bigint[]) "
    f"AS k ({_WEBHOOK}, {_SUBJECT}, revision) WHERE {_SAME_KEY} AND q.revision = k.revision"
)
FAILED_STATEMENT = (
    f"UPDATE webhook_queue AS q SET due_at = k.due_at, tries = k.tries FROM unnest({_KEY_ARRAYS}, $8::bigint[], "
    f"$9::bigint[], $10::int[]) AS k ({_WEBHOOK}, {_SUBJECT}, revision, due_at, tries) "
    f"WHERE {_SAME_KEY} AND q.revision = k.revision"
)
WAITING_STATEMENT = (
    "SELECT k.product_shard_id, k.brand_id, k.webhook_id FROM unnest($1::smallint[], $2::text[], $3::text[]) "
    f"AS k ({_WEBHOOK}) CROSS JOIN LATERAL (SELECT 1 FROM webhook_queue AS q WHERE q.product_shard_id = "
    f"k.product_shard_id AND q.brand_id = k.brand_id AND q.webhook_id = k.webhook_id ORDER BY {_SUBJECT} LIMIT 1) AS q"
)
LOAD_STATEMENT = f"SELECT {_SUBJECT}, {_STATE} FROM webhook_queue WHERE {_IS} ORDER BY {_SUBJECT} LIMIT $4"
LOAD_AFTER_STATEMENT = (
    f"SELECT {_SUBJECT}, {_STATE} FROM webhook_queue WHERE {_IS} AND ({_SUBJECT}) > ($5, $6, $7, $8) "
    f"ORDER BY {_SUBJECT} LIMIT $4"
)
CLEAR_STATEMENT = (
    "WITH removed AS (DELETE FROM webhook_queue WHERE ctid = ANY (ARRAY("
    f"SELECT ctid FROM webhook_queue WHERE {_IS} ORDER BY {_SUBJECT} LIMIT $4)) RETURNING 1) "
    "SELECT count(*) FROM removed"
)
"""A row that somebody else moves meanwhile is left for the next time."""

WEBHOOKS_STATEMENT = (
    "SELECT DISTINCT product_shard_id, brand_id, webhook_id FROM webhook_queue WHERE product_shard_id = $1"
)


class PostgresWebhookQueue:
    """See `eightysix.storage.webhook_queue.WebhookQueue`."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    async def put(self, rows: Sequence[QueueRow]) -> None:
        if rows:  # in one order, so that two processes wait for each other instead of locking each other out
            ordered = sorted(rows, key=lambda row: (row.webhook, row.subject))
            values = [(*row.webhook, *row.subject, *row.rank, row.due_at, row.tries, row.revision) for row in ordered]
            await self._fetch(PUT_STATEMENT, *map(list, zip(*values, strict=True)))

    async def delivered(self, rows: Sequence[QueueRow]) -> None:
        if rows:
            values = [(*row.webhook, *row.subject, row.revision) for row in rows]
            await self._fetch(DELIVERED_STATEMENT, *map(list, zip(*values, strict=True)))

    async def failed(self, rows: Sequence[QueueRow]) -> None:
        if rows:
            values = [(*row.webhook, *row.subject, row.revision, row.due_at, row.tries) for row in rows]
            await self._fetch(FAILED_STATEMENT, *map(list, zip(*values, strict=True)))

    async def waiting(self, webhooks: Sequence[WebhookKey]) -> list[WebhookKey]:
        if not webhooks:
            return []
        arrays = map(list, zip(*webhooks, strict=True))
        return [WebhookKey(*row) for row in await self._fetch(WAITING_STATEMENT, *arrays)]

    async def load(self, webhook: WebhookKey, after: Subject | None, limit: int) -> list[QueueRow]:
        if after is None:
            found = await self._fetch(LOAD_STATEMENT, *webhook, limit)
        else:
            found = await self._fetch(LOAD_AFTER_STATEMENT, *webhook, limit, *after)
        return [QueueRow(webhook, Subject(*row[:4]), *row[4:]) for row in map(tuple, found)]

    async def clear(self, webhook: WebhookKey, limit: int) -> int:
        return int((await self._fetch(CLEAR_STATEMENT, *webhook, limit))[0][0])

    async def webhooks(self, bucket: int) -> list[WebhookKey]:
        return [WebhookKey(*row) for row in await self._fetch(WEBHOOKS_STATEMENT, bucket)]
