"""What head office has set up: brands, stores, channels, items. The core reads it through `Catalogue`."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

import msgspec

from .key import StockKey, StoreKey
from .restore_rule import RuleBook

EVERYDAY_CHANNELS = ("POS", "KIOSK", "EMENU", "ONLINE_ORDER")
"""The channels that a new brand starts with."""


class Brand(msgspec.Struct, frozen=True, gc=False):
    """The tenant. A brand that is not `open` sells nothing."""

    brand_id: str
    open: bool = True


class Store(msgspec.Struct, frozen=True, gc=False):
    """One restaurant. `day_start_minute` is its `business_day_start` in minutes after local midnight.

    At `guarantees_end_minute`, minutes after local midnight too, what is guaranteed and open flows back; None: never.
    """

    brand_id: str
    poi_id: str
    time_zone: str
    day_start_minute: int = 240
    open: bool = True
    guarantees_end_minute: int | None = None


class Channel(msgspec.Struct, frozen=True, gc=False):
    """A way to sell. `oversell` is `deny`, `warn` (a reason is needed) or `allow`; online channels always deny."""

    brand_id: str
    channel_code: str
    in_store: bool
    own: bool = True
    expires_in: int = 900
    oversell: str = "deny"


class Component(msgspec.Struct, frozen=True, gc=False):
    """A SKU that one portion of a combo needs, and how many thousandths of it."""

    sku_id: int
    quantity: int


class Item(msgspec.Struct, frozen=True, gc=False):
    """A dish or a sellable variant of it, the same in all stores of the brand."""

    brand_id: str
    object_type: int
    object_id: int
    spu_id: int | None = None
    decimals: int = 1
    components: tuple[Component, ...] = ()
    category: str | None = None
    tags: tuple[str, ...] = ()

    @property
    def key(self) -> StockKey:
        """The key of the item's stock in any store."""
        return StockKey(self.object_type, self.object_id)


def category_of(item: Item, catalogue: "Catalogue") -> str | None:
    """The item's category, or its SPU's where it has none of its own."""
    if item.category is not None or item.spu_id is None:
        return item.category
    spu = catalogue.item(item.brand_id, 1, item.spu_id)
    return None if spu is None else spu.category


def tags_of(item: Item, catalogue: "Catalogue") -> tuple[str, ...]:
    """The item's tags, or its SPU's where it has none of its own."""
    if item.tags or item.spu_id is None:
        return item.tags
    spu = catalogue.item(item.brand_id, 1, item.spu_id)
    return () if spu is None else spu.tags


class Dependents(NamedTuple):
    """Items that are sold from a stock besides that stock's own item, and each number of thousandths of it that is
    just enough for the least that can be sold of one of them."""

    items: tuple[Item, ...]
    needed: tuple[int, ...]


class Catalogue(Protocol):
    """One consistent view of the catalogue; every look-up is in memory and answers None for what doesn't exist."""

    def brand(self, brand_id: str) -> Brand | None: ...
    def store(self, brand_id: str, poi_id: str) -> Store | None: ...
    def channel(self, brand_id: str, channel_code: str) -> Channel | None: ...
    def channels(self, brand_id: str) -> dict[str, Channel]: ...
    def item(self, brand_id: str, object_type: int, object_id: int) -> Item | None: ...
    def hub(self, brand_id: str, poi_id: str, /) -> str | None:
        """The id of the hub that sells in the store; None where the cloud does, and at a hub."""
        ...

    @property
    def at_hub(self) -> bool:
        """Whether this is a hub's: its in-store channels are its own, the online ones the cloud's."""
        ...

    def rules(self, brand_id: str, /) -> RuleBook:
        """The brand's restore rules."""
        ...

    def timer_version(self, brand_id: str, poi_id: str, /) -> int:
        """The version of the last change that may move what is due in the store by the clock; 0 for no store."""
        ...

    @property
    def timers_version(self) -> int:
        """The version of the last change that may move what is due in any store."""
        ...

    def dependents(self, brand_id: str, key: StockKey, /) -> Dependents | None:
        """The other items that can't be sold without this stock; None for almost every stock, and asked for each one
        that changes, so it must cost next to nothing."""
        ...

    def moved_items(self, brand_id: str, since: int, /) -> frozenset[StockKey] | None:
        """Items that a change after version `since` took out of the menu, brought back, or let be sold from other
        stocks. None: some were taken out, and it isn't known which."""
        ...

    def supplied_stores(self) -> Iterable[StoreKey]:
        """Stores in which a rule may make a stock that has no row: they are planned before anything was set there."""
        ...
