"""The delivery log of webhooks."""

from collections import defaultdict
from collections.abc import Sequence

from eightysix.storage.webhook_attempt import COLUMNS, Attempt, Place, attempt_of, attempt_row
from eightysix.storage.webhook_queue import WebhookKey

from . import literal
from .pool import Pool
from .statement import inserts

_WEBHOOK = ("product_shard_id", "brand_id", "webhook_id")


class MysqlWebhookAttempts:
    """See `storage.webhook_attempt.WebhookAttempts`."""

    def __init__(self, pool: Pool, physical_shards: int) -> None:
        self._pool = pool
        self._shards = physical_shards

    async def add(self, attempts: Sequence[Attempt]) -> None:
        by_shard: defaultdict[int, list[str]] = defaultdict(list)
        for attempt in attempts:
            values = ",".join(map(_literal, attempt_row(attempt)))
            by_shard[attempt.webhook.bucket % self._shards].append(f"({values})")
        for rows in by_shard.values():
            for sql, _ in inserts("webhook_attempt", COLUMNS, rows):
                await self._pool.change(f"{sql} ON DUPLICATE KEY UPDATE took_ms = VALUES(took_ms)")

    async def page(
        self, webhook: WebhookKey, since: int, until: int, before: Place | None, limit: int
    ) -> list[Attempt]:
        where = f"{_is(webhook)} AND attempted_at >= {int(since)} AND attempted_at < {int(until)}"
        if before is not None:
            at, attempt_id = int(before.attempted_at), literal.text(before.attempt_id)
            where += f" AND attempted_at <= {at} AND (attempted_at < {at} OR attempt_id < {attempt_id})"
        found = await self._pool.rows(
            f"SELECT {','.join(COLUMNS)} FROM webhook_attempt WHERE {where} "
            f"ORDER BY attempted_at DESC, attempt_id DESC LIMIT {int(limit)}"
        )
        return [attempt_of(tuple(map(_plain, COLUMNS, row))) for row in found]

    async def remove(self, webhook: WebhookKey, before: int, limit: int) -> int:
        where = f"{_is(webhook)} AND attempted_at < {int(before)}"
        sql = f"DELETE FROM webhook_attempt WHERE {where} LIMIT {int(limit)}"  # along the key, the oldest first
        return await self._pool.change(sql)

    async def webhooks(self, bucket: int) -> list[WebhookKey]:
        sql = f"SELECT DISTINCT {','.join(_WEBHOOK)} FROM webhook_attempt WHERE {literal.buckets([bucket])}"
        return [WebhookKey(int(row[0]), row[1], row[2]) for row in await self._pool.rows(sql)]


_TEXTS = {"brand_id", "webhook_id", "attempt_id", "message_id", "event", "poi_id", "error"}


def _plain(column: str, value: object) -> object:
    """The proxy hands numbers on in whatever type it likes."""
    return value if value is None or column in _TEXTS else int(value)  # type: ignore[call-overload]  # a number


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    return literal.text(value) if isinstance(value, str) else literal.integer(value)  # type: ignore[arg-type]  # a number


def _is(key: WebhookKey) -> str:
    values = (literal.integer(key.bucket), literal.text(key.brand_id), literal.text(key.webhook_id))
    return " AND ".join(f"{name} = {value}" for name, value in zip(_WEBHOOK, values, strict=True))
