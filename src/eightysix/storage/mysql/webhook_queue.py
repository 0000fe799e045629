"""The queues of webhooks. Each statement keeps to one physical table and names the buckets as literals."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeVar

from eightysix.storage.webhook_queue import QueueRow, Subject, WebhookKey

from . import literal
from .pool import Pool
from .statement import inserts, key_conditions

T = TypeVar("T")

_WEBHOOK = ("product_shard_id", "brand_id", "webhook_id")
_SUBJECT = ("poi_id", "event", "object_type", "object_id")
_STATE = ("seq", "committed_at", "due_at", "tries", "revision")
_NEWER = "(VALUES(seq) > seq OR (VALUES(seq) = seq AND VALUES(committed_at) > committed_at))"
_KEEP_NEWEST = (
    *(f"{name} = IF({_NEWER}, VALUES({name}), {name})" for name in ("revision", "tries", "due_at", "committed_at")),
    "seq = GREATEST(VALUES(seq), seq)",
)
"""Assignments are made from left to right and see what was assigned before them, so what they compare comes last."""

ROWS_MAX = 500


class MysqlWebhookQueue:
    """See `storage.webhook_queue.WebhookQueue`."""

    def __init__(self, pool: Pool, physical_shards: int) -> None:
        self._pool = pool
        self._shards = physical_shards

    async def put(self, rows: Sequence[QueueRow]) -> None:
        ordered = sorted(rows, key=lambda row: (row.webhook, row.subject))
        for some in by_shard(ordered, self._shards):
            values = [f"({','.join((*_key(row), *_numbers(row)))})" for row in some]
            for sql, _ in inserts("webhook_queue", (*_WEBHOOK, *_SUBJECT, *_STATE), values):
                await self._pool.change(f"{sql} ON DUPLICATE KEY UPDATE {','.join(_KEEP_NEWEST)}")

    async def delivered(self, rows: Sequence[QueueRow]) -> None:
        """A revision is like no other, so it needs no place within the key."""
        for some in by_shard(rows, self._shards):
            for start in range(0, len(some), ROWS_MAX):
                part = some[start : start + ROWS_MAX]
                revisions = ",".join(literal.integer(row.revision) for row in part)
                for where, _ in key_conditions((*_WEBHOOK, *_SUBJECT), [_key(row) for row in part]):
                    await self._pool.change(f"DELETE FROM webhook_queue WHERE {where} AND revision IN ({revisions})")

    async def failed(self, rows: Sequence[QueueRow]) -> None:
        for row in rows:
            ((where, _),) = key_conditions((*_WEBHOOK, *_SUBJECT), [_key(row)])
            setting = f"due_at = {int(row.due_at)}, tries = {int(row.tries)}"
            await self._pool.change(
                f"UPDATE webhook_queue SET {setting} WHERE {where} AND revision = {int(row.revision)}"
            )

    async def waiting(self, webhooks: Sequence[WebhookKey]) -> list[WebhookKey]:
        found: list[WebhookKey] = []
        for some in by_shard_of(webhooks, self._shards):
            for where, _ in key_conditions(_WEBHOOK, [_webhook(each) for each in some]):
                sql = f"SELECT DISTINCT {','.join(_WEBHOOK)} FROM webhook_queue WHERE {where}"
                found += [WebhookKey(int(row[0]), row[1], row[2]) for row in await self._pool.rows(sql)]
        return found

    async def load(self, webhook: WebhookKey, after: Subject | None, limit: int) -> list[QueueRow]:
        where = f"{_is(webhook)}{'' if after is None else _above(after)}"
        found = await self._pool.rows(
            f"SELECT {','.join((*_SUBJECT, *_STATE))} FROM webhook_queue WHERE {where} "
            f"ORDER BY {','.join(_SUBJECT)} LIMIT {int(limit)}"
        )
        return [
            QueueRow(webhook, Subject(row[0], row[1], int(row[2]), int(row[3])), *map(int, row[4:])) for row in found
        ]

    async def clear(self, webhook: WebhookKey, limit: int) -> int:
        """Without an order, for which MariaDB would sort all of them; it goes along the key anyway."""
        sql = f"DELETE FROM webhook_queue WHERE {_is(webhook)} LIMIT {int(limit)}"
        return await self._pool.change(sql)

    async def webhooks(self, bucket: int) -> list[WebhookKey]:
        sql = f"SELECT DISTINCT {','.join(_WEBHOOK)} FROM webhook_queue WHERE {literal.buckets([bucket])}"
        return [WebhookKey(int(row[0]), row[1], row[2]) for row in await self._pool.rows(sql)]


def by_shard(rows: Iterable[QueueRow], shards: int) -> list[list[QueueRow]]:
    """The rows, those of one physical table together."""
    found: defaultdict[int, list[QueueRow]] = defaultdict(list)
    for row in rows:
        found[row.webhook.bucket % shards].append(row)
    return [*found.values()]


def by_shard_of(webhooks: Iterable[WebhookKey], shards: int) -> list[list[WebhookKey]]:
    """The same for webhooks."""
    found: defaultdict[int, list[WebhookKey]] = defaultdict(list)
    for webhook in webhooks:
        found[webhook.bucket % shards].append(webhook)
    return [*found.values()]


def _webhook(key: WebhookKey) -> tuple[str, str, str]:
    return literal.integer(key.bucket), literal.text(key.brand_id), literal.text(key.webhook_id)


def _key(row: QueueRow) -> tuple[str, ...]:
    poi_id, event, kind, object_id = row.subject
    return (
        *_webhook(row.webhook),
        *(literal.text(poi_id), literal.text(event), literal.integer(kind), literal.integer(object_id)),
    )


def _numbers(row: QueueRow) -> tuple[str, ...]:
    return tuple(map(literal.integer, (*row.rank, row.due_at, row.tries, row.revision)))


def _is(key: WebhookKey) -> str:
    return " AND ".join(f"{name} = {value}" for name, value in zip(_WEBHOOK, _webhook(key), strict=True))


def _above(subject: Subject) -> str:
    """Written out, from the key's first column on: MariaDB finds no range for a comparison of tuples."""
    poi_id, event = literal.text(subject.poi_id), literal.text(subject.event)
    kind, object_id = int(subject.object_type), int(subject.object_id)
    return (
        f" AND poi_id >= {poi_id} AND (poi_id > {poi_id} OR event > {event} OR (event = {event} AND "
        f"(object_type > {kind} OR (object_type = {kind} AND object_id > {object_id}))))"
    )
