"""The bodies that webhooks are sent: `type`, `timestamp` of the change, and what is, whole, in `data`.

`seq` rises with each change of a store. A receiver keeps, of each object, the highest `seq` it has seen and ignores
what isn't above it: a repeat, or a message that was overtaken on its way.
"""

from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import asdict

from .answer import ENCODER
from .channels import AlertAnswer
from .incident import IncidentAnswer, read_incident_id
from .message import ChannelSale, Message, StockMessage, StockState, StoreMessage, StoreState
from .stock import Number
from .webhook import WebhookEvent


class WebhookStock(StockState, frozen=True, gc=False, kw_only=True):
    """A stock as it is, with what each channel can sell of it."""

    brand_id: str = msgspec.field(name="brandId")
    poi_id: str = msgspec.field(name="poiId")
    seq: int


class WebhookChannelStock(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What one channel can sell of an item: all that a webhook with a `channel_code` is told. `available` null: no
    limit. `deleted`: the item is no longer in the menu."""

    brand_id: str = msgspec.field(name="brandId")
    poi_id: str = msgspec.field(name="poiId")
    seq: int
    object_type: int
    object_id: int
    version: int
    channel_code: str
    sellable: bool
    available: Number | None
    blocked_by: str | None
    deleted: bool


class WebhookLow(WebhookStock, frozen=True, gc=False, kw_only=True):
    """A stock of which little is left; `alerts` are the thresholds that were crossed."""

    alerts: list[AlertAnswer]


class WebhookChannelLow(WebhookChannelStock, frozen=True, gc=False, kw_only=True):
    """The same for one channel."""

    alerts: list[AlertAnswer]


class WebhookStore(StoreState, frozen=True, gc=False, kw_only=True):
    """A store as a whole. While it isn't open, nothing can be sold there."""

    brand_id: str = msgspec.field(name="brandId")
    poi_id: str = msgspec.field(name="poiId")
    seq: int


class WebhookIncident(IncidentAnswer, frozen=True, gc=False, kw_only=True):
    """An incident as it is: also that it was opened may be told of one that is resolved by now."""

    seq: int


class WebhookPing(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A test."""

    brand_id: str = msgspec.field(name="brandId")
    webhook_id: str


class StockChanged(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="stock.changed"):
    """A stock has changed."""

    timestamp: str
    data: WebhookStock


class ChannelStockChanged(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="stock.changed"):
    """The same, as a webhook with a `channel_code` is told it."""

    timestamp: str
    data: WebhookChannelStock


class StockLow(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="stock.low"):
    """Little is left of a stock."""

    timestamp: str
    data: WebhookLow


class ChannelStockLow(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="stock.low"):
    """The same, as a webhook with a `channel_code` is told it."""

    timestamp: str
    data: WebhookChannelLow


class StoreChanged(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="store.changed"):
    """A store has opened, closed, moved to another time zone, or is gone."""

    timestamp: str
    data: WebhookStore


class IncidentOpened(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="incident.opened"):
    """More was sold or promised than there was, and somebody must resolve it."""

    timestamp: str
    data: WebhookIncident


class IncidentClosed(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="incident.resolved"):
    """An incident was resolved."""

    timestamp: str
    data: WebhookIncident


class Pinged(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="webhook.ping"):
    """Somebody wants to know whether the endpoint answers."""

    timestamp: str
    data: WebhookPing


Event = (
    StockChanged
    | ChannelStockChanged
    | StockLow
    | ChannelStockLow
    | StoreChanged
    | IncidentOpened
    | IncidentClosed
    | Pinged
)

encode_event = ENCODER.encode


def webhook_event(message: Message, event: WebhookEvent, seq: int, timestamp: str, channel_code: str | None) -> Event:
    """The event that tells of `message`'s state, known as `seq`; of one channel where that is all that is wanted."""
    where: dict[str, Any] = {"brand_id": message.brand_id, "poi_id": message.poi_id, "seq": seq}
    if isinstance(message, StoreMessage):
        return StoreChanged(timestamp, WebhookStore(**asdict(message.data), **where))
    told = _stock(message, channel_code, where)
    if event == "stock.changed":
        if channel_code is None:
            return StockChanged(timestamp, WebhookStock(**told))
        return ChannelStockChanged(timestamp, WebhookChannelStock(**told))
    told["alerts"] = alerts_of(message, channel_code)
    if channel_code is None:
        return StockLow(timestamp, WebhookLow(**told))
    return ChannelStockLow(timestamp, WebhookChannelLow(**told))


def incident_event(incident: IncidentAnswer, event: str, seq: int, timestamp: str) -> Event:
    """The event that tells of an incident, known as `seq`."""
    data = WebhookIncident(**asdict(incident), seq=seq)
    return IncidentOpened(timestamp, data) if event == "incident.opened" else IncidentClosed(timestamp, data)


def incident_of(message: StockMessage, channel_code: str | None) -> tuple[str, int] | None:
    """(which event of an incident a message is to a webhook of this channel, the incident's seq); None: none of it.

    Its own seq is that of the change that opened it.
    """
    if message.incident is UNSET or channel_code is not None:
        return None
    named = read_incident_id(message.incident.incident_id)
    if named is None:
        return None
    return "incident.opened" if named[2] == message.seq else "incident.resolved", named[2]


def alerts_of(message: StockMessage, channel_code: str | None) -> list[AlertAnswer]:
    """The alerts that a webhook of this channel is told: its own; without a channel all."""
    alerts = message.alerts or []
    return [each for each in alerts if channel_code in (None, each.channel_code)]


def _stock(message: StockMessage, channel_code: str | None, where: dict[str, Any]) -> dict[str, Any]:
    data = message.data
    if channel_code is None:
        return {**asdict(data), **where}
    nothing = ChannelSale(channel_code, sellable=False, available=0, blocked_by="item" if data.deleted else "channel")
    sale = next((each for each in data.channels if each.channel_code == channel_code), nothing)
    named = {"object_type": data.object_type, "object_id": data.object_id, "version": data.version}
    return {**asdict(sale), **named, **where, "deleted": data.deleted}
