"""The catalogue in memory: immutable, so that a batch keeps one view of it while the next one is being made.

A change copies only the dicts of the brands it touches. Names stay in the database: nothing that is decided needs them,
and 100,000 items have to cost little. Categories and tags are few and are kept once each, however many items have them.
"""

import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec
from msgspec.structs import replace

from eightysix.core.catalogue import Brand, Channel, Component, Dependents, Item, Store
from eightysix.core.dependent import dependents_of
from eightysix.core.key import NO_KEYS, StockKey, StoreKey
from eightysix.core.restore_rule import NO_RULES, RestoreRule, RuleBook
from eightysix.storage.catalog import Row

from .kinds import minute_of_day
from .links import Links
from .restore_rules import rule_of
from .snapshot_tables import SHARED
from .webhook import Webhook, webhook_of


class KeyGrant(msgspec.Struct, frozen=True):
    """What a key allows. `poi_ids` None: all stores of the brand; `brand_id` None: all brands. Instants in ms.

    `secret_until`: so long the secret opens it that this grant is filed under, None for as long as the key lives.
    """

    key_id: str
    role: str
    brand_id: str | None = None
    poi_ids: frozenset[str] | None = None
    channel_code: str | None = None
    expires_at: int | None = None
    rate_limit: int | None = None
    secret_until: int | None = None

    @property
    def ends_at(self) -> int | None:
        """When the secret opens nothing any more."""
        return self.expires_at if self.secret_until is None else self.secret_until

    def opens(self, now: int) -> bool:
        """Whether the secret still opens anything; at its end no more."""
        ends_at = self.ends_at
        return ends_at is None or now < ends_at


_NO_DEPENDENTS = Dependents((), ())


class _View(msgspec.Struct):
    """One brand with all that belongs to it."""

    brand: Brand
    stores: dict[str, Store] = {}
    channels: dict[str, Channel] = {}
    spus: dict[int, Item] = {}
    skus: dict[int, Item] = {}
    rules: dict[str, RestoreRule] = {}
    book: RuleBook = NO_RULES
    webhooks: dict[str, Webhook] = {}
    hubs: dict[str, str] = {}
    """Which hub sells in a store, by poiId."""
    store_versions: dict[str, int] = {}
    rules_version: int = 0
    items_version: int = 0
    brand_version: int = 0
    shared_version: int = 0
    """The version of the last change of what all stores have in common: brand, channels, items, rules, keys."""
    skus_of: Links = msgspec.field(default_factory=Links)
    """The SKUs of an SPU."""
    combos_of: Links = msgspec.field(default_factory=Links)
    """The combos of a component."""
    moved: dict[StockKey, int] = {}
    """The version of the last change, since everything was read, that took an item out of the menu, brought it back,
    or let it be sold from other stocks."""
    moved_version: int = 0
    moved_unknown: int = 0
    """The version of the last removal of before everything was read."""
    dependents: dict[StockKey, Dependents] = {}
    """As far as somebody has asked."""

    def copy(self) -> "_View":
        return _View(
            self.brand,
            dict(self.stores),
            dict(self.channels),
            dict(self.spus),
            dict(self.skus),
            dict(self.rules),
            self.book,
            dict(self.webhooks),
            dict(self.hubs),
            dict(self.store_versions),
            self.rules_version,
            self.items_version,
            self.brand_version,
            self.shared_version,
            self.skus_of.copy(),
            self.combos_of.copy(),
            dict(self.moved),
            self.moved_version,
            self.moved_unknown,
        )

    @property
    def planning_version(self) -> int:
        """The version of the last change, besides those of a store, that may move what is due by the clock."""
        version = max(self.rules_version, self.moved_version, self.brand_version)
        return max(version, self.items_version) if self.book.names_categories else version

    def put_item(self, item: Item) -> None:
        """Take the item over, with what it is sold from."""
        before = self._take_out(item.key)
        of = self.skus if item.object_type == 2 else self.spus
        of[item.object_id] = item
        if item.object_type == 2:
            self.skus_of.add(() if item.spu_id is None else (item.spu_id,), item.object_id)
            self.combos_of.add((each.sku_id for each in item.components), item.object_id)
        has_moved = item.key in self.moved if before is None else _sold_from(before) != _sold_from(item)
        if has_moved:
            self._move(item.key)

    def remove_item(self, key: StockKey) -> None:
        if self._take_out(key) is not None:
            self._move(key)

    def _take_out(self, key: StockKey) -> Item | None:
        item = (self.skus if key.object_type == 2 else self.spus).pop(key.object_id, None)
        if item is not None and item.object_type == 2:
            self.skus_of.remove(() if item.spu_id is None else (item.spu_id,), item.object_id)
            self.combos_of.remove((each.sku_id for each in item.components), item.object_id)
        return item

    def _move(self, key: StockKey) -> None:
        self.moved[key] = self.moved_version = self.items_version


def _sold_from(item: Item) -> tuple[Any, ...]:
    return item.spu_id, item.components, item.decimals


_NOTHING: dict[str, Channel] = {}
_NO_WEBHOOKS: Mapping[str, Webhook] = {}
_NONE_NEWER: Mapping[str, Mapping[str, int]] = {}
_NONE_REMOVED: Mapping[str, int] = {}


class Snapshot:
    """One consistent view, as of `version`; implements `core.catalogue.Catalogue`."""

    __slots__ = ("_at_hub", "_brands", "_secrets", "keys", "timers_version", "version")

    def __init__(
        self,
        version: int,
        brands: dict[str, _View],
        keys: dict[str, KeyGrant],
        secrets: dict[str, tuple[str, ...]],
        timers_version: int = 0,
        *,
        at_hub: bool = False,
    ) -> None:
        self.version = version
        self._at_hub = at_hub
        self.timers_version = timers_version
        self._brands = brands
        self.keys = keys
        """By the hash of the secret; a key in an overlap has two."""
        self._secrets = secrets
        """The hashes of a key's secrets."""

    @classmethod
    def empty(cls, *, at_hub: bool = False) -> "Snapshot":
        return cls(0, {}, {}, {}, at_hub=at_hub)

    def brand(self, brand_id: str) -> Brand | None:
        view = self._brands.get(brand_id)
        return None if view is None else view.brand

    def store(self, brand_id: str, poi_id: str) -> Store | None:
        view = self._brands.get(brand_id)
        return None if view is None else view.stores.get(poi_id)

    def stores(self, brand_id: str) -> list[str]:
        """The stores of a brand, by poiId."""
        view = self._brands.get(brand_id)
        return [] if view is None else sorted(view.stores)

    def channel(self, brand_id: str, channel_code: str) -> Channel | None:
        view = self._brands.get(brand_id)
        return None if view is None else view.channels.get(channel_code)

    def channels(self, brand_id: str) -> dict[str, Channel]:
        view = self._brands.get(brand_id)
        return _NOTHING if view is None else view.channels

    def item(self, brand_id: str, object_type: int, object_id: int) -> Item | None:
        view = self._brands.get(brand_id)
        if view is None:
            return None
        return view.skus.get(object_id) if object_type == 2 else view.spus.get(object_id)

    def items(self, brand_id: str) -> list[Item]:
        """All items of a brand, SPUs first."""
        view = self._brands.get(brand_id)
        return [] if view is None else [*view.spus.values(), *view.skus.values()]

    def webhooks(self, brand_id: str) -> Mapping[str, Webhook]:
        """The webhooks of a brand, by their ids."""
        view = self._brands.get(brand_id)
        return _NO_WEBHOOKS if view is None else view.webhooks

    def every_webhook(self) -> Iterator[Webhook]:
        """The webhooks of all brands."""
        for view in self._brands.values():
            yield from view.webhooks.values()

    def rules(self, brand_id: str) -> RuleBook:
        view = self._brands.get(brand_id)
        return NO_RULES if view is None else view.book

    def timer_version(self, brand_id: str, poi_id: str) -> int:
        view = self._brands.get(brand_id)
        if view is None or poi_id not in view.stores:
            return 0
        return max(view.store_versions[poi_id], view.planning_version)

    def hub(self, brand_id: str, poi_id: str) -> str | None:
        view = self._brands.get(brand_id)
        return None if view is None else view.hubs.get(poi_id)

    @property
    def at_hub(self) -> bool:
        return self._at_hub

    def copy_version(self, brand_id: str, poi_id: str) -> int:
        """The version of the last change of what a store's hub has a copy of; 0 for a store that isn't there."""
        view = self._brands.get(brand_id)
        if view is None or poi_id not in view.stores:
            return 0
        return max(view.shared_version, view.store_versions[poi_id])

    def dependents(self, brand_id: str, key: StockKey) -> Dependents | None:
        view = self._brands.get(brand_id)
        if view is None:
            return None
        numbers = (view.combos_of if key.object_type == 2 else view.skus_of).of(key.object_id)
        if not numbers:
            return None
        known = view.dependents.get(key)
        if known is None:
            if key.object_type == 1:  # a component takes from its own SPU's pool too
                combos = (combo for sku in numbers for combo in view.combos_of.of(sku))
                numbers = tuple(dict.fromkeys((*numbers, *combos)))
            found = dependents_of(key, map(view.skus.__getitem__, numbers), self)
            known = view.dependents[key] = found or _NO_DEPENDENTS
        return known

    def moved_items(self, brand_id: str, since: int) -> frozenset[StockKey] | None:
        view = self._brands.get(brand_id)
        if view is None or view.moved_version <= since:
            return NO_KEYS
        if since < view.moved_unknown:
            return None
        return frozenset(key for key, version in view.moved.items() if version > since)

    def supplied_stores(self) -> Iterator[StoreKey]:
        for brand_id, view in self._brands.items():
            if view.book:
                for poi_id in view.stores:
                    if any(view.book.supplied(poi_id)):
                        yield StoreKey.of(brand_id, poi_id)


class SnapshotDraft:
    """The next snapshot in the making. Rows must come brands first; a row of an unknown brand is left out."""

    def __init__(self, base: Snapshot) -> None:
        self._brands = dict(base._brands)  # noqa: SLF001 - the maker of snapshots
        self._keys = self._base_keys = base.keys
        self._secrets = base._secrets  # noqa: SLF001 - the maker of snapshots
        self._timers_version = base.timers_version
        self._at_hub = base.at_hub
        self._copied: set[str] = set()
        self._ruled: set[str] = set()

    def put(self, table: str, row: Row) -> None:
        """Take over one row of `table`, a tombstone included."""
        if table == "api_key":
            self._put_key(row)
        elif table == "brand":
            self._put_brand(row)
        elif (view := self._writable(row["brand_id"])) is not None:
            _PUT[table](view, row)
            if table == "restore_rule":
                self._ruled.add(row["brand_id"])
        if table in SHARED and (shared := self._writable(row["brand_id"] or "")) is not None:
            shared.shared_version = max(shared.shared_version, row["catalog_version"])
        if table in ("brand", "store"):
            self._timers_version = max(self._timers_version, row["catalog_version"])

    def finish(
        self,
        version: int,
        newest: Mapping[str, Mapping[str, int]] = _NONE_NEWER,
        removed: Mapping[str, int] = _NONE_REMOVED,
    ) -> Snapshot:
        """`newest`: of a table's rows, deleted ones included, the last change in each brand, where all are read; so is
        `removed`, the last removal of an item."""
        for table in ("brand", "store"):
            self._timers_version = max(self._timers_version, *newest.get(table, {}).values(), 0)
        for brand_id, view in self._brands.items():
            _take_newest(view, {table: of[brand_id] for table, of in newest.items() if brand_id in of})
            if brand_id in removed:
                view.moved_version = view.moved_unknown = removed[brand_id]
        for brand_id in self._ruled & self._brands.keys():
            self._brands[brand_id].book = RuleBook(self._brands[brand_id].rules.values())
        for brand_id in self._copied & self._brands.keys():
            self._brands[brand_id].skus_of.close()
            self._brands[brand_id].combos_of.close()
        plans = (self._brands[brand_id].planning_version for brand_id in self._copied & self._brands.keys())
        timers_version = max(self._timers_version, *plans, 0)
        return Snapshot(version, self._brands, self._keys, self._secrets, timers_version, at_hub=self._at_hub)

    def _writable(self, brand_id: str) -> _View | None:
        view = self._brands.get(brand_id)
        if view is not None and brand_id not in self._copied:
            view = self._brands[brand_id] = view.copy()
            self._copied.add(brand_id)
        return view

    def _put_brand(self, row: Row) -> None:
        brand_id = row["brand_id"]
        if row["deleted"]:
            self._brands.pop(brand_id, None)
            self._copied.discard(brand_id)
            return
        brand = Brand(brand_id, row["status"] == "open")
        view = self._writable(brand_id)
        if view is None:
            view = self._brands[brand_id] = _View(brand)
            self._copied.add(brand_id)
        else:
            view.brand = brand
        view.brand_version = row["catalog_version"]

    def _put_key(self, row: Row) -> None:
        if self._keys is self._base_keys:
            self._keys, self._secrets = dict(self._keys), dict(self._secrets)
        for hash_ in self._secrets.pop(row["key_id"], ()):
            del self._keys[hash_]
        if row["deleted"] or row["revoked_at"] is not None:
            return
        grants = grants_of(row)
        self._keys |= grants
        self._secrets[row["key_id"]] = tuple(grants)


def _take_newest(view: _View, newest: Mapping[str, int]) -> None:
    """What changed last in each table, though it was a deletion."""
    view.rules_version = newest.get("restore_rule", view.rules_version)
    view.items_version = newest.get("item", view.items_version)
    view.shared_version = max(view.shared_version, *(newest.get(table, 0) for table in SHARED))


def grants_of(row: Row) -> dict[str, KeyGrant]:
    """What a key allows, by the hash of each of its secrets."""
    poi_ids = row["poi_ids"]
    grant = KeyGrant(
        row["key_id"],
        row["role"],
        row["brand_id"],
        None if poi_ids is None else frozenset(poi_ids),
        row["channel_code"],
        row["expires_at"],
        row["rate_limit"],
    )
    grants = {row["key_hash"]: grant}
    if row["previous_hash"] is not None:
        grants[row["previous_hash"]] = replace(grant, secret_until=row["previous_until"])
    return grants


def _put_store(view: _View, row: Row) -> None:
    poi_id = row["poi_id"]
    if row["deleted"]:
        view.stores.pop(poi_id, None)
        return
    end = row["guarantees_end"]
    view.stores[poi_id] = Store(
        view.brand.brand_id,
        poi_id,
        row["time_zone"],
        minute_of_day(row["business_day_start"]),
        row["status"] == "open",
        None if end is None else minute_of_day(end),
    )
    view.store_versions[poi_id] = row["catalog_version"]


def _put_channel(view: _View, row: Row) -> None:
    code = row["channel_code"]
    if row["deleted"]:
        view.channels.pop(code, None)
        return
    in_store, own = row["place"] == "in_store", row["party"] == "own"
    view.channels[code] = Channel(view.brand.brand_id, code, in_store, own, row["expires_in"], row["oversell"])


def _put_item(view: _View, row: Row) -> None:
    object_id = row["object_id"]
    view.items_version = max(view.items_version, row["catalog_version"])
    if row["deleted"]:
        view.remove_item(StockKey(row["object_type"], object_id))
        return
    brand_id, parts = view.brand.brand_id, _components(row["components"])
    category = None if row["category"] is None else sys.intern(row["category"])
    tags = _shared(tuple(row["tags"])) if row["tags"] else ()
    kind, spu_id = row["object_type"], row["spu_id"]
    view.put_item(Item(brand_id, kind, object_id, spu_id, row["decimals"], parts, category, tags))


@lru_cache(maxsize=10_000)
def _shared(tags: tuple[str, ...]) -> tuple[str, ...]:
    """One tuple for all items with the same tags, of strings that exist once."""
    return tuple(map(sys.intern, tags))


def _put_rule(view: _View, row: Row) -> None:
    view.rules_version = max(view.rules_version, row["catalog_version"])
    if row["deleted"]:
        view.rules.pop(row["rule_id"], None)
    else:
        view.rules[row["rule_id"]] = rule_of(row)


def _put_webhook(view: _View, row: Row) -> None:
    if row["deleted"]:
        view.webhooks.pop(row["webhook_id"], None)
    else:
        view.webhooks[row["webhook_id"]] = webhook_of(row)


def _put_hub(view: _View, row: Row) -> None:
    if row["deleted"] or row["status"] != "active":
        view.hubs.pop(row["poi_id"], None)
    else:
        view.hubs[row["poi_id"]] = row["hub_id"]


def _components(stored: list[list[int]]) -> tuple[Component, ...]:
    return tuple(Component(sku_id, quantity) for sku_id, quantity in stored) if stored else ()


_PUT: dict[str, Any] = {
    "store": _put_store,
    "channel": _put_channel,
    "item": _put_item,
    "restore_rule": _put_rule,
    "webhook": _put_webhook,
    "hub": _put_hub,
}
