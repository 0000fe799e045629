"""The tables, once, for three databases. Migrations are compared with this in a test.

Names are the platform's (DESIGN section 10). Instants are BIGINT milliseconds since 1970 in UTC: exact, the same on
every database and through every driver. Quantities are DECIMAL(13,3), except on SQLite, whose DECIMAL is a float: there
the same columns hold INTEGER thousandths. Every sharded table starts its key with `product_shard_id`; no foreign keys
between them. No index holds a column that an order changes.
"""

from .columns import BROADCAST, COUNTER, INSTANT, QUANTITY, SHARDED, metadata
from .configuration import admin_log, api_key, brand, catalog_head, channel, hub, item, restore_rule, store, webhook
from .hub_books import poi_hub_books, poi_hub_event, poi_hub_mirror, poi_hub_request, poi_stock_hub
from .stock import (
    poi_item_channel_stock,
    poi_item_stock,
    poi_item_stock_log,
    poi_stock_alert,
    poi_stock_due,
    poi_stock_head,
    poi_stock_incident,
    poi_stock_marker,
    poi_stock_order,
    poi_stock_outbox,
    poi_stock_request,
    poi_stock_reservation,
    poi_stock_timer,
)
from .sync import (
    message_parked,
    poi_order_event,
    poi_stock_device,
    poi_stock_journal,
    poi_stock_parked,
    sync_lease,
    sync_member,
    webhook_attempt,
    webhook_queue,
)

__all__ = [
    "BROADCAST",
    "COUNTER",
    "INSTANT",
    "QUANTITY",
    "SHARDED",
    "admin_log",
    "api_key",
    "brand",
    "catalog_head",
    "channel",
    "hub",
    "item",
    "message_parked",
    "metadata",
    "poi_hub_books",
    "poi_hub_event",
    "poi_hub_mirror",
    "poi_hub_request",
    "poi_item_channel_stock",
    "poi_item_stock",
    "poi_item_stock_log",
    "poi_order_event",
    "poi_stock_alert",
    "poi_stock_device",
    "poi_stock_due",
    "poi_stock_head",
    "poi_stock_hub",
    "poi_stock_incident",
    "poi_stock_journal",
    "poi_stock_marker",
    "poi_stock_order",
    "poi_stock_outbox",
    "poi_stock_parked",
    "poi_stock_request",
    "poi_stock_reservation",
    "poi_stock_timer",
    "restore_rule",
    "store",
    "sync_lease",
    "sync_member",
    "webhook",
    "webhook_attempt",
    "webhook_queue",
]
