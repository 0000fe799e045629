"""All that a store's hub needs of the cloud's configuration, as the tables have it: names of columns, quantities in
thousandths, instants in milliseconds. Both sides are this program; what a newer one has besides is passed over."""

from typing import Any

import msgspec

from .fields import Body, Identifier


class StoreCopyQuery(Body):
    """Of which store; with `since`, the `version` that the hub has, 204 where that is still what there is."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier = msgspec.field(name="poiId")
    since: int | None = None


class BrandCopy(msgspec.Struct, frozen=True, gc=False):
    """The brand's row."""

    brand_id: str
    name: str
    status: str


class StoreRowCopy(msgspec.Struct, frozen=True, gc=False):
    """The store's row."""

    poi_id: str
    name: str
    time_zone: str
    business_day_start: str
    guarantees_end: str | None
    status: str


class ChannelCopy(msgspec.Struct, frozen=True, gc=False):
    """A channel's row."""

    channel_code: str
    name: str
    place: str
    party: str
    expires_in: int
    oversell: str


class ItemCopy(msgspec.Struct, frozen=True, gc=False):
    """An item's row. `components`: each a SKU and how many thousandths of it."""

    object_type: int
    object_id: int
    spu_id: int | None
    name_en: str
    name_zh: str
    category: str | None
    tags: list[str]
    decimals: int
    components: list[list[int]]


class RuleCopy(msgspec.Struct, frozen=True, gc=False):
    """A restore rule's row, of the brand or of this store."""

    rule_id: str
    poi_id: str | None
    object_type: int | None
    object_id: int | None
    category: str | None
    schedule: list[dict[str, Any]]
    restore_to: int
    since_at: int


class KeyCopy(msgspec.Struct, frozen=True, gc=False):
    """A key of the brand that reaches this store: only the hash of its secret."""

    key_id: str
    key_hash: str
    name: str
    role: str
    poi_ids: list[str] | None
    channel_code: str | None
    created_at: int
    expires_at: int | None
    previous_hash: str | None
    previous_until: int | None
    rate_limit: int | None


class StoreCopy(msgspec.Struct, frozen=True, gc=False):
    """A store with all that is sold in it, how, and by whose leave, as of `version`."""

    version: int
    brand: BrandCopy
    store: StoreRowCopy
    channels: list[ChannelCopy]
    items: list[ItemCopy]
    rules: list[RuleCopy]
    keys: list[KeyCopy]
