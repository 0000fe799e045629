"""Keys over HTTP, and the log of administration: who may see, make, rotate, limit and revoke which.

Keys are about a brand as a whole or about the platform, so a key of some stores has nothing to do with them. A brand's
key reaches its brand's keys only; what it may give them is decided where it is given, in the keyring.
"""

from typing import Any

from eightysix.catalog.catalog import Catalog
from eightysix.catalog.keyring import Holder, Keyring
from eightysix.wire.administration import NAME_LENGTH, AuditQuery, KeyBody, KeyQuery, LimitBody, RotateBody
from eightysix.wire.fields import identifier, instant, text
from eightysix.wire.problem import Problem, Rejection

from .auth import Caller
from .endpoint import Call
from .reply import EMPTY, Reply, json_reply


class Keys:
    """Answers the calls about keys."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    async def list(self, call: Call) -> Reply:
        """GET keys without their secrets."""
        query: KeyQuery = call.query
        match = _match(call.caller, query.brand_id)
        match |= {
            name: identifier(value, name)
            for name, value in (("key_id", query.key_id), ("channel_code", query.channel_code))
            if value is not None
        }
        if query.role is not None:
            match["role"] = query.role
        if query.poi_id is None:
            page = await self._keyring.page(match, query.cursor, query.limit)
        else:
            poi_id = identifier(query.poi_id, "poiId")
            page = await self._keyring.page_of_store(poi_id, match, query.cursor, query.limit)
        if query.key_id is not None and not page.items:
            raise Rejection(Problem.KEY_NOT_FOUND, "key_id")
        return json_reply(page)

    async def make(self, call: Call) -> Reply:
        """POST a new key."""
        body: KeyBody = call.body
        caller = call.caller
        caller.reach_whole_brand()
        if caller.grant.brand_id is not None and body.role in ("platform", "auditor") and body.brand_id is None:
            raise Rejection(Problem.VALUE_INVALID, "role", why="the roles of a brand's keys only")
        caller.brand_of(body.brand_id)
        return json_reply(await self._keyring.mint(body, Holder(caller.actor.name, caller.secret)), 201)

    async def rotate(self, call: Call) -> Reply:
        """POST another secret for a key."""
        body: RotateBody = call.body
        holder = _holder(call.caller)
        return json_reply(await self._keyring.rotate(identifier(body.key_id, "key_id"), body, holder))

    async def limit(self, call: Call) -> Reply:
        """POST how many calls a second a key may make."""
        body: LimitBody = call.body
        holder = _holder(call.caller)
        return json_reply(await self._keyring.limit(identifier(body.key_id, "key_id"), body, holder))

    async def revoke(self, call: Call) -> Reply:
        """DELETE a key: it works no more."""
        holder = _holder(call.caller)
        await self._keyring.revoke(identifier(call.query.key_id, "key_id"), holder)
        return EMPTY


class Audit:
    """Answers who changed what of the configuration."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def lines(self, call: Call) -> Reply:
        """GET lines, newest first. Those of a brand that is gone are still there."""
        query: AuditQuery = call.query
        match = _match(call.caller, query.brand_id)
        for name, value in (("kind", query.kind), ("actor", query.actor)):
            if value is not None:
                match[name] = identifier(value, name)
        if query.action is not None:
            match["action"] = query.action
        if query.object is not None:
            match["object"] = text(query.object, "object", NAME_LENGTH)
        since = None if query.since is None else instant(query.since, "from")
        until = None if query.until is None else instant(query.until, "to")
        return json_reply(await self._catalog.audit(match, since, until, query.cursor, query.limit))


def _match(caller: Caller, asked: str | None = None) -> dict[str, Any]:
    """The columns that bind what is touched to the caller's brand, or to the one that was asked for."""
    caller.reach_whole_brand()
    brand_id = caller.brand_of(None if asked is None else identifier(asked, "brandId"))
    return {} if brand_id is None else {"brand_id": brand_id}


def _holder(caller: Caller) -> Holder:
    match = _match(caller)
    return Holder(caller.actor.name, caller.secret, match)
