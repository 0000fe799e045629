"""Which tables and columns the snapshot is made of, and whose changes count in what."""

TIMED = ("brand", "store", "item", "restore_rule")
"""Tables in which a deletion too may move what is due by the clock."""

SHARED = ("brand", "channel", "item", "restore_rule", "api_key")
"""Tables of which a hub has a copy of all that its brand has, besides its store's own row."""

NEWEST = tuple(dict.fromkeys((*TIMED, *SHARED)))
"""Tables whose last change counts though it was a deletion."""

COLUMNS = {
    "brand": ("brand_id", "status"),
    "store": ("brand_id", "poi_id", "time_zone", "business_day_start", "guarantees_end", "status"),
    "channel": ("brand_id", "channel_code", "place", "party", "expires_in", "oversell"),
    "item": ("brand_id", "object_type", "object_id", "spu_id", "decimals", "components", "category", "tags"),
    "restore_rule": (
        "brand_id",
        "rule_id",
        "poi_id",
        "object_type",
        "object_id",
        "category",
        "schedule",
        "restore_to",
        "since_at",
    ),
    "webhook": (
        *("brand_id", "webhook_id", "url", "poi_ids", "channel_code", "events", "status"),
        *("secret", "previous_secret", "previous_until"),
    ),
    "hub": ("brand_id", "poi_id", "hub_id", "status"),
    "api_key": (
        *("key_id", "key_hash", "role", "brand_id", "poi_ids", "channel_code", "expires_at", "revoked_at"),
        *("previous_hash", "previous_until", "rate_limit"),
    ),
}
"""What the snapshot reads of each table, in the order it needs them."""
