"""Brands, stores, channels, items and keys on the wire (DESIGN section 5), as they are sent and as they are shown."""

from decimal import Decimal
from typing import Generic, Literal, TypeVar

import msgspec

from .fields import Body, Integer

Openness = Literal["open", "closed"]
Role = Literal["platform", "brand", "order-service", "store", "hub", "channel", "auditor"]

MAX_AT_ONCE = 1_000
"""Objects in one call."""


class BrandBody(Body):
    """A tenant. A closed brand sells nothing."""

    brand_id: str = msgspec.field(name="brandId")
    name: str
    status: Openness = "open"


class StoreBody(Body):
    """A restaurant. `time_zone` is an IANA name, `business_day_start` a local time such as 04:00."""

    brand_id: str = msgspec.field(name="brandId")
    poi_id: str = msgspec.field(name="poiId")
    name: str
    time_zone: str
    business_day_start: str = "04:00"
    status: Openness = "open"


class ChannelBody(Body):
    """A way to sell. `expires_in` in seconds: how long a lock lasts that doesn't say so itself."""

    brand_id: str = msgspec.field(name="brandId")
    channel_code: str
    name: str
    place: Literal["in_store", "online"]
    party: Literal["own", "third"]
    expires_in: Integer = 900
    oversell: Literal["deny", "warn", "allow"] = "deny"


class ItemName(Body):
    """A dish's name in both languages."""

    en: str
    zh: str


class ComponentBody(Body):
    """A SKU that one portion of a combo needs, and how much of it."""

    object_id: Integer
    quantity: Decimal


class ItemBody(Body):
    """A dish (1, SPU) or a sellable variant of it (2, SKU), the same in all stores of the brand."""

    brand_id: str = msgspec.field(name="brandId")
    object_type: Integer
    object_id: Integer
    name: ItemName
    spu_id: Integer | None = None
    category: str | None = None
    tags: list[str] = msgspec.field(default_factory=list)
    decimals: Integer = 1
    components: list[ComponentBody] = msgspec.field(default_factory=list)


class KeyBody(Body):
    """A new key: what it may do (`role`), and of what (brand, stores, channel). `expires_in` in seconds."""

    name: str
    role: Role
    brand_id: str | None = msgspec.field(name="brandId", default=None)
    poi_ids: list[str] | None = None
    channel_code: str | None = None
    expires_in: Integer | None = None


class KeyShown(msgspec.Struct, frozen=True):
    """A key, without its secret."""

    key_id: str
    name: str
    role: str
    brand_id: str | None = msgspec.field(name="brandId")
    poi_ids: list[str] | None
    channel_code: str | None
    created_at: str
    expires_at: str | None


class KeyMade(msgspec.Struct, frozen=True):
    """A new key; `key` is the secret, shown this once."""

    key: str
    key_id: str
    name: str
    role: str
    brand_id: str | None = msgspec.field(name="brandId")
    poi_ids: list[str] | None
    channel_code: str | None
    created_at: str
    expires_at: str | None


_T = TypeVar("_T")


class Several(Body, Generic[_T]):
    """Several objects in one call: all of them or none."""

    items: list[_T]


class Page(msgspec.Struct, Generic[_T], frozen=True):
    """Objects in key order; `cursor` leads to the next page and is null on the last."""

    items: list[_T]
    cursor: str | None


class Written(msgspec.Struct, Generic[_T], frozen=True):
    """The objects as they are now."""

    items: list[_T]


class ImportedRow(msgspec.Struct, frozen=True):
    """What one row came to; a dish that only its SKUs name has the row of the first of them."""

    row: int
    object_type: int
    object_id: int
    result: Literal["created", "replaced"]


class Imported(msgspec.Struct, frozen=True):
    """What a menu file came to: items in all, made and replaced (or that would be, with `dry_run`)."""

    rows: int
    created: int
    replaced: int
    dry_run: bool
    results: list[ImportedRow]


class BrandQuery(Body):
    """Which brands; with `brandId` one."""

    brand_id: str | None = msgspec.field(name="brandId", default=None)
    cursor: str | None = None
    limit: int = 100


class StoreQuery(Body):
    """Which stores of a brand; with `poiId` one."""

    brand_id: str = msgspec.field(name="brandId")
    poi_id: str | None = msgspec.field(name="poiId", default=None)
    cursor: str | None = None
    limit: int = 100


class ChannelQuery(Body):
    """Which channels of a brand; with `channel_code` one."""

    brand_id: str = msgspec.field(name="brandId")
    channel_code: str | None = None
    cursor: str | None = None
    limit: int = 100


class ItemQuery(Body):
    """Which items of a brand; with `object_type` and `object_id` one."""

    brand_id: str = msgspec.field(name="brandId")
    object_type: int | None = None
    object_id: int | None = None
    cursor: str | None = None
    limit: int = 100


class KeyQuery(Body):
    """Which keys; with `key_id` one."""

    key_id: str | None = None
    brand_id: str | None = msgspec.field(name="brandId", default=None)
    cursor: str | None = None
    limit: int = 100


class BrandNamed(Body):
    """One brand."""

    brand_id: str = msgspec.field(name="brandId")


class StoreNamed(Body):
    """One store."""

    brand_id: str = msgspec.field(name="brandId")
    poi_id: str = msgspec.field(name="poiId")


class ChannelNamed(Body):
    """One channel."""

    brand_id: str = msgspec.field(name="brandId")
    channel_code: str


class ItemNamed(Body):
    """One item."""

    brand_id: str = msgspec.field(name="brandId")
    object_type: int
    object_id: int


class KeyNamed(Body):
    """One key."""

    key_id: str


class ImportQuery(Body):
    """For which brand; with `dry_run` nothing is written."""

    brand_id: str = msgspec.field(name="brandId")
    dry_run: bool = False
