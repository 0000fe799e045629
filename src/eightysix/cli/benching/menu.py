"""The catalogue of a measurement in process: the brand, stores, channel and dishes that `seeding` writes, in memory."""

from eightysix.cli.benching.workload import BRAND, CHANNEL, poi_id
from eightysix.core.catalogue import Brand, Channel, Item, Store
from eightysix.core.key import NO_KEYS, StockKey, StoreKey
from eightysix.core.restore_rule import NO_RULES, RuleBook


class Menu:
    """A catalogue that never changes, and the source of itself."""

    def __init__(self, stores: int, items: int) -> None:
        self._brand = Brand(BRAND)
        self._channels = {CHANNEL: Channel(BRAND, CHANNEL, in_store=False)}
        self._stores = {poi_id(number): Store(BRAND, poi_id(number), "UTC") for number in range(1, stores + 1)}
        self._items = {(2, sku): Item(BRAND, 2, sku) for sku in range(1, items + 1)}

    @property
    def current(self) -> "Menu":
        """What an engine asks its catalogue source for."""
        return self

    def brand(self, brand_id: str) -> Brand | None:
        return self._brand if brand_id == BRAND else None

    def store(self, brand_id: str, poi_id: str) -> Store | None:
        return self._stores.get(poi_id) if brand_id == BRAND else None

    def channel(self, brand_id: str, channel_code: str) -> Channel | None:
        return self._channels.get(channel_code) if brand_id == BRAND else None

    def channels(self, brand_id: str) -> dict[str, Channel]:
        return self._channels if brand_id == BRAND else {}

    def item(self, brand_id: str, object_type: int, object_id: int) -> Item | None:
        return self._items.get((object_type, object_id)) if brand_id == BRAND else None

    def rules(self, _brand_id: str) -> RuleBook:
        return NO_RULES

    def timer_version(self, _brand_id: str, _poi_id: str) -> int:
        return 0

    @property
    def timers_version(self) -> int:
        return 0

    def hub(self, _brand_id: str, _poi_id: str) -> str | None:
        return None

    @property
    def at_hub(self) -> bool:
        return False

    def dependents(self, _brand_id: str, _key: StockKey) -> None:
        return None

    def moved_items(self, _brand_id: str, _since: int) -> frozenset[StockKey]:
        return NO_KEYS

    def supplied_stores(self) -> tuple[StoreKey, ...]:
        return ()
