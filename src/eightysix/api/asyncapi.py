"""The AsyncAPI document: the messages of the bus, of streams and of webhooks, made from the wire's types."""

import re
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from eightysix.wire.following import StreamEvent
from eightysix.wire.message import STOCK_TOPIC, StockMessage, StoreMessage

from .schemas import NUMBER, components

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
        (*_STATES, *_OF_THE_STREAM),
    ),
)
"""All of them; who adds one adds it here."""


def document(channels: Sequence[Channel] = CHANNELS) -> bytes:
    """The document as JSON."""
    events = {event.name: event for channel in channels for event in channel.events}
    refs, schemas = components([event.payload for event in events.values()], NUMBER)
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
