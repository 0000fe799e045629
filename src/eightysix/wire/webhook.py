"""Webhooks on the wire: subscriptions as they are set up and shown, and what came of deliveries."""

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from eightysix.core.instant import to_iso

from .administration import MAX_OVERLAP_SECONDS, MAX_STORES, PAGE_LIMIT
from .fields import Body, Digits, Identifier, InstantText, documented, several, whole

WebhookEvent = Literal["stock.changed", "stock.low", "store.changed", "incident.opened", "incident.resolved"]
EVENTS: tuple[WebhookEvent, ...] = ("stock.changed", "stock.low", "store.changed")
"""What a webhook is told unless it says otherwise. Incidents are the house's own, and told only to who asks."""

PING = "webhook.ping"
"""The event of a test; nobody subscribes to it."""

URL_LENGTH = 1_000
REPLAY_STORES = 100
"""Stores in one call of replay."""

WebhookUrl = Annotated[str, documented(minLength=1, maxLength=URL_LENGTH, format="uri")]


class WebhookBody(Body):
    """An endpoint that is told about changes. `poiIds` null: of all stores of the brand. `channel_code`: only what that
    channel can sell; null: everything. `events`: which kinds; incidents are told only where they are named, and never
    where there is a `channel_code`.

    A disabled one is told nothing, and what happens meanwhile isn't kept for it.
    """

    brand_id: Identifier = msgspec.field(name="brandId")
    webhook_id: Identifier
    url: WebhookUrl
    poi_ids: Annotated[list[Identifier], several(MAX_STORES)] | None = msgspec.field(name="poiIds", default=None)
    channel_code: Identifier | None = None
    events: Annotated[list[WebhookEvent], documented(minItems=1, uniqueItems=True)] = msgspec.field(
        default_factory=lambda: list(EVENTS)
    )
    status: Literal["active", "disabled"] = "active"


class WebhookShown(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook, without its secrets. `paused`: it failed for days, what is to be told is kept until `resume`;
    `status_reason` says why. Until `previous_until` the secret before the last rotation signs too."""

    brand_id: str = msgspec.field(name="brandId")
    webhook_id: str
    url: str
    poi_ids: list[str] | None = msgspec.field(name="poiIds")
    channel_code: str | None
    events: list[str]
    status: Literal["active", "paused", "disabled"]
    status_reason: str | None
    previous_until: str | None
    created_at: str


class WebhookMade(WebhookShown, frozen=True, kw_only=True):
    """The same; a new one, or one that was rotated, with its `secret`, shown this once."""

    secret: str | UnsetType = UNSET


class WebhookQuery(Body):
    """Which webhooks of a brand; with `webhook_id` one."""

    brand_id: Identifier = msgspec.field(name="brandId")
    webhook_id: Identifier | None = None
    cursor: str | None = None
    limit: Annotated[int, whole(1, PAGE_LIMIT)] = 100


class WebhookNamed(Body):
    """One webhook."""

    brand_id: Identifier = msgspec.field(name="brandId")
    webhook_id: Identifier


class RotateWebhookBody(Body):
    """Another secret for a webhook. For `overlap_seconds` the one before signs too."""

    brand_id: Identifier = msgspec.field(name="brandId")
    webhook_id: Identifier
    overlap_seconds: Annotated[int, whole(0, MAX_OVERLAP_SECONDS)] | Digits = 86_400


class ReplayWebhookBody(Body):
    """Tell the endpoint again what is: of the stores in `poiIds`, or of everything that was tried from `from` on and
    before `to`. What is told is the state of now; `cursor` goes on where a call came to its end."""

    brand_id: Identifier = msgspec.field(name="brandId")
    webhook_id: Identifier
    poi_ids: Annotated[list[Identifier], several(REPLAY_STORES)] | None = msgspec.field(name="poiIds", default=None)
    since: InstantText | None = msgspec.field(name="from", default=None)
    until: InstantText | None = msgspec.field(name="to", default=None)
    cursor: str | None = None


class WebhookReplayed(msgspec.Struct, frozen=True):
    """How many events were queued; `cursor` is null where that was all."""

    queued: int
    cursor: str | None


class PingAnswer(msgspec.Struct, frozen=True):
    """What the endpoint said to a test. Without an answer `error` says why; `answer` is the beginning of its body."""

    delivered: bool
    message_id: str
    status_code: int | None
    error: str | None
    took_ms: int
    answer: str | None


class DeliveriesQuery(Body):
    """Which attempts of a webhook: made from `from` on and before `to`."""

    brand_id: Identifier = msgspec.field(name="brandId")
    webhook_id: Identifier
    since: InstantText | None = msgspec.field(name="from", default=None)
    until: InstantText | None = msgspec.field(name="to", default=None)
    cursor: str | None = None
    limit: Annotated[int, whole(1, PAGE_LIMIT)] = 100


class DeliveryShown(msgspec.Struct, frozen=True):
    """One attempt. Those of one message share its `message_id`, the `webhook-id` header."""

    attempted_at: str
    message_id: str
    event: str
    poi_id: str | None = msgspec.field(name="poiId")
    object_type: int | None
    object_id: int | None
    seq: int | None
    delivered: bool
    status_code: int | None
    error: str | None
    took_ms: int


class DeliveriesAnswer(msgspec.Struct, frozen=True):
    """Newest first; `cursor` leads to the next page and is null on the last."""

    items: list[DeliveryShown]
    cursor: str | None


def shown_instants(instants: Iterable[int | None]) -> list[str | None]:
    """Instants as the wire shows them."""
    return [None if at is None else to_iso(at) for at in instants]
