"""Order events that could not be processed: looked at, and processed again. For those who run the platform."""

import logging

import msgspec

from eightysix.catalog.paging import cursor_of, key_after
from eightysix.core.key import StoreKey
from eightysix.storage import schema
from eightysix.storage.message_parked import ParkedKey, ParkedMessage
from eightysix.sync.order_events import OrderEvents
from eightysix.wire.administration import Page
from eightysix.wire.answer import iso
from eightysix.wire.language import Language
from eightysix.wire.parked_event import (
    MAX_PARKED_PAGE,
    DiscardedEvents,
    DiscardEventsBody,
    ParkedEvent,
    ParkedEventQuery,
    ParkedReason,
    ReplayedEvent,
    ReplayedEvents,
    ReplayEventsBody,
)
from eightysix.wire.problem import Rejection

from .auth import Caller
from .endpoint import Call
from .reply import Reply, json_reply

_log = logging.getLogger(__name__)

_KEY = tuple(schema.message_parked.primary_key)
_reason = msgspec.json.Decoder(ParkedReason).decode


class ParkedEvents:
    """Answers the calls about parked events."""

    def __init__(self, events: OrderEvents) -> None:
        self._events = events

    async def listed(self, call: Call) -> Reply:
        """GET a page of what is parked."""
        query: ParkedEventQuery = call.query
        store, most = query.store(), query.most()
        _reach(call.caller, store)
        after = None if query.cursor is None else _key(query.cursor)
        found = await self._events.parking.page(after, store, most + 1)
        cursor = cursor_of(found[most - 1].key) if len(found) > most else None
        return json_reply(Page([_shown(message, call.language) for message in found[:most]], cursor))

    async def replay(self, call: Call) -> Reply:
        """POST: process them again, one after the other."""
        body: ReplayEventsBody = call.body
        store, named = body.store(), body.named()
        _reach(call.caller, store)
        if named is not None:
            keys = [_named(parked_id, at) for at, parked_id in enumerate(named)]
            return json_reply(ReplayedEvents([await self._replayed(key, store) for key in keys], has_more=False))
        found = await self._events.parking.page(None, store, MAX_PARKED_PAGE + 1)
        results = [await self._replayed(message.key, store) for message in found[:MAX_PARKED_PAGE]]
        return json_reply(ReplayedEvents(results, len(found) > MAX_PARKED_PAGE))

    async def discard(self, call: Call) -> Reply:
        """POST: forget them. An event that waits goes on waiting; it is only no longer listed."""
        body: DiscardEventsBody = call.body
        store, named = body.store(), body.named() or []
        _reach(call.caller, store)
        parking = self._events.parking
        messages = [await parking.get(_named(parked_id, at)) for at, parked_id in enumerate(named)]
        known = {each.key: each for each in messages if each is not None and store in (None, each.store)}
        for each in known.values():
            _log.warning("%s discards %s: %s %s", call.caller.actor.name, each.key.message_id, each.reason, each.body)
        await parking.drop(known)
        return json_reply(DiscardedEvents(len(known)))

    async def _replayed(self, key: ParkedKey, store: StoreKey | None) -> ReplayedEvent:
        if store is not None:
            message = await self._events.parking.get(key)
            if message is None or message.store != store:
                return ReplayedEvent(cursor_of(key), "unknown")
        return ReplayedEvent(cursor_of(key), await self._events.replay(key))


def _reach(caller: Caller, store: StoreKey | None) -> None:
    if store is None:
        caller.brand_of(None)
    else:
        caller.reach(store.brand_id, store.poi_id)


def _key(cursor: str) -> ParkedKey:
    bucket, topic, message_id = key_after(cursor, _KEY)
    return ParkedKey(int(bucket), str(topic), str(message_id))


def _named(parked_id: str, at: int) -> ParkedKey:
    try:
        return _key(parked_id)
    except Rejection as rejection:
        rejection.field = f"parked_ids[{at}]"
        raise


def _shown(message: ParkedMessage, language: Language) -> ParkedEvent:
    reason = _reason(message.reason)
    brand_id, poi_id = (None, None) if message.store is None else message.store[1:]
    told, parked_at = reason.told(language), iso(message.parked_at)
    return ParkedEvent(
        cursor_of(message.key),
        message.key.topic,
        brand_id,
        poi_id,
        reason.code,
        told,
        reason.field,
        message.tries,
        parked_at,
        message.body,
    )
