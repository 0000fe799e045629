"""Keys: 256 random bits, shown once, kept as their SHA-256 (a slow hash is for people's passwords)."""

import hashlib
import secrets
from typing import Any

from eightysix.core.instant import to_iso
from eightysix.storage.catalog import Row
from eightysix.wire.administration import (
    MAX_LIFE_SECONDS,
    MAX_STORES,
    NAME_LENGTH,
    KeyBody,
    KeyMade,
    KeyShown,
)
from eightysix.wire.fields import identifier, integer, text
from eightysix.wire.problem import Problem, Rejection

PREFIX = "e86_"

_NEEDS_BRAND = ("brand", "order-service", "store", "hub", "channel")


def hash_of(secret: bytes) -> str:
    """What is stored of a key."""
    return hashlib.sha256(secret).hexdigest()


def mint(body: KeyBody, now: int) -> tuple[str, dict[str, Any]]:
    """A new secret and the row to store for it."""
    _check_scope(body)
    secret = PREFIX + secrets.token_urlsafe(32)
    life = None if body.expires_in is None else integer(body.expires_in, "expires_in", 1, MAX_LIFE_SECONDS)
    return secret, {
        "key_id": "key_" + secrets.token_hex(8),
        "key_hash": hash_of(secret.encode()),
        "name": text(body.name, "name", NAME_LENGTH),
        "role": body.role,
        "brand_id": None if body.brand_id is None else identifier(body.brand_id, "brandId"),
        "poi_ids": body.poi_ids and [identifier(one, f"poi_ids[{at}]") for at, one in enumerate(body.poi_ids)],
        "channel_code": None if body.channel_code is None else identifier(body.channel_code, "channel_code"),
        "created_at": now,
        "expires_at": None if life is None else now + life * 1000,
        "revoked_at": None,
    }


def _check_scope(body: KeyBody) -> None:
    """A role's scope is as wide as the role: a hub has one store, a channel key one channel, the platform all."""
    if body.role in _NEEDS_BRAND and body.brand_id is None:
        raise Rejection(Problem.MISSING_FIELD, "brandId")
    if body.role == "platform" and (body.brand_id or body.poi_ids or body.channel_code):
        raise Rejection(Problem.VALUE_INVALID, "role", why="a platform key has no scope")
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
    if (body.role == "channel") != (body.channel_code is not None):
        problem = Problem.MISSING_FIELD if body.role == "channel" else Problem.VALUE_INVALID
        raise Rejection(problem, "channel_code", why="only a channel key has a channel")


def shown(row: Row) -> KeyShown:
    """A key as lists show it."""
    return KeyShown(*_public(row))


def made(secret: str, row: Row) -> KeyMade:
    """A key as the one who made it sees it, this once."""
    return KeyMade(secret, *_public(row))


def _public(row: Row) -> tuple[Any, ...]:
    expires_at = None if row["expires_at"] is None else to_iso(row["expires_at"])
    names = ("key_id", "name", "role", "brand_id", "poi_ids", "channel_code")
    return (*(row[name] for name in names), to_iso(row["created_at"]), expires_at)
