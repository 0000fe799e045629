"""The brand that races are run in: its catalogue, in memory and over HTTP, and its commands.

SKU 1 to 20; SKU 3 and 4 share the SPU 30. Channels POS and KIOSK in the store, ONLINE_ORDER outside.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from eightysix.cli.calling.setup import ItemToSet, StoreToSet, put_brand, put_items, put_stores
from eightysix.client import AsyncClient
from eightysix.core.catalogue import Brand, Channel, Dependents, Item, Store
from eightysix.core.command import (
    Actor,
    ChannelSetting,
    DeductStock,
    Line,
    LockStock,
    SetStock,
    Setting,
    UnlockStock,
)
from eightysix.core.dependent import dependents_of
from eightysix.core.key import NO_KEYS, StockKey, StoreKey, sku_key, spu_key
from eightysix.core.quantity import UNIT
from eightysix.core.restore_rule import NO_RULES, RuleBook
from eightysix.core.stock import LIMITED, Allocation

BRAND = "race"
ZONE = "Asia/Shanghai"
STORES = tuple(f"r{number}" for number in range(100))
"""More than there are tests on one database: each race takes stores of its own."""
SKUS = range(1, 21)
POOL = 30
POOLED = (3, 4)
ONLINE = "ONLINE_ORDER"
CHANNELS = {"POS": True, "KIOSK": True, ONLINE: False}
"""Whether it is in the store, by code."""
ACTOR = Actor("race")


class Market:
    """The catalogue, and its own source."""

    def __init__(self) -> None:
        self._stores = {poi_id: Store(BRAND, poi_id, ZONE) for poi_id in STORES}
        self._channels = {code: Channel(BRAND, code, in_store=in_store) for code, in_store in CHANNELS.items()}
        items = [Item(BRAND, 1, POOL), *(Item(BRAND, 2, sku_id, spu_id=spu_of(sku_id)) for sku_id in SKUS)]
        self._items = {(item.object_type, item.object_id): item for item in items}
        self._dependents = {
            key: those for key in map(spu_key, (POOL,)) if (those := dependents_of(key, items, self)) is not None
        }

    @property
    def current(self) -> "Market":
        return self

    def brand(self, brand_id: str) -> Brand | None:
        return Brand(BRAND) if brand_id == BRAND else None

    def store(self, brand_id: str, poi_id: str) -> Store | None:
        return self._stores.get(poi_id) if brand_id == BRAND else None

    def channel(self, brand_id: str, channel_code: str) -> Channel | None:
        return self._channels.get(channel_code)

    def channels(self, brand_id: str) -> dict[str, Channel]:
        return self._channels

    def item(self, brand_id: str, object_type: int, object_id: int) -> Item | None:
        return self._items.get((object_type, object_id))

    def rules(self, brand_id: str) -> RuleBook:
        return NO_RULES

    def timer_version(self, brand_id: str, poi_id: str) -> int:
        return 0

    @property
    def timers_version(self) -> int:
        return 0

    def hub(self, _brand_id: str, _poi_id: str) -> str | None:
        return None

    @property
    def at_hub(self) -> bool:
        return False

    def dependents(self, brand_id: str, key: StockKey) -> Dependents | None:
        return self._dependents.get(key)

    def moved_items(self, brand_id: str, since: int) -> frozenset[StockKey]:
        return NO_KEYS

    def supplied_stores(self) -> tuple[StoreKey, ...]:
        return ()


def spu_of(sku_id: int) -> int | None:
    """The SPU that a SKU belongs to."""
    return POOL if sku_id in POOLED else None


async def set_up(client: AsyncClient) -> None:
    """Make the brand in a served API."""
    await put_brand(client, BRAND, "Race")
    await put_stores(client, [StoreToSet(BRAND, poi_id, poi_id, ZONE) for poi_id in STORES])
    names = {"en": "dish", "zh": "菜"}
    dishes = [ItemToSet(BRAND, 2, sku_id, names, spu_id=spu_of(sku_id)) for sku_id in SKUS]
    await put_items(client, [ItemToSet(BRAND, 1, POOL, names), *dishes])


def store(poi_id: str) -> StoreKey:
    """A store's key."""
    return StoreKey.of(BRAND, poi_id)


def lock(poi_id: str, order_id: str, *sku_ids: int, channel: str = ONLINE, expires_in: int | None = None) -> LockStock:
    """One portion of each of `sku_ids` (default SKU 1), each on a line of its own; the same SKU may come twice."""
    lines = tuple(Line(sku_id, line_no, UNIT) for line_no, sku_id in enumerate(sku_ids or (1,)))
    return LockStock(store(poi_id), order_id, channel, lines, ACTOR, expires_in=expires_in)


def deduct(poi_id: str, order_id: str, *, relock: bool = False) -> DeductStock:
    """The whole order is paid."""
    return DeductStock(store(poi_id), order_id, None, ACTOR, relock=relock)


def unlock(poi_id: str, order_id: str) -> UnlockStock:
    """The whole order is cancelled."""
    return UnlockStock(store(poi_id), order_id, None, ACTOR)


def stock(
    poi_id: str,
    portions: int,
    *,
    sku_ids: Iterable[int] = (1,),
    channels: Iterable[ChannelSetting] = (),
    allocation: Allocation = Allocation.NONE,
) -> SetStock:
    """Limited stock of so many portions of each SKU, with what its channels may take or share."""
    settings = (_limited(sku_key(sku_id), portions, channels) for sku_id in sku_ids)
    return SetStock(store(poi_id), tuple(replace(each, allocation=allocation) for each in settings), ACTOR)


def pool(poi_id: str, portions: int) -> SetStock:
    """Limited stock of the SPU that SKU 3 and 4 share."""
    return SetStock(store(poi_id), (_limited(spu_key(POOL), portions, ()),), ACTOR)


def _limited(key: StockKey, portions: int, channels: Iterable[ChannelSetting]) -> Setting:
    return Setting(key, type=LIMITED, plan=portions * UNIT, real=portions * UNIT, channels=tuple(channels))
