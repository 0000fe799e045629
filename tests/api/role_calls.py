"""How the test of roles calls each endpoint of the table in api/endpoints, and what a stranger must be told.

An endpoint that is added there needs a line in `CALLS` here, or the test fails. A line says what a call names:

- `Names.STORE`: `brandId` and `poiId`. A key of another brand gets 404 BRAND_NOT_FOUND, one of other stores 404
  STORE_NOT_FOUND.
- `Names.BRAND`: `brandId` only. A key of another brand gets 404 BRAND_NOT_FOUND.
- `Names.KEY`: a `key_id`; a key of the brand is made for each call. A key of another brand gets 404 KEY_NOT_FOUND.
- `Names.NOTHING`: it needs no key and is the same for everybody.

`fields` is the rest of the body (of the query for GET and DELETE). `whole_brand`: a key of some stores or of one
channel gets 403; `every_channel`: a key of one channel does. A call whose ids stand elsewhere in its body has a `body`
that makes it of (brandId, poiId). An own call need not succeed: an unknown order or a wrong value will do, as long as
it isn't refused for whose it is.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec

from .shop import TEA


class Names(StrEnum):
    """What a call names: what is looked at to tell whose it is."""

    STORE = "store"
    BRAND = "brand"
    KEY = "key"
    NOTHING = "nothing"


class RoleCall(msgspec.Struct, frozen=True):
    """One endpoint's call."""

    names: Names
    fields: dict[str, Any] = {}
    whole_brand: bool = False
    every_channel: bool = False
    told: int = 200
    """What it comes to where it needs no key."""
    body: Callable[[str, str], Any] | None = None
    """Makes the body of a POST; what it names must not stand in `fields` too."""


def _menu(_brand_id: str, _poi_id: str) -> str:
    return "sku_id,name_en\n901,x\n"


def _stocks(_brand_id: str, _poi_id: str) -> str:
    return f"sku_id,stock_status\n{TEA},1\n"


def _batch(brand_id: str, poi_id: str) -> Any:
    return {"operations": [{"op": "unlock", "brandId": brand_id, "poiId": poi_id, "order_id": "roles-batch"}]}


def _journal(brand_id: str, poi_id: str) -> Any:
    event = {"seq": 7, "type": "unlock", "occurred_at": "2026-11-26T09:00:00Z", "order_id": "roles"}
    return {"brandId": brand_id, "poiId": poi_id, "device_id": "d", "journal_id": "j", "events": [event]}


def _hub_events(brand_id: str, poi_id: str) -> Any:
    """Of the store's own hub only that may tell; of an unknown one nobody."""
    journal = {"hub_id": "none", "journal_id": "j", "seq": 1, "chain": "", "events": [{}]}
    return {"brandId": brand_id, "poiId": poi_id, **journal}


def _rule(brand_id: str, poi_id: str) -> Any:
    """A rule of the store; whose a rule is that is there already counts too, so that each store has its own."""
    return {"brandId": brand_id, "poiId": poi_id, "rule_id": f"roles-{poi_id}", "schedule": [{}]}


def _resolution(_brand_id: str, _poi_id: str) -> Any:
    return {"how": "accept", "reason": "x"}


STORE, BRAND, KEY = Names.STORE, Names.BRAND, Names.KEY
NO_SUCH_PARKED = "WzAsIm9yZGVyX2V2ZW50cyIsIngiXQ"
_VERB = {"order_id": "roles"}
_STORE = {"name": "x", "time_zone": "UTC"}
_CHANNEL = {"channel_code": "X", "name": "x", "place": "online", "party": "own"}
_ITEM = {"object_type": 2, "object_id": 900, "name": {"en": "x", "zh": "x"}}
_WEBHOOK = {"url": "https://1.1.1.1/", "status": "disabled"}

CALLS: dict[str, RoleCall] = {
    "POST /api/v1/stock/lock": RoleCall(
        STORE, {"order_id": "x", "channel_code": "NONE", "lines": [{"sku_id": TEA, "quantity": 1}]}
    ),
    "POST /api/v1/stock/deduct": RoleCall(STORE, _VERB),
    "POST /api/v1/stock/unlock": RoleCall(STORE, _VERB),
    "POST /api/v1/stock/return": RoleCall(STORE, {**_VERB, "request_id": "r"}),
    "POST /api/v1/stock/amend": RoleCall(STORE, {**_VERB, "request_id": "r", "expires_in": 9}),
    "POST /api/v1/stock/batch": RoleCall(STORE, body=_batch),
    "GET /api/v1/stock/orders/{order_id}": RoleCall(STORE),
    "GET /api/v1/stock/availability": RoleCall(STORE, {"channel_code": "EMENU"}),
    "POST /api/v1/poi/stock/update": RoleCall(STORE, {"object_id": TEA, "stock_status": 1}),
    "POST /api/v1/poi/stock/find-to-pos": RoleCall(STORE),
    "GET /api/v1/poi/stock/stream": RoleCall(STORE, {"follow": "false"}),
    "POST /api/v1/poi/stock/ack": RoleCall(STORE, {"device_id": "roles", "cursor": "Y2xvdWQvMS8w"}),
    "GET /api/v1/poi/stock/devices": RoleCall(STORE),
    "POST /api/v1/poi/stock/86": RoleCall(STORE, {"object_ids": [TEA], "sold_out": False}),
    "POST /api/v1/poi/stock/sync-from-pos": RoleCall(
        STORE, {"object_id": TEA, "stock_status": 1, "updated_at": None}, every_channel=True
    ),
    "POST /api/v1/poi/stock/replay": RoleCall(STORE, every_channel=True, body=_journal),
    "POST /api/v1/poi/stock/import": RoleCall(STORE, body=_stocks),
    "GET /api/v1/poi/stock/export": RoleCall(STORE),
    "POST /api/v1/poi/stock/guarantees/release": RoleCall(STORE, {"all": True}),
    "GET /api/v1/poi/stock/alerts": RoleCall(STORE),
    "GET /api/v1/incidents": RoleCall(STORE),
    "GET /api/v1/incidents/{incident_id}": RoleCall(STORE),
    "POST /api/v1/incidents/{incident_id}/resolve": RoleCall(STORE, body=_resolution),
    "POST /api/v1/poi/stock/reconcile": RoleCall(STORE),
    "POST /api/v1/poi/stock/log": RoleCall(STORE),
    "GET /api/v1/poi/stock/log/export": RoleCall(STORE),
    "GET /api/v1/poi/stock/restore-preview": RoleCall(STORE),
    "GET /api/v1/hubs": RoleCall(STORE),
    "POST /api/v1/hubs/code": RoleCall(STORE),
    "POST /api/v1/hubs/pair": RoleCall(Names.NOTHING, {"code": "NONE", "name": "x"}, told=404),
    "POST /api/v1/hubs/replace": RoleCall(STORE, {"hub_id": "none", "reason": "x"}),
    "GET /api/v1/hub/store": RoleCall(STORE),
    "GET /api/v1/hub/orders": RoleCall(STORE),
    "POST /api/v1/hub/events": RoleCall(STORE, body=_hub_events),
    "POST /api/v1/poi/stock/grants": RoleCall(STORE, {"device_id": "none", "request_id": "roles"}),
    "GET /api/v1/brands": RoleCall(BRAND),
    "POST /api/v1/brands": RoleCall(BRAND, {"name": "x"}),
    "PUT /api/v1/brands": RoleCall(BRAND, {"name": "x"}),
    "DELETE /api/v1/brands": RoleCall(BRAND),
    "GET /api/v1/stores": RoleCall(STORE),
    "POST /api/v1/stores": RoleCall(STORE, _STORE),
    "PUT /api/v1/stores": RoleCall(STORE, _STORE),
    "DELETE /api/v1/stores": RoleCall(STORE),
    "GET /api/v1/channels": RoleCall(BRAND),
    "POST /api/v1/channels": RoleCall(BRAND, _CHANNEL, whole_brand=True),
    "PUT /api/v1/channels": RoleCall(BRAND, _CHANNEL, whole_brand=True),
    "DELETE /api/v1/channels": RoleCall(BRAND, {"channel_code": "X"}, whole_brand=True),
    "GET /api/v1/items": RoleCall(BRAND),
    "POST /api/v1/items": RoleCall(BRAND, _ITEM, whole_brand=True),
    "PUT /api/v1/items": RoleCall(BRAND, _ITEM, whole_brand=True),
    "DELETE /api/v1/items": RoleCall(BRAND, {"object_type": 2, "object_id": 900}, whole_brand=True),
    "POST /api/v1/items/import": RoleCall(BRAND, whole_brand=True, body=_menu),
    "GET /api/v1/restore-rules": RoleCall(STORE),
    "POST /api/v1/restore-rules": RoleCall(STORE, body=_rule),
    "PUT /api/v1/restore-rules": RoleCall(STORE, body=_rule),
    "DELETE /api/v1/restore-rules": RoleCall(BRAND, {"rule_id": "none"}),
    "GET /api/v1/keys": RoleCall(BRAND, whole_brand=True),
    "POST /api/v1/keys": RoleCall(BRAND, {"name": "x", "role": "order-service"}, whole_brand=True),
    "POST /api/v1/keys/rotate": RoleCall(KEY, whole_brand=True),
    "POST /api/v1/keys/limit": RoleCall(KEY, {"rate_limit": 9}, whole_brand=True),
    "DELETE /api/v1/keys": RoleCall(KEY, whole_brand=True),
    "GET /api/v1/webhooks": RoleCall(BRAND, whole_brand=True),
    "POST /api/v1/webhooks": RoleCall(BRAND, {"webhook_id": "roles", **_WEBHOOK}, whole_brand=True),
    "PUT /api/v1/webhooks": RoleCall(BRAND, {"webhook_id": "roles", **_WEBHOOK}, whole_brand=True),
    "DELETE /api/v1/webhooks": RoleCall(BRAND, {"webhook_id": "none"}, whole_brand=True),
    "POST /api/v1/webhooks/rotate": RoleCall(BRAND, {"webhook_id": "none"}, whole_brand=True),
    "POST /api/v1/webhooks/ping": RoleCall(BRAND, {"webhook_id": "none"}, whole_brand=True),
    "POST /api/v1/webhooks/resume": RoleCall(BRAND, {"webhook_id": "none"}, whole_brand=True),
    "POST /api/v1/webhooks/replay": RoleCall(BRAND, {"webhook_id": "none", "poiIds": ["s1"]}, whole_brand=True),
    "GET /api/v1/webhooks/deliveries": RoleCall(BRAND, {"webhook_id": "none"}, whole_brand=True),
    "GET /api/v1/audit": RoleCall(BRAND, whole_brand=True),
    "GET /api/v1/sync/parked": RoleCall(STORE),
    "POST /api/v1/sync/parked/replay": RoleCall(STORE, {"seqs": [1]}),
    "GET /metrics": RoleCall(Names.NOTHING),
    "GET /api/v1/sync/order-events/parked": RoleCall(STORE),
    "POST /api/v1/sync/order-events/parked/replay": RoleCall(STORE),
    "POST /api/v1/sync/order-events/parked/discard": RoleCall(STORE, {"parked_ids": [NO_SUCH_PARKED]}),
    "GET /healthz": RoleCall(Names.NOTHING),
    "GET /readyz": RoleCall(Names.NOTHING),
}  # fmt: skip
"""By method and path."""
