"""The delivery log of webhooks."""

from collections.abc import Sequence

from eightysix.storage.webhook_attempt import COLUMNS, Attempt, Place, attempt_of, attempt_row
from eightysix.storage.webhook_queue import WebhookKey

from .change_log import Fetch

_NAMES = ", ".join(COLUMNS)
_IS = "product_shard_id = $1 AND brand_id = $2 AND webhook_id = $3"
_PLACE = "attempted_at, attempt_id"
_TYPES = (
    *("smallint", "text", "text", "bigint", "text", "text", "text", "text", "smallint", "bigint", "bigint"),
    *("smallint", "text", "int", "boolean"),
)

ADD_STATEMENT = (
    f"INSERT INTO webhook_attempt ({_NAMES}) SELECT * FROM "
    f"unnest({', '.join(f'${at}::{kind}[]' for at, kind in enumerate(_TYPES, 1))}) ON CONFLICT DO NOTHING"
)
PAGE_STATEMENT = (
    f"SELECT {_NAMES} FROM webhook_attempt WHERE {_IS} AND attempted_at >= $4 AND ({_PLACE}) < ($5::bigint, $6::text) "
    "ORDER BY attempted_at DESC, attempt_id DESC LIMIT $7"
)
REMOVE_STATEMENT = (
    "WITH removed AS (DELETE FROM webhook_attempt WHERE ctid = ANY (ARRAY(SELECT ctid FROM webhook_attempt "
    f"WHERE {_IS} AND attempted_at < $4 ORDER BY {_PLACE} LIMIT $5)) RETURNING 1) SELECT count(*) FROM removed"
)
"""Rows of this log are never updated, so their place stays theirs."""

WEBHOOKS_STATEMENT = (
    "SELECT DISTINCT product_shard_id, brand_id, webhook_id FROM webhook_attempt WHERE product_shard_id = $1"
)


class PostgresWebhookAttempts:
    """See `eightysix.storage.webhook_attempt.WebhookAttempts`."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    async def add(self, attempts: Sequence[Attempt]) -> None:
        if attempts:
            await self._fetch(ADD_STATEMENT, *map(list, zip(*map(attempt_row, attempts), strict=True)))

    async def page(
        self, webhook: WebhookKey, since: int, until: int, before: Place | None, limit: int
    ) -> list[Attempt]:
        end = Place(until, "") if before is None else min(before, Place(until, ""))
        return [attempt_of(row) for row in await self._fetch(PAGE_STATEMENT, *webhook, since, *end, limit)]

    async def remove(self, webhook: WebhookKey, before: int, limit: int) -> int:
        return int((await self._fetch(REMOVE_STATEMENT, *webhook, before, limit))[0][0])

    async def webhooks(self, bucket: int) -> list[WebhookKey]:
        return [WebhookKey(*row) for row in await self._fetch(WEBHOOKS_STATEMENT, bucket)]
