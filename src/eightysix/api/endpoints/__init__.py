"""The table of every endpoint."""

from typing import NamedTuple

from eightysix.api.administration import Administration
from eightysix.api.change_log import Log
from eightysix.api.channels import Channels
from eightysix.api.endpoint import Endpoint
from eightysix.api.following import DeviceList, Following
from eightysix.api.health import Health
from eightysix.api.hub import HubLine
from eightysix.api.hubs import HubDesk
from eightysix.api.incidents import IncidentDesk
from eightysix.api.keys import Audit, Keys
from eightysix.api.metrics import MetricsPage
from eightysix.api.parked import ParkedMessages
from eightysix.api.parked_events import ParkedEvents
from eightysix.api.pos import Pos
from eightysix.api.reconciliation import Reconciliation
from eightysix.api.setting import StockSetting
from eightysix.api.stock import Stocks
from eightysix.api.stock_file import StockFiles
from eightysix.api.stream import Streams
from eightysix.api.webhooks import WebhookDesk

from .configuration import administration_calls, keys_calls
from .following import devices_calls, following_calls
from .health import health_calls, metrics_calls
from .hub import hub_calls, hubs_calls
from .incidents import incidents_calls
from .order_events import parked_events_calls
from .orders import orders_calls
from .pos import pos_calls
from .reconciliation import reconciliation_calls
from .records import audit_calls, log_calls
from .stocks import channels_calls, files_calls, setting_calls, stocks_calls
from .sync import parked_calls
from .webhooks import webhooks_calls


class Rooms(NamedTuple):
    """Those who answer the calls."""

    stocks: Stocks
    setting: StockSetting
    pos: Pos
    files: StockFiles
    channels: Channels
    incidents: IncidentDesk
    reconciliation: Reconciliation
    log: Log
    administration: Administration
    keys: Keys
    webhooks: WebhookDesk
    audit: Audit
    parked: ParkedMessages
    parked_events: ParkedEvents
    health: Health
    following: Following
    streams: Streams
    devices: DeviceList
    hubs: HubDesk
    hub: HubLine
    metrics: MetricsPage


def endpoints(rooms: Rooms) -> list[Endpoint]:
    """Every endpoint, in the order in which the documentation shows them.

    One that is added here needs an entry in tests/api/role_calls.py, which says how the test of roles calls it.
    """
    return [
        *orders_calls(),
        *stocks_calls(rooms.stocks),
        *setting_calls(rooms.setting),
        *pos_calls(rooms.pos),
        *files_calls(rooms.files),
        *channels_calls(rooms.channels),
        *incidents_calls(rooms.incidents),
        *reconciliation_calls(rooms.reconciliation),
        *following_calls(rooms.following, rooms.streams),
        *devices_calls(rooms.devices),
        *hubs_calls(rooms.hubs),
        *hub_calls(rooms.hub),
        *log_calls(rooms.log),
        *administration_calls(rooms.administration),
        *keys_calls(rooms.keys),
        *webhooks_calls(rooms.webhooks),
        *audit_calls(rooms.audit),
        *parked_calls(rooms.parked),
        *parked_events_calls(rooms.parked_events),
        *health_calls(rooms.health),
        *metrics_calls(rooms.metrics),
    ]
