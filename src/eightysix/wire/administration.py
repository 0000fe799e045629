"""Brands, stores, channels, items and keys on the wire (DESIGN section 5), as they are sent and as they are shown."""

from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec

from .fields import (
    MAX_OBJECT_ID,
    Body,
    Digits,
    HoldSeconds,
    Identifier,
    InstantText,
    ObjectId,
    OneOrTwo,
    Portion,
    WallTime,
    documented,
    several,
    whole,
    words,
)

Openness = Literal["open", "closed"]
Role = Literal["platform", "brand", "order-service", "store", "hub", "channel", "auditor"]

MAX_AT_ONCE = 1_000
"""Objects in one call."""

PAGE_LIMIT = 1_000
NAME_LENGTH = 200
CATEGORY_LENGTH = 100
MAX_TAGS = 50
MAX_COMPONENTS = 50
MAX_STORES = 10_000
MAX_LIFE_SECONDS = 10 * 366 * 86_400
MAX_OVERLAP_SECONDS = 30 * 86_400
MAX_RATE = 100_000


class BrandBody(Body):
    """A tenant. A closed brand sells nothing."""

    brand_id: Identifier = msgspec.field(name="brandId")
    name: Annotated[str, words(NAME_LENGTH)]
    status: Openness = "open"


class StoreBody(Body):
    """A restaurant. `time_zone` is an IANA name, `business_day_start` a local time such as 04:00. At the local time
    `guarantees_end` what is guaranteed to channels and not taken yet is everybody's for the rest of the day."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier = msgspec.field(name="poiId")
    name: Annotated[str, words(NAME_LENGTH)]
    time_zone: Annotated[str, words(64)]
    business_day_start: WallTime = "04:00"
    status: Openness = "open"
    guarantees_end: WallTime | None = None


class ChannelBody(Body):
    """A way to sell. `expires_in` in seconds: how long a lock lasts that doesn't say so itself."""

    brand_id: Identifier = msgspec.field(name="brandId")
    channel_code: Identifier
    name: Annotated[str, words(NAME_LENGTH)]
    place: Literal["in_store", "online"]
    party: Literal["own", "third"]
    expires_in: HoldSeconds = 900
    oversell: Literal["deny", "warn", "allow"] = "deny"


class ItemName(Body):
    """A dish's name in both languages."""

    en: Annotated[str, words(NAME_LENGTH)]
    zh: Annotated[str, words(NAME_LENGTH)]


class ComponentBody(Body):
    """A SKU that one portion of a combo needs, and how much of it."""

    object_id: ObjectId
    quantity: Portion


class ItemBody(Body):
    """A dish (1, SPU) or a sellable variant of it (2, SKU), the same in all stores of the brand."""

    brand_id: Identifier = msgspec.field(name="brandId")
    object_type: OneOrTwo
    object_id: ObjectId
    name: ItemName
    spu_id: ObjectId | None = None
    category: Annotated[str, words(CATEGORY_LENGTH)] | None = None
    tags: Annotated[list[Annotated[str, words(CATEGORY_LENGTH)]], documented(maxItems=MAX_TAGS)] = msgspec.field(
        default_factory=list
    )
    decimals: Annotated[int, whole(0, 3)] | Digits = 1
    components: Annotated[list[ComponentBody], documented(maxItems=MAX_COMPONENTS)] = msgspec.field(
        default_factory=list
    )


LifeSeconds = Annotated[int, whole(1, MAX_LIFE_SECONDS)] | Digits
RatePerSecond = Annotated[int, whole(1, MAX_RATE)] | Digits


class KeyBody(Body):
    """A new key: what it may do (`role`), and of what (brand, stores, channel).

    `expires_in` in seconds; `rate_limit`: calls a second, null for no limit.
    """

    name: Annotated[str, words(NAME_LENGTH)]
    role: Role
    brand_id: Identifier | None = msgspec.field(name="brandId", default=None)
    poi_ids: Annotated[list[Identifier], several(MAX_STORES)] | None = None
    channel_code: Identifier | None = None
    expires_in: LifeSeconds | None = None
    rate_limit: RatePerSecond | None = None


class RotateBody(Body):
    """Another secret for a key. The one before goes on working for `overlap_seconds`.

    With `expires_in` (seconds) the key ends then; without it the key ends when it would have anyway.
    """

    key_id: Identifier
    overlap_seconds: Annotated[int, whole(0, MAX_OVERLAP_SECONDS)] | Digits = 0
    expires_in: LifeSeconds | None = None


class LimitBody(Body):
    """How many calls a second a key may make; null for no limit."""

    key_id: Identifier
    rate_limit: RatePerSecond | None


class KeyShown(msgspec.Struct, frozen=True):
    """A key, without its secret. `previous_until`: so long the secret before the last rotation works.

    `rate_limit`: calls a second, null for no limit.
    """

    key_id: str
    name: str
    role: str
    brand_id: str | None = msgspec.field(name="brandId")
    poi_ids: list[str] | None
    channel_code: str | None
    created_at: str
    expires_at: str | None
    previous_until: str | None
    rate_limit: int | None


class KeyMade(msgspec.Struct, frozen=True):
    """A new key, or a key with another secret; `key` is the secret, shown this once."""

    key: str
    key_id: str
    name: str
    role: str
    brand_id: str | None = msgspec.field(name="brandId")
    poi_ids: list[str] | None
    channel_code: str | None
    created_at: str
    expires_at: str | None
    previous_until: str | None
    rate_limit: int | None


_T = TypeVar("_T")


class Several(Body, Generic[_T]):
    """Several objects in one call: all of them or none."""

    items: Annotated[list[_T], several(MAX_AT_ONCE)]


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

    brand_id: Identifier | None = msgspec.field(name="brandId", default=None)
    cursor: str | None = None
    limit: Annotated[int, whole(1, PAGE_LIMIT)] = 100


class StoreQuery(Body):
    """Which stores of a brand; with `poiId` one."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier | None = msgspec.field(name="poiId", default=None)
    cursor: str | None = None
    limit: Annotated[int, whole(1, PAGE_LIMIT)] = 100


class ChannelQuery(Body):
    """Which channels of a brand; with `channel_code` one."""

    brand_id: Identifier = msgspec.field(name="brandId")
    channel_code: Identifier | None = None
    cursor: str | None = None
    limit: Annotated[int, whole(1, PAGE_LIMIT)] = 100


class ItemQuery(Body):
    """Which items of a brand; with `object_type` and `object_id` one."""

    brand_id: Identifier = msgspec.field(name="brandId")
    object_type: Annotated[int, whole(1, 2)] | None = None
    object_id: Annotated[int, whole(1, MAX_OBJECT_ID)] | None = None
    cursor: str | None = None
    limit: Annotated[int, whole(1, PAGE_LIMIT)] = 100


class KeyQuery(Body):
    """Which keys; with `key_id` one, with `poiId` those that reach the store, be it because they reach every one."""

    key_id: Identifier | None = None
    brand_id: Identifier | None = msgspec.field(name="brandId", default=None)
    poi_id: Identifier | None = msgspec.field(name="poiId", default=None)
    channel_code: Identifier | None = None
    role: Role | None = None
    cursor: str | None = None
    limit: Annotated[int, whole(1, PAGE_LIMIT)] = 100


class BrandNamed(Body):
    """One brand."""

    brand_id: Identifier = msgspec.field(name="brandId")


class StoreNamed(Body):
    """One store."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier = msgspec.field(name="poiId")


class ChannelNamed(Body):
    """One channel."""

    brand_id: Identifier = msgspec.field(name="brandId")
    channel_code: Identifier


class ItemNamed(Body):
    """One item."""

    brand_id: Identifier = msgspec.field(name="brandId")
    object_type: Annotated[int, whole(1, 2)]
    object_id: Annotated[int, whole(1, MAX_OBJECT_ID)]


class KeyNamed(Body):
    """One key."""

    key_id: Identifier


class ImportQuery(Body):
    """For which brand; with `dry_run` nothing is written."""

    brand_id: Identifier = msgspec.field(name="brandId")
    dry_run: bool = False


AdminAction = Literal[
    "create",
    "replace",
    "delete",
    "import",
    "rotate",
    "limit",
    "revoke",
    "pause",
    "disable",
    "resume",
    "invite",
    "pair",
    "fence",
]


class AuditQuery(Body):
    """Which lines: of a brand, a kind (`brand`, `store`, `item`, `key`, `webhook` …), an actor (`key_id`), an object.

    `from` and `to` are instants; a line at `to` is left out.
    """

    brand_id: Identifier | None = msgspec.field(name="brandId", default=None)
    kind: Identifier | None = None
    action: AdminAction | None = None
    actor: Identifier | None = None
    object: Annotated[str, words(NAME_LENGTH)] | None = None
    since: InstantText | None = msgspec.field(name="from", default=None)
    until: InstantText | None = msgspec.field(name="to", default=None)
    cursor: str | None = None
    limit: Annotated[int, whole(1, PAGE_LIMIT)] = 100


class AuditLine(msgspec.Struct, frozen=True):
    """One change of one object. `actor` is the `key_id` of the caller; `object` names it within its brand.

    `before` and `after` are the object as its own call shows it, null where it wasn't there. Lines of one call share
    `version`.
    """

    at: str
    actor: str
    action: str
    kind: str
    object: str
    brand_id: str | None = msgspec.field(name="brandId")
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    version: int
