"""Brands, stores, channels, items and rules over HTTP: bound to the caller's scope, then left to the catalogue."""

from collections.abc import Callable
from typing import Any

from eightysix.catalog.catalog import Catalog
from eightysix.catalog.kinds import BRAND, CHANNEL, ITEM, STORE, Kind
from eightysix.catalog.menu import import_menu
from eightysix.catalog.restore_rules import RULE
from eightysix.core.outcome import Code
from eightysix.storage.catalog import Row
from eightysix.wire.fields import identifier, object_id
from eightysix.wire.problem import Rejection
from eightysix.wire.stock import object_type

from .auth import Caller
from .endpoint import Call, Sent
from .reply import EMPTY, Reply, json_reply
from .several import as_sent, bodies_of, written

_FIELDS: dict[str, Callable[[Any], Any]] = {
    "brand_id": lambda value: identifier(value, "brandId"),
    "poi_id": lambda value: identifier(value, "poiId"),
    "rule_id": lambda value: identifier(value, "rule_id"),
    "channel_code": lambda value: identifier(value, "channel_code"),
    "object_type": object_type,
    "object_id": lambda value: object_id(value, "object_id"),
}


class Administration:
    """Answers the calls of administration."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def brands(self, call: Call) -> Reply:
        return await self._list(BRAND, call)

    async def stores(self, call: Call) -> Reply:
        return await self._list(STORE, call)

    async def channels(self, call: Call) -> Reply:
        return await self._list(CHANNEL, call)

    async def items(self, call: Call) -> Reply:
        return await self._list(ITEM, call)

    async def rules(self, call: Call) -> Reply:
        return await self._list(RULE, call)

    def writer(self, kind: Kind, *, replace: bool) -> Callable[[Call], Any]:
        """POST (make) or PUT (make or replace) objects of `kind`: one, or several and then all or none."""

        async def write(call: Call) -> Reply:
            sent: Sent[Any] = call.body
            bodies = bodies_of(sent)
            try:
                for at, body in enumerate(bodies):
                    _reach(kind, body, at, call.caller)
                actor, reach = call.caller.actor.name, _reach_row(kind, call.caller)
                shown = await self._catalog.write(kind, bodies, actor, replace=replace, reach=reach)
            except Rejection as rejection:
                raise as_sent(rejection, sent) from None
            return written(shown, sent, replace=replace)

        return write

    def remover(self, kind: Kind) -> Callable[[Call], Any]:
        """DELETE one object of `kind`."""

        async def remove(call: Call) -> Reply:
            key = tuple(_FIELDS[name](getattr(call.query, name)) for name in kind.key)
            reach = _reach_row(kind, call.caller)
            if reach is None:
                _reach(kind, call.query, 0, call.caller, prefix="")
            else:  # whose it is, only the row tells
                call.caller.reach_brand(call.query.brand_id)
            await self._catalog.remove(kind, key, call.caller.actor.name, reach=reach)
            return EMPTY

        return remove

    async def import_items(self, call: Call) -> Reply:
        """POST a menu as CSV."""
        brand_id = identifier(call.query.brand_id, "brandId")
        call.caller.reach_brand(brand_id)
        call.caller.reach_whole_brand()
        if self._catalog.current.brand(brand_id) is None:
            raise Rejection(Code.BRAND_NOT_FOUND, "brandId")
        actor = call.caller.actor.name
        return json_reply(await import_menu(self._catalog, brand_id, call.body, actor, dry_run=call.query.dry_run))

    async def _list(self, kind: Kind, call: Call) -> Reply:
        """One page of a kind; a whole key in the query asks for that object, and 404 if it isn't there."""
        query, caller, grant = call.query, call.caller, call.caller.grant
        asked = {name: getattr(query, name) for name in kind.key if getattr(query, name) is not None}
        match = {name: _FIELDS[name](value) for name, value in asked.items()}
        brand_id = caller.brand_of(match.get("brand_id"))
        if brand_id is not None:
            match["brand_id"] = brand_id
            if kind is not BRAND and self._catalog.current.brand(brand_id) is None:
                raise Rejection(Code.BRAND_NOT_FOUND, "brandId")
        if kind in (STORE, RULE):
            self._match_stores(kind, call, match)
        if kind is CHANNEL and grant.channel_code is not None:
            caller.reach_channel(match.setdefault("channel_code", grant.channel_code))
        page = await self._catalog.page(kind, match, query.cursor, query.limit)
        if len(asked) == len(kind.key) and not page.items:
            raise Rejection(kind.not_found)
        return json_reply(page)

    def _match_stores(self, kind: Kind, call: Call, match: dict[str, Any]) -> None:
        """Only the caller's stores; rules of the whole brand, which hold in them too, are shown besides."""
        own = call.caller.grant.poi_ids
        if call.query.poi_id is not None:
            match["poi_id"] = identifier(call.query.poi_id, "poiId")
            call.caller.reach(match["brand_id"], match["poi_id"])
        elif own is not None:
            match["poi_id"] = [*sorted(own), *([None] if kind is RULE else [])]


def _reach_row(kind: Kind, caller: Caller) -> Callable[[Row], None] | None:
    """For kinds of which a store's key has some: raises for a row of before that isn't the caller's."""
    if kind is not RULE:
        return None

    def reach(row: Row) -> None:
        if row["poi_id"] is None:
            caller.reach_whole_brand()
        else:
            caller.reach(row["brand_id"], row["poi_id"])

    return reach


def _reach(kind: Kind, named: Any, at: int, caller: Caller, *, prefix: str = "items") -> None:
    """The object is within the caller's scope."""
    try:
        if kind is STORE or (kind is RULE and named.poi_id is not None):
            caller.reach(named.brand_id, named.poi_id)
        else:
            caller.reach_brand(named.brand_id)
            caller.reach_whole_brand()
    except Rejection as rejection:
        raise rejection.inside(f"{prefix}[{at}]") if prefix else rejection from None
