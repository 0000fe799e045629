"""What a store's hub asks of the cloud and tells it (DESIGN section 7).

A hub's key has the hub's id as its own, so a hub speaks for itself alone. The journal of one that was replaced, whose
key opens nothing any more, is told by whoever may pair hubs in its store.
"""

import asyncio

from msgspec import structs

from eightysix.catalog.catalog import Catalog
from eightysix.catalog.store_copy import copy_of
from eightysix.core.command import MoveGrants, TellHubEvent
from eightysix.core.instant import to_iso
from eightysix.core.key import StoreKey
from eightysix.core.outcome import Code, GrantsMoved, HubEventTold, Outcome, Refused
from eightysix.core.reservation import Reservation
from eightysix.storage.port import Reader
from eightysix.wire.answer import refused_answer
from eightysix.wire.fields import identifier
from eightysix.wire.grant import GrantsBody, grants_answer
from eightysix.wire.hub_event import HubEventsBody, events_answer
from eightysix.wire.hub_orders import LINES_IN_PAGE, HubOrdersAnswer, HubOrdersQuery
from eightysix.wire.problem import STATUS, Rejection
from eightysix.wire.store_copy import StoreCopyQuery

from .auth import Caller, Doorkeeper
from .bulk import Submit
from .endpoint import Call
from .orders import held_order
from .reply import EMPTY, Reply, json_reply, rejected, rejection_of
from .scope import store_named

Told = Outcome | BaseException
"""What an event came to."""


class HubLine:
    """Answers hubs."""

    def __init__(self, submit: Submit, reader: Reader, catalog: Catalog, doorkeeper: Doorkeeper) -> None:
        self._submit = submit
        self._reader = reader
        self._catalog = catalog
        self._doorkeeper = doorkeeper

    async def store(self, call: Call) -> Reply:
        """GET what the hub needs of the configuration; nothing where it has that already."""
        query: StoreCopyQuery = call.query
        self._hub(call.caller, query.brand_id, query.poi_id, call.caller.grant.key_id)
        if query.since == self._catalog.current.copy_version(query.brand_id, query.poi_id):
            return EMPTY
        return json_reply(await copy_of(self._catalog, query.brand_id, query.poi_id))

    async def orders(self, call: Call) -> Reply:
        """GET a page of the cloud's live orders, by order_id."""
        query: HubOrdersQuery = call.query
        store = self._hub(call.caller, query.brand_id, query.poi_id, call.caller.grant.key_id)
        after = "" if query.cursor is None else identifier(query.cursor, "cursor")
        now, lines = await self._reader.live_lines(store, after, LINES_IN_PAGE)
        orders = _by_order(lines)
        has_more = len(lines) == LINES_IN_PAGE
        if has_more and len(orders) > 1:
            orders.popitem()  # its lines may go on behind the page
        shown = [held_order(order_id, now, held, None) for order_id, held in orders.items()]
        return json_reply(HubOrdersAnswer(to_iso(now), shown, shown[-1].order_id if has_more else None))

    async def grants(self, call: Call) -> Reply:
        """POST what the hub wants more of, and what it gives back."""
        body: GrantsBody = call.body
        store = self._hub(call.caller, body.brand_id, body.poi_id, body.device_id, field="device_id")
        outcome = await self._submit(body.command(store, call.caller.actor))
        if isinstance(outcome, Refused):
            return json_reply(refused_answer(outcome, call.language), STATUS[outcome.code])
        if not isinstance(outcome, GrantsMoved):
            raise TypeError(f"{MoveGrants.__name__} came to {type(outcome).__name__}")
        return json_reply(grants_answer(outcome))

    async def events(self, call: Call) -> Reply:
        """POST events of a journal, in order. The lane keeps that; one that isn't stored is a gap to all that follow.

        So whatever happens, what was before it stays: the answer says how far the journal is stored, and only if not
        even the first event is, why. The hub goes on from there."""
        body: HubEventsBody = call.body
        hub_id = identifier(body.hub_id, "hub_id")
        if call.caller.grant.role == "hub":
            store = self._hub(call.caller, body.brand_id, body.poi_id, hub_id)
        else:
            store = await self._left_behind(call.caller, body.brand_id, body.poi_id, hub_id)
        commands, stop = body.commands(store)
        self._doorkeeper.count_stores(call.caller, len(commands), "events")
        told = await self._tell(commands)
        stored = [outcome for outcome in told if isinstance(outcome, HubEventTold)]
        if call.caller.grant.role == "hub" and _is_unproved(stored):
            return _refused(call, told, stop, len(stored))
        if stored:
            now, _ = await self._reader.head(store)
            return json_reply(events_answer(stored, now))
        return _refused(call, told, stop)

    async def _tell(self, commands: list[TellHubEvent]) -> "list[Told]":
        """What the events came to, up to the first that wasn't stored."""
        told: list[Told] = await asyncio.gather(
            *[self._submit(command, background=True) for command in commands], return_exceptions=True
        )
        stored = next((at for at, each in enumerate(told) if not isinstance(each, HubEventTold)), len(told))
        return told[: stored + 1]

    def _hub(self, caller: Caller, brand_id: str, poi_id: str, hub_id: str, *, field: str = "hub_id") -> StoreKey:
        """The store, if its hub calls. 404 where the caller isn't that hub, or a hub that was replaced."""
        store = store_named(caller, self._catalog.current, brand_id, poi_id)
        if hub_id != caller.grant.key_id or self._catalog.current.hub(brand_id, poi_id) != hub_id:
            raise Rejection(Code.HUB_NOT_FOUND, field)
        return store

    async def _left_behind(self, caller: Caller, brand_id: str, poi_id: str, hub_id: str) -> StoreKey:
        """The store whose hub was replaced. 404 for any other: the one that it has speaks for itself, and what an
        unknown one tells would be believed."""
        store = store_named(caller, self._catalog.current, brand_id, poi_id)
        rows = await self._reader.hub_rows(store)
        if not any(hub.hub_id == hub_id and hub.is_fenced for hub in rows.hubs):
            raise Rejection(Code.HUB_NOT_FOUND, "hub_id")
        return store


def _by_order(lines: list[Reservation]) -> dict[str, list[Reservation]]:
    orders: dict[str, list[Reservation]] = {}
    for line in lines:
        orders.setdefault(line.order_id, []).append(line)
    return orders


def _is_unproved(stored: list[HubEventTold]) -> bool:
    """Whether nothing says that these events are those that were stored under their numbers: that shows by the digest
    at the journal's end alone. A hub that sends again sends as much as before, at least; a journal that ends earlier,
    or differs there, was put back and went on. Were it told that all is stored, it would forget what nobody has."""
    return bool(stored) and stored[-1].replayed and stored[-1].seq < stored[-1].expected_seq - 1


def _refused(call: Call, told: "list[Told]", stop: Rejection | None, at: int = 0) -> Reply:
    """Why the event `at` isn't stored; where there is none, why those before it aren't known to be."""
    outcome = told[at] if at < len(told) else None
    if outcome is None and stop is not None:
        raise stop
    if outcome is None and told and isinstance(last := told[-1], HubEventTold):
        outcome, at = Refused(Code.JOURNAL_MISMATCH, field="events", expected_seq=last.expected_seq), at - 1
    if isinstance(outcome, Refused):
        where = f"events[{at}]" if outcome.field is None else f"events[{at}].{outcome.field}"
        return json_reply(refused_answer(structs.replace(outcome, field=where), call.language), STATUS[outcome.code])
    fault = outcome if isinstance(outcome, Exception) else TypeError(f"an event came to {outcome!r}")
    return rejected(rejection_of(fault), call.language)
