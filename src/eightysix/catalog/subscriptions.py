"""The webhooks of one database: made, replaced, rotated, paused, resumed; each change with its line in the log."""

from collections.abc import Callable, Sequence
from typing import Any

from eightysix.core.outcome import Code
from eightysix.storage import schema
from eightysix.storage.catalog import Row
from eightysix.storage.webhook_queue import WebhookKey
from eightysix.wire.administration import Page
from eightysix.wire.problem import Problem, Rejection
from eightysix.wire.webhook import RotateWebhookBody, WebhookBody, WebhookMade, WebhookShown

from .catalog import Catalog, read_all
from .clock import now_ms
from .journal import Change
from .webhook import WEBHOOK, made, new_secret, overlap_of, remade, rotated, shown

SENDER = "webhook-sender"
"""Who the log of administration names where an endpoint's answers decided."""

REASON_LENGTH = 200


class Subscriptions:
    """Changes webhooks through the catalogue, whose snapshot tells every process of them."""

    def __init__(self, catalog: Catalog, clock: Callable[[], int] = now_ms) -> None:
        self._catalog = catalog
        self._clock = clock

    async def write(self, bodies: Sequence[WebhookBody], actor: str, *, replace: bool) -> list[WebhookMade]:
        """Make these, all or none; those that exist are replaced, their secrets kept, or, without `replace`, a 409."""
        rows = read_all(WEBHOOK, bodies)
        async with self._catalog.changing(actor) as change:
            await _require(rows, change)
            there = {
                WEBHOOK.key_of(row): row
                for row in await change.write.rows(schema.webhook, [WEBHOOK.key_of(row) for row in rows])
            }
            written = []
            for at, row in enumerate(rows):
                before = there.get(WEBHOOK.key_of(row))
                if before is not None and not replace:
                    raise Rejection(Problem.ALREADY_EXISTS, what=row["webhook_id"]).inside(f"items[{at}]")
                written.append(await self._put(before, row, change))
        return written

    async def rotate(self, body: RotateWebhookBody, actor: str) -> WebhookMade:
        """Another secret; the one before signs too until the overlap ends."""
        async with self._catalog.changing(actor) as change:
            before = await _named(body.brand_id, body.webhook_id, change)
            row = rotated(before, body, self._clock())
            await self._save("rotate", before, row, change)
        return made(row)

    async def resume(self, brand_id: str, webhook_id: str, actor: str) -> WebhookShown:
        """Active again, whatever it was."""
        async with self._catalog.changing(actor) as change:
            before = await _named(brand_id, webhook_id, change)
            row = {**before, "status": "active", "status_reason": None}
            if row["status"] != before["status"]:
                await self._save("resume", before, row, change)
        return self._shown(row)

    async def stop(self, webhook: WebhookKey, url: str, status: str, reason: str) -> bool:
        """Pause or disable an active webhook of whose endpoint at `url` that is known; False where it was changed
        meanwhile, so that it isn't known of what there is now."""
        key = (webhook.brand_id, webhook.webhook_id)
        async with self._catalog.changing(SENDER) as change:
            found = await change.write.rows(schema.webhook, [key])
            if not found or found[0]["url"] != url or found[0]["status"] != "active":
                return False
            row = {**found[0], "status": status, "status_reason": reason[:REASON_LENGTH]}
            await self._save("pause" if status == "paused" else "disable", found[0], row, change)
        return True

    async def page(self, match: dict[str, Any], cursor: str | None, limit: int) -> Page[WebhookShown]:
        """Webhooks whose columns equal `match`, without their secrets."""
        rows, following = await self._catalog.row_page(schema.webhook, match, cursor, limit)
        return Page([self._shown(row) for row in rows], following)

    async def remove(self, brand_id: str, webhook_id: str, actor: str) -> None:
        await self._catalog.remove(WEBHOOK, (brand_id, webhook_id), actor)

    def _shown(self, row: Row) -> WebhookShown:
        """An overlap that is over is none."""
        return shown({**row, "previous_until": overlap_of(row, self._clock())})

    async def _put(self, before: Row | None, row: dict[str, Any], change: Change) -> WebhookMade:
        if before is None:
            fresh = {"secret": new_secret(), "previous_secret": None, "previous_until": None}
            row |= {**fresh, "created_at": self._clock()}
            await self._save("create", None, row, change)
            return made(row)
        kept = ("secret", "previous_secret", "previous_until", "created_at")
        row |= {name: before[name] for name in kept}
        if any(before[name] != value for name, value in row.items()):
            await self._save("replace", before, row, change)
        return remade(row)

    async def _save(self, action: str, before: Row | None, row: Row, change: Change) -> None:
        await change.write.put(schema.webhook, [row])
        change.put(WEBHOOK, before, row, action)


async def _require(rows: Sequence[Row], change: Change) -> None:
    """The brand, the stores and the channel that webhooks name are there: a slip of the pen must not wait for them."""
    write = change.write
    brands = {row["brand_id"] for row in await write.rows(schema.brand, list({(row["brand_id"],) for row in rows}))}
    named = {(row["brand_id"], poi_id) for row in rows for poi_id in row["poi_ids"] or ()}
    stores = {(row["brand_id"], row["poi_id"]) for row in await write.rows(schema.store, sorted(named))}
    codes = {(row["brand_id"], row["channel_code"]) for row in rows if row["channel_code"] is not None}
    channels = {(row["brand_id"], row["channel_code"]) for row in await write.rows(schema.channel, sorted(codes))}
    for at, row in enumerate(rows):
        where, brand_id = f"items[{at}]", row["brand_id"]
        if brand_id not in brands:
            raise Rejection(Code.BRAND_NOT_FOUND, "brandId").inside(where)
        for number, poi_id in enumerate(row["poi_ids"] or ()):
            if (brand_id, poi_id) not in stores:
                raise Rejection(Code.STORE_NOT_FOUND, f"poiIds[{number}]").inside(where)
        if row["channel_code"] is not None and (brand_id, row["channel_code"]) not in channels:
            raise Rejection(Code.CHANNEL_NOT_FOUND, "channel_code").inside(where)


async def _named(brand_id: str, webhook_id: str, change: Change) -> Row:
    found = await change.write.rows(schema.webhook, [(brand_id, webhook_id)])
    if not found:
        raise Rejection(Problem.WEBHOOK_NOT_FOUND, "webhook_id")
    return found[0]
