"""A webhook as head office sets it up: how it is checked, stored, shown, and read into memory.

Its secret signs what is sent, so it has to be kept as it is, unlike a key's. It is shown when it is made and nowhere
else: what is shown, logged or printed of a webhook is made of other columns.
"""

import base64
import secrets
from typing import Any

import msgspec

from eightysix.core.instant import to_iso
from eightysix.storage import schema
from eightysix.storage.catalog import Row
from eightysix.storage.webhook_queue import WebhookKey
from eightysix.wire.administration import MAX_OVERLAP_SECONDS, MAX_STORES
from eightysix.wire.fields import identifier, integer
from eightysix.wire.problem import Problem, Rejection
from eightysix.wire.webhook import URL_LENGTH, RotateWebhookBody, WebhookBody, WebhookMade, WebhookShown

from .kinds import Kind

SECRET_PREFIX = "whsec_"  # noqa: S105 - what marks a secret, none itself
_SECRET_BYTES = 32


class Webhook(msgspec.Struct, frozen=True):
    """One subscription. `secrets`: the current one, and the one before it while that signs too, until `previous_until`
    (ms). Its text has no secret in it."""

    key: WebhookKey
    url: str
    poi_ids: frozenset[str] | None
    channel_code: str | None
    events: frozenset[str]
    status: str
    secret: str
    previous_secret: str | None
    previous_until: int | None

    def __repr__(self) -> str:
        return f"Webhook({self.key.brand_id}/{self.key.webhook_id}, {self.status})"

    def is_about(self, poi_id: str) -> bool:
        """Whether it is told of that store."""
        return self.poi_ids is None or poi_id in self.poi_ids

    def wants(self, poi_id: str, event: str) -> bool:
        """Whether it is told of that kind of event in that store."""
        return event in self.events and self.is_about(poi_id)

    def signing(self, now: int) -> tuple[str, ...]:
        """The secrets that sign at `now`, the current one first."""
        if self.previous_secret is None or self.previous_until is None or now >= self.previous_until:
            return (self.secret,)
        return self.secret, self.previous_secret


def read(body: WebhookBody) -> dict[str, Any]:
    """The columns that a body sets. Whether the address may be called is for `sync.webhooks` to say."""
    if len(body.url) > URL_LENGTH:
        raise Rejection(Problem.TEXT_INVALID, "url", maximum=URL_LENGTH)
    if body.poi_ids is not None:
        if not body.poi_ids:
            raise Rejection(Problem.EMPTY, "poiIds")
        if len(body.poi_ids) > MAX_STORES:
            raise Rejection(Problem.TOO_MANY, "poiIds", most=MAX_STORES)
    if not body.events:
        raise Rejection(Problem.EMPTY, "events")
    if len(set(body.events)) != len(body.events):
        raise Rejection(Problem.VALUE_INVALID, "events", why="named twice")
    return {
        "brand_id": identifier(body.brand_id, "brandId"),
        "webhook_id": identifier(body.webhook_id, "webhook_id"),
        "url": body.url,
        "poi_ids": body.poi_ids and [identifier(one, f"poiIds[{at}]") for at, one in enumerate(body.poi_ids)],
        "channel_code": None if body.channel_code is None else identifier(body.channel_code, "channel_code"),
        "events": sorted(body.events),
        "status": body.status,
        "status_reason": None,
    }


def new_secret() -> str:
    """As Standard Webhooks writes secrets."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def rotated(row: Row, body: RotateWebhookBody, now: int) -> dict[str, Any]:
    """The row with another secret. Of two overlaps at once the second would cut off the first, so it is refused."""
    overlap = integer(body.overlap_seconds, "overlap_seconds", 0, MAX_OVERLAP_SECONDS)
    running = overlap_of(row, now)
    if running is not None and overlap:
        raise Rejection(Problem.ROTATION_RUNNING, "overlap_seconds", until=to_iso(running))
    before = {"previous_secret": row["secret"], "previous_until": now + overlap * 1000}
    nothing = {"previous_secret": None, "previous_until": None}
    return {**row, "secret": new_secret(), **(before if overlap else nothing)}


def overlap_of(row: Row, now: int) -> int | None:
    """Until when the secret before the last rotation signs too, None where it doesn't any more."""
    until: int | None = row["previous_until"]
    return until if until is not None and until > now else None


def shown(row: Row) -> WebhookShown:
    """A webhook as lists and the log of administration show it."""
    return WebhookShown(**_public(row))


def made(row: Row) -> WebhookMade:
    """A webhook as the one who made or rotated it sees it, this once."""
    return WebhookMade(**_public(row), secret=row["secret"])


def remade(row: Row) -> WebhookMade:
    """A webhook that was replaced: its secret stays, and stays untold."""
    return WebhookMade(**_public(row))


def _public(row: Row) -> dict[str, Any]:
    names = ("brand_id", "webhook_id", "url", "poi_ids", "channel_code", "events", "status", "status_reason")
    until = row["previous_until"]
    instants = {"previous_until": None if until is None else to_iso(until), "created_at": to_iso(row["created_at"])}
    return {**{name: row[name] for name in names}, **instants}


WEBHOOK = Kind(schema.webhook, WebhookBody, Problem.WEBHOOK_NOT_FOUND, read, shown)
"""Written by `catalog.subscriptions` alone, for what is sent holds only some of its columns."""


def webhook_of(row: Row) -> Webhook:
    """A stored webhook as it is kept in memory."""
    poi_ids = row["poi_ids"]
    return Webhook(
        WebhookKey.of(row["brand_id"], row["webhook_id"]),
        row["url"],
        None if poi_ids is None else frozenset(poi_ids),
        row["channel_code"],
        frozenset(row["events"]),
        row["status"],
        row["secret"],
        row["previous_secret"],
        row["previous_until"],
    )
