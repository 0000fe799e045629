"""The table of what a store's hub answers: what is done in the store. All else is the cloud's, and 404 here.

| here                                             | in the cloud alone                                     |
|--------------------------------------------------|--------------------------------------------------------|
| order verbs, batch, an order                     | the configuration: brands, stores, channels, menu,     |
| availability, restore preview, alerts            | restore rules, keys, webhooks, and their audit         |
| setting, 86, guarantees released, a POS's report | stock as files, several stores at once                 |
| find-to-pos, stream, ack, devices                | replay and reconcile of a POS, which has its hub       |
| incidents, as far as this side has opened them   | resolving them; pairing; what hubs ask and tell        |
| the log of changes, health, metrics              | parked messages and events                             |
"""

from typing import NamedTuple

from eightysix.api.change_log import Log
from eightysix.api.channels import Channels
from eightysix.api.endpoint import Endpoint
from eightysix.api.following import DeviceList, Following
from eightysix.api.health import Health
from eightysix.api.incidents import IncidentDesk
from eightysix.api.metrics import MetricsPage
from eightysix.api.pos import Pos
from eightysix.api.setting import StockSetting
from eightysix.api.stock import Stocks
from eightysix.api.stream import Streams

from .following import devices_calls, following_calls
from .health import health_calls, metrics_calls
from .incidents import incidents_calls
from .orders import orders_calls
from .pos import pos_calls
from .records import log_calls
from .stocks import channels_calls, setting_calls, stocks_calls

_CLOUD_ALONE = ("/api/v1/poi/stock/replay", "/api/v1/incidents/{incident_id}/resolve")


class HubRooms(NamedTuple):
    """Those who answer the calls."""

    stocks: Stocks
    setting: StockSetting
    pos: Pos
    channels: Channels
    incidents: IncidentDesk
    log: Log
    health: Health
    following: Following
    streams: Streams
    devices: DeviceList
    metrics: MetricsPage


def hub_endpoints(rooms: HubRooms) -> list[Endpoint]:
    """Every endpoint of a hub, as the cloud has it, in the order in which the documentation shows them."""
    table = [
        *orders_calls(),
        *stocks_calls(rooms.stocks),
        *setting_calls(rooms.setting),
        *pos_calls(rooms.pos),
        *channels_calls(rooms.channels),
        *incidents_calls(rooms.incidents),
        *following_calls(rooms.following, rooms.streams),
        *devices_calls(rooms.devices),
        *log_calls(rooms.log),
        *health_calls(rooms.health),
        *metrics_calls(rooms.metrics),
    ]
    return [endpoint for endpoint in table if endpoint.path not in _CLOUD_ALONE]
