"""Webhooks over HTTP. They are about a brand as a whole: keys of some stores or of one channel don't see them."""

from collections.abc import Awaitable, Callable
from typing import Any

from eightysix.catalog.catalog import Catalog
from eightysix.catalog.clock import now_ms
from eightysix.catalog.paging import cursor_of, key_after
from eightysix.catalog.webhook import Webhook
from eightysix.core.instant import to_iso
from eightysix.core.outcome import Code
from eightysix.storage.schema import webhook_attempt
from eightysix.storage.webhook_attempt import Attempt, Place
from eightysix.storage.webhook_queue import WebhookKey
from eightysix.sync.webhooks.address import AddressRefused
from eightysix.sync.webhooks.replay import Span
from eightysix.sync.webhooks.service import Webhooks
from eightysix.wire.administration import PAGE_LIMIT
from eightysix.wire.fields import identifier, instant, integer
from eightysix.wire.problem import Problem, Rejection
from eightysix.wire.webhook import (
    REPLAY_STORES,
    DeliveriesAnswer,
    DeliveriesQuery,
    DeliveryShown,
    PingAnswer,
    ReplayWebhookBody,
    RotateWebhookBody,
    WebhookBody,
    WebhookNamed,
    WebhookQuery,
    WebhookReplayed,
)

from .auth import Caller
from .endpoint import Call, Sent
from .reply import EMPTY, Reply, json_reply
from .several import as_sent, bodies_of, written

_SHOWN_BYTES = 500
"""Of an endpoint's answer to a test."""

_END_OF_TIME = 2**53
_PLACE = list(webhook_attempt.primary_key)[-2:]


class WebhookDesk:
    """Answers the calls about webhooks."""

    def __init__(self, webhooks: Webhooks, catalog: Catalog) -> None:
        self._webhooks = webhooks
        self._catalog = catalog

    async def page(self, call: Call) -> Reply:
        """GET webhooks without their secrets; a whole key asks for one, and 404 if it isn't there."""
        query: WebhookQuery = call.query
        match = {"brand_id": self._brand(call.caller, query.brand_id)}
        if query.webhook_id is not None:
            match["webhook_id"] = identifier(query.webhook_id, "webhook_id")
        page = await self._webhooks.subscriptions.page(match, query.cursor, query.limit)
        if query.webhook_id is not None and not page.items:
            raise Rejection(Problem.WEBHOOK_NOT_FOUND, "webhook_id")
        return json_reply(page)

    def writer(self, *, replace: bool) -> Callable[[Call], Awaitable[Reply]]:
        """POST (make) or PUT (make or replace) webhooks: one, or several and then all or none."""

        async def write(call: Call) -> Reply:
            sent: Sent[Any] = call.body
            bodies: list[WebhookBody] = bodies_of(sent)
            try:
                for at, body in enumerate(bodies):
                    await self._check(call.caller, body, at)
                made = await self._webhooks.write(bodies, call.caller.actor.name, replace=replace)
            except Rejection as rejection:
                raise as_sent(rejection, sent) from None
            return written(made, sent, replace=replace)

        return write

    async def remove(self, call: Call) -> Reply:
        """DELETE one; what is queued for it is forgotten."""
        query: WebhookNamed = call.query
        brand_id = self._brand(call.caller, query.brand_id)
        webhook_id = identifier(query.webhook_id, "webhook_id")
        await self._webhooks.subscriptions.remove(brand_id, webhook_id, call.caller.actor.name)
        return EMPTY

    async def rotate(self, call: Call) -> Reply:
        """POST another secret."""
        body: RotateWebhookBody = call.body
        self._brand(call.caller, body.brand_id)
        identifier(body.webhook_id, "webhook_id")
        return json_reply(await self._webhooks.subscriptions.rotate(body, call.caller.actor.name))

    async def resume(self, call: Call) -> Reply:
        """POST: active again."""
        body: WebhookNamed = call.body
        brand_id = self._brand(call.caller, body.brand_id)
        webhook_id = identifier(body.webhook_id, "webhook_id")
        shown = await self._webhooks.resume(brand_id, webhook_id, call.caller.actor.name)
        return json_reply(shown)

    async def ping(self, call: Call) -> Reply:
        """POST a test, and answer what the endpoint said."""
        webhook = self._named(call.caller, call.body)
        message_id, answer = await self._webhooks.ping(webhook)
        said = answer.body[:_SHOWN_BYTES].decode(errors="replace") if answer.status is not None else None
        return json_reply(
            PingAnswer(answer.is_delivered, message_id, answer.status, answer.reason, answer.took_ms, said)
        )

    async def replay(self, call: Call) -> Reply:
        """POST: tell the endpoint again what is."""
        body: ReplayWebhookBody = call.body
        webhook = self._named(call.caller, body)
        timed = body.since is not None or body.until is not None
        if timed is (body.poi_ids is not None) or (body.cursor is not None and not timed):
            raise Rejection(Problem.VALUE_INVALID, "poiIds", why="either poiIds or from and to")
        if body.poi_ids is not None:
            poi_ids = self._stores(webhook, body.poi_ids)
            return json_reply(WebhookReplayed(await self._webhooks.replay.stores(webhook, poi_ids), None))
        span = Span(*_times(body), None if body.cursor is None else Place(*key_after(body.cursor, _PLACE)))  # type: ignore[arg-type]  # as the columns are
        queued, rest = await self._webhooks.replay.attempts(webhook, span, now_ms())
        return json_reply(WebhookReplayed(queued, None if rest is None else cursor_of(rest)))

    async def deliveries(self, call: Call) -> Reply:
        """GET attempts, newest first. Those of a webhook that is gone are shown as long as they are kept."""
        query: DeliveriesQuery = call.query
        brand_id = self._brand(call.caller, query.brand_id)
        key = WebhookKey.of(brand_id, identifier(query.webhook_id, "webhook_id"))
        most = integer(query.limit, "limit", 1, PAGE_LIMIT)
        since, until = _times(query)
        before = None if query.cursor is None else Place(*key_after(query.cursor, _PLACE))  # type: ignore[arg-type]  # as the columns are
        found = await self._webhooks.attempts.page(key, since, until, before, most + 1)
        if not found and self._catalog.current.webhooks(brand_id).get(key.webhook_id) is None:
            raise Rejection(Problem.WEBHOOK_NOT_FOUND, "webhook_id")
        cursor = cursor_of(found[most - 1].place) if len(found) > most else None
        return json_reply(DeliveriesAnswer([_shown(each) for each in found[:most]], cursor))

    def _brand(self, caller: Caller, brand_id: str) -> str:
        """The brand, if it exists and the caller has all of it."""
        caller.reach_brand(identifier(brand_id, "brandId"))
        caller.reach_whole_brand()
        if self._catalog.current.brand(brand_id) is None:
            raise Rejection(Code.BRAND_NOT_FOUND, "brandId")
        return brand_id

    def _named(self, caller: Caller, named: WebhookNamed | ReplayWebhookBody) -> Webhook:
        brand_id = self._brand(caller, named.brand_id)
        webhook = self._catalog.current.webhooks(brand_id).get(identifier(named.webhook_id, "webhook_id"))
        if webhook is None:
            raise Rejection(Problem.WEBHOOK_NOT_FOUND, "webhook_id")
        return webhook

    def _stores(self, webhook: Webhook, poi_ids: list[str]) -> list[str]:
        """Those of the stores that the webhook is about."""
        if not poi_ids:
            raise Rejection(Problem.EMPTY, "poiIds")
        if len(poi_ids) > REPLAY_STORES:
            raise Rejection(Problem.TOO_MANY, "poiIds", most=REPLAY_STORES)
        for at, poi_id in enumerate(poi_ids):
            if self._catalog.current.store(webhook.key.brand_id, identifier(poi_id, f"poiIds[{at}]")) is None:
                raise Rejection(Code.STORE_NOT_FOUND, f"poiIds[{at}]")
        return [poi_id for poi_id in dict.fromkeys(poi_ids) if webhook.poi_ids is None or poi_id in webhook.poi_ids]

    async def _check(self, caller: Caller, body: WebhookBody, at: int) -> None:
        """Whose it is, and whether its address may be called."""
        try:
            caller.reach_brand(identifier(body.brand_id, "brandId"))
            caller.reach_whole_brand()
            await self._webhooks.addresses.check(body.url)
        except AddressRefused as refused:
            raise Rejection(Problem.VALUE_INVALID, f"items[{at}].url", why=refused.why) from None
        except Rejection as rejection:
            raise rejection.inside(f"items[{at}]") from None


def _times(asked: ReplayWebhookBody | DeliveriesQuery) -> tuple[int, int]:
    since = 0 if asked.since is None else instant(asked.since, "from")
    return since, _END_OF_TIME if asked.until is None else instant(asked.until, "to")


def _shown(attempt: Attempt) -> DeliveryShown:
    subject = attempt.subject
    return DeliveryShown(
        to_iso(attempt.place.attempted_at),
        attempt.message_id,
        attempt.event,
        None if subject is None else subject.poi_id,
        None if subject is None else subject.object_type,
        None if subject is None else subject.object_id,
        attempt.seq,
        attempt.delivered,
        attempt.status_code,
        attempt.error,
        attempt.took_ms,
    )
