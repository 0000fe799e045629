"""Keys: 256 random bits, shown once, kept as their SHA-256 (a slow hash is for people's passwords).

A rotation gives a key another secret. The one before may go on working for a while, the overlap, so that a fleet can
be moved over: at most two secrets open a key at any time.
"""

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any

from eightysix.core.instant import to_iso
from eightysix.storage import schema
from eightysix.storage.catalog import Row
from eightysix.wire.administration import (
    MAX_LIFE_SECONDS,
    MAX_OVERLAP_SECONDS,
    MAX_RATE,
    MAX_STORES,
    NAME_LENGTH,
    KeyBody,
    KeyMade,
    KeyShown,
    RotateBody,
)
from eightysix.wire.fields import Integer, identifier, integer, text
from eightysix.wire.problem import Problem, Rejection

from .journal import Change

PREFIX = "e86_"
KIND = "key"
"""What the log of administration calls a key."""

_NEEDS_BRAND = ("brand", "order-service", "store", "hub", "channel")
_MAY_HAVE_CHANNEL = ("channel", "order-service")


def hash_of(secret: bytes) -> str:
    """What is stored of a key."""
    return hashlib.sha256(secret).hexdigest()


def mint(body: KeyBody, now: int, *, key_id: str | None = None) -> tuple[str, dict[str, Any]]:
    """A new secret and the row to store for it; its id is made up unless it has one."""
    _check_scope(body)
    secret = _secret()
    return secret, {
        "key_id": key_id or "key_" + secrets.token_hex(8),
        "key_hash": hash_of(secret.encode()),
        "name": text(body.name, "name", NAME_LENGTH),
        "role": body.role,
        "brand_id": None if body.brand_id is None else identifier(body.brand_id, "brandId"),
        "poi_ids": body.poi_ids and [identifier(one, f"poi_ids[{at}]") for at, one in enumerate(body.poi_ids)],
        "channel_code": None if body.channel_code is None else identifier(body.channel_code, "channel_code"),
        "created_at": now,
        "expires_at": end_of(body.expires_in, now),
        "revoked_at": None,
        "previous_hash": None,
        "previous_until": None,
        "rate_limit": rate_of(body.rate_limit),
    }


def rotated(row: Row, body: RotateBody, now: int) -> tuple[str, dict[str, Any]]:
    """Another secret for the key, and the row to store for it.

    The one before never works longer than it would have anyway. Two overlaps at once there are not: the secret that a
    second rotation cut off might be the very one that clients use.
    """
    overlap = integer(body.overlap_seconds, "overlap_seconds", 0, MAX_OVERLAP_SECONDS)
    ends_at, was_to_end = end_of(body.expires_in, now), row["expires_at"]
    has_ended = was_to_end is not None and was_to_end <= now
    if has_ended and ends_at is None:
        raise Rejection(Problem.VALUE_INVALID, "expires_in", why="the key has ended")
    running = overlap_of(row, now)
    if running is not None and overlap:
        raise Rejection(Problem.ROTATION_RUNNING, "overlap_seconds", until=to_iso(running))
    secret = _secret()
    changed: dict[str, Any] = {"key_hash": hash_of(secret.encode()), "previous_hash": None, "previous_until": None}
    if ends_at is not None:
        changed["expires_at"] = ends_at
    if overlap and not has_ended:
        ends = (now + overlap * 1000, was_to_end, ends_at)
        until = min(each for each in ends if each is not None)
        changed |= {"previous_hash": row["key_hash"], "previous_until": until}
    return secret, {**row, **changed}


def end_of(expires_in: Integer | None, now: int) -> int | None:
    """When a key that lives so many seconds ends, in milliseconds."""
    return None if expires_in is None else now + integer(expires_in, "expires_in", 1, MAX_LIFE_SECONDS) * 1000


def rate_of(rate_limit: Integer | None) -> int | None:
    """How many calls a second."""
    return None if rate_limit is None else integer(rate_limit, "rate_limit", 1, MAX_RATE)


def overlap_of(row: Row, now: int) -> int | None:
    """Until when the secret before the last rotation works, None where it doesn't any more."""
    until: int | None = row["previous_until"]
    return until if until is not None and until > now else None


async def revoke(match: Mapping[str, Any], change: Change) -> int:
    """The keys whose columns equal `match` work no more, with neither of their secrets; how many."""
    rows = await change.write.matching(schema.api_key, match)
    for row in rows:
        change.journal.note("revoke", KIND, row["key_id"], row["brand_id"], before=shown(row))
    await change.write.remove(schema.api_key, match)
    return len(rows)


def _secret() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def _check_scope(body: KeyBody) -> None:
    """A role's scope is as wide as the role: a hub has one store, a channel key one channel, the platform all."""
    if body.role in _NEEDS_BRAND and body.brand_id is None:
        raise Rejection(Problem.MISSING_FIELD, "brandId")
    if body.role == "platform" and (body.brand_id or body.poi_ids or body.channel_code):
        raise Rejection(Problem.VALUE_INVALID, "role", why="a platform key has no scope")
    _check_stores(body)
    if body.role == "channel" and body.channel_code is None:
        raise Rejection(Problem.MISSING_FIELD, "channel_code")
    if body.role not in _MAY_HAVE_CHANNEL and body.channel_code is not None:
        raise Rejection(Problem.VALUE_INVALID, "channel_code", why="keys of this role have no channel")


def _check_stores(body: KeyBody) -> None:
    if body.poi_ids is not None:
        if body.brand_id is None:
            raise Rejection(Problem.MISSING_FIELD, "brandId")
        if not body.poi_ids:
            raise Rejection(Problem.EMPTY, "poi_ids")
        if len(body.poi_ids) > MAX_STORES:
            raise Rejection(Problem.TOO_MANY, "poi_ids", most=MAX_STORES)
    if body.role in ("store", "hub") and body.poi_ids is None:
        raise Rejection(Problem.MISSING_FIELD, "poi_ids")
    if body.role == "hub" and len(body.poi_ids or ()) != 1:
        raise Rejection(Problem.VALUE_INVALID, "poi_ids", why="a hub has one store")


def shown(row: Row) -> KeyShown:
    """A key as lists show it."""
    return KeyShown(*_public(row))


def made(secret: str, row: Row) -> KeyMade:
    """A key as the one who made it sees it, this once."""
    return KeyMade(secret, *_public(row))


def _public(row: Row) -> tuple[Any, ...]:
    names = ("key_id", "name", "role", "brand_id", "poi_ids", "channel_code")
    ends = (None if row[name] is None else to_iso(row[name]) for name in ("expires_at", "previous_until"))
    return (*(row[name] for name in names), to_iso(row["created_at"]), *ends, row["rate_limit"])
