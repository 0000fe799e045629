"""The AsyncAPI document: the messages of the bus, of streams and of webhooks, made from the wire's types."""

import re
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from eightysix.wire.answer import ErrorAnswer, OrderAnswer
from eightysix.wire.following import StreamEvent
from eightysix.wire.grant import RECALL, RECALLS_TOPIC, GrantRecall
from eightysix.wire.message import STOCK_TOPIC, StockMessage, StoreMessage
from eightysix.wire.order_event import (
    ANSWERS_TOPIC,
    EVENTS_TOPIC,
    CancelledEvent,
    OrderStockAnswer,
    PaidEvent,
    PlacedEvent,
    ReturnedEvent,
)
from eightysix.wire.webhook_event import (
    ChannelStockChanged,
    ChannelStockLow,
    IncidentClosed,
    IncidentOpened,
    Pinged,
    StockChanged,
    StockLow,
    StoreChanged,
)

from .schemas import NUMBER, SENT_NUMBER, components

VERSION = "1"


class Event(NamedTuple):
    """One kind of message; `name` is what it is called on its channel."""

    name: str
    payload: Any
    summary: str


class Channel(NamedTuple):
    """Where messages go, seen from the service: it sends them or receives them."""

    name: str
    address: str
    action: Literal["send", "receive"]
    protocol: str
    summary: str
    events: Sequence[Event]


_STATES = (
    Event("poi.item.stock", StockMessage, "A stock has changed: its state now, and what each channel can sell of it."),
    Event("poi.store", StoreMessage, "A store as a whole has changed: it or its brand has opened, closed or is gone."),
)

_OF_THE_STREAM = (
    Event("ready", StreamEvent, "The stream begins here; the first event of each."),
    Event("reset", StreamEvent, "What is known is void, as after a restore from a backup; everything is sent anew."),
    Event("current", StreamEvent, "The end of what follows a reset: what wasn't told has no row."),
    Event("nudge", StreamEvent, "Acknowledgements stay behind: what came after this cursor is sent again."),
)

_RECALLED = Event(RECALL, GrantRecall, "Online orders go short of what the store's hub holds: a hint to give back.")

_EVENTS = (
    Event("order.placed", PlacedEvent, "Lock the lines, all or none: POST /api/v1/stock/lock."),
    Event("order.paid", PaidEvent, "Deduct what is locked, locking anew what has expired: POST /api/v1/stock/deduct."),
    Event("order.cancelled", CancelledEvent, "Unlock the order, and close it: POST /api/v1/stock/unlock."),
    Event("order.returned", ReturnedEvent, "Portions come back: POST /api/v1/stock/return."),
)

CHANNELS = (
    Channel(
        "stock_topic",
        STOCK_TOPIC,
        "send",
        "bus",
        "Every change, in order per store: the message group is the store. Redelivery may step back, so a receiver "
        "ignores a `data.version` that isn't above what it has.",
        _STATES,
    ),
    Channel(
        "stock_stream",
        "/api/v1/poi/stock/stream",
        "send",
        "http",
        "One store's changes as server-sent events; `id` is the cursor to resume from by Last-Event-ID.",
        (*_STATES, *_OF_THE_STREAM, _RECALLED),
    ),
    Channel(
        "recalls_topic",
        RECALLS_TOPIC,
        "send",
        "bus",
        "What online orders lack of the stocks that hubs hold; the message group is the store. Nobody needs what they "
        "missed.",
        (_RECALLED,),
    ),
    Channel(
        "order_events_topic",
        EVENTS_TOPIC,
        "receive",
        "bus",
        "What the order service tells. The message group is the store; the events of an order are done in the order of "
        "`order_seq` (1, 2, 3 … without gaps), whatever comes first. A repeat is answered again.",
        _EVENTS,
    ),
    Channel(
        "order_stock_topic",
        ANSWERS_TOPIC,
        "send",
        "bus",
        "The answer to each event, at least once; `event_id` is the event's, so that a repeat can be told.",
        (Event("order.stock", OrderStockAnswer, "What became of an event; `body` is what HTTP would have answered."),),
    ),
    Channel(
        "webhooks",
        "/",
        "send",
        "http",
        "Requests to the URL of a webhook, with the headers webhook-id, webhook-timestamp and webhook-signature as "
        "Standard Webhooks has them. A receiver ignores a `data.seq` that isn't above what it has of that object.",
        (
            Event("stock.changed", StockChanged, "A stock has changed: its state now."),
            Event(
                "stock.changed (one channel)", ChannelStockChanged, "What one channel can sell of a stock has changed."
            ),
            Event("stock.low", StockLow, "A stock has fallen below a threshold."),
            Event("stock.low (one channel)", ChannelStockLow, "Little is left of a stock for one channel."),
            Event("store.changed", StoreChanged, "A store has opened, closed, moved to another time zone, or is gone."),
            Event("incident.opened", IncidentOpened, "More was sold or promised than there was."),
            Event("incident.resolved", IncidentClosed, "An incident was resolved."),
            Event("webhook.ping", Pinged, "A test."),
        ),
    ),
)
"""All of them; who adds one adds it here."""


_WITHIN = (OrderAnswer, ErrorAnswer)
"""Referred to by name from within a payload."""


def document(channels: Sequence[Channel] = CHANNELS) -> bytes:
    """The document as JSON."""
    events = {event.name: event for channel in channels for event in channel.events}
    refs: dict[Any, Any] = {}
    schemas: dict[str, Any] = {}
    for action, number, more in (("send", NUMBER, _WITHIN), ("receive", SENT_NUMBER, ())):
        payloads = {event.payload for channel in channels if channel.action == action for event in channel.events}
        found, parts = components([*payloads, *more], number)
        refs.update(found)
        schemas.update(parts)
    return msgspec.json.encode(
        {
            "asyncapi": "3.0.0",
            "info": {
                "title": "EightySix",
                "version": VERSION,
                "description": "What the stock service of a restaurant platform tells, and what it may be told.",
            },
            "defaultContentType": "application/json",
            "channels": {channel.name: _channel(channel) for channel in channels},
            "operations": {f"{channel.action}_{channel.name}": _operation(channel) for channel in channels},
            "components": {
                "messages": {_id(event): _message(event, refs) for event in events.values()},
                "schemas": schemas,
            },
        }
    )


def _channel(channel: Channel) -> dict[str, Any]:
    messages = {_id(event): {"$ref": f"#/components/messages/{_id(event)}"} for event in channel.events}
    return {
        "address": channel.address,
        "description": channel.summary,
        "messages": messages,
        "x-protocol": channel.protocol,
    }


def _operation(channel: Channel) -> dict[str, Any]:
    path = f"#/channels/{channel.name}"
    return {
        "action": channel.action,
        "channel": {"$ref": path},
        "messages": [{"$ref": f"{path}/messages/{_id(event)}"} for event in channel.events],
    }


def _message(event: Event, refs: dict[Any, Any]) -> dict[str, Any]:
    return {"name": event.name, "summary": event.summary, "payload": refs[event.payload]}


def _id(event: Event) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", event.name)
