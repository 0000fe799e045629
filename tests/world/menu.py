"""A small fixed catalogue for rule tests.

SKU 1 and 2 stand alone; SKU 3 and 4 share the SPU 30; SKU 5 has no decimals; SKU 6 is a combo of 1 (one) and 2 (two);
SKU 7 has three decimals; SKU 8 is a combo of 3 (one) and 4 (two); SKU 9 is a dish with counted ingredients: half a
portion of 5 and a quarter of 7.
EMENU holds for 60 s, the other channels for 900 s.
"""

from msgspec.structs import replace

from eightysix.core.catalogue import Brand, Channel, Component, Dependents, Item, Store
from eightysix.core.dependent import dependents_of
from eightysix.core.key import StockKey, StoreKey
from eightysix.core.restore_rule import NO_RULES, RestoreRule, RuleBook

BRAND_ID = "noodle"
STORE = StoreKey.of(BRAND_ID, "1")


class Menu:
    """A `Catalogue`; tests may open and close brand and store."""

    def __init__(self) -> None:
        self.brands = {BRAND_ID: Brand(BRAND_ID)}
        self.stores = {(BRAND_ID, "1"): Store(BRAND_ID, "1", "Europe/London")}
        self.codes = {
            code: Channel(
                BRAND_ID,
                code,
                in_store=code in ("POS", "KIOSK", "EMENU", "WARN", "ALLOW"),
                expires_in=60 if code == "EMENU" else 900,
                oversell=oversell,
            )
            for code, oversell in [
                ("POS", "deny"),
                ("KIOSK", "deny"),
                ("EMENU", "deny"),
                ("ONLINE_ORDER", "deny"),
                ("WARN", "warn"),
                ("ALLOW", "allow"),
            ]
        }
        items = [
            Item(BRAND_ID, 2, 1),
            Item(BRAND_ID, 2, 2),
            Item(BRAND_ID, 1, 30),
            Item(BRAND_ID, 2, 3, spu_id=30),
            Item(BRAND_ID, 2, 4, spu_id=30),
            Item(BRAND_ID, 2, 5, decimals=0),
            Item(BRAND_ID, 2, 6, components=(Component(1, 1000), Component(2, 2000))),
            Item(BRAND_ID, 2, 7, decimals=3),
            Item(BRAND_ID, 2, 8, components=(Component(3, 1000), Component(4, 2000))),
            Item(BRAND_ID, 2, 9, components=(Component(5, 500), Component(7, 250))),
        ]
        self.items = {(item.object_type, item.object_id): item for item in items}
        self.book = NO_RULES
        self.moved: dict[StockKey, int] = {}
        self._written: list[RestoreRule] = []
        self.hubs: dict[str, str] = {}
        """Which hub sells in which store."""
        self.at_hub = False
        self.timers_version = 0
        """0: nothing was ever set up that is due by the clock."""

    def set_rules(self, *rules: RestoreRule) -> None:
        """These are the brand's rules from now on; one that is there already keeps its version."""
        self.timers_version += 1
        known = {replace(rule, version=0): rule for rule in self._written}
        self._written = [known.get(rule) or replace(rule, version=self.timers_version) for rule in rules]
        self.book = RuleBook(self._written)

    def open_store(self, poi_id: str) -> StoreKey:
        """Another store of the brand, in the same city."""
        self.stores[BRAND_ID, poi_id] = Store(BRAND_ID, poi_id, "Europe/London")
        return StoreKey.of(BRAND_ID, poi_id)

    def set_store(self, store: Store) -> None:
        """The store's clock is another from now on."""
        self.stores[store.brand_id, store.poi_id] = store
        self.timers_version += 1

    def brand(self, brand_id: str) -> Brand | None:
        return self.brands.get(brand_id)

    def store(self, brand_id: str, poi_id: str) -> Store | None:
        return self.stores.get((brand_id, poi_id))

    def channel(self, brand_id: str, channel_code: str) -> Channel | None:
        return self.codes.get(channel_code) if brand_id == BRAND_ID else None

    def channels(self, brand_id: str) -> dict[str, Channel]:
        return self.codes if brand_id == BRAND_ID else {}

    def item(self, brand_id: str, object_type: int, object_id: int) -> Item | None:
        return self.items.get((object_type, object_id)) if brand_id == BRAND_ID else None

    def rules(self, brand_id: str) -> RuleBook:
        return self.book

    def timer_version(self, brand_id: str, poi_id: str) -> int:
        return self.timers_version if (brand_id, poi_id) in self.stores else 0

    def hub(self, _brand_id: str, poi_id: str) -> str | None:
        return self.hubs.get(poi_id)

    def dependents(self, brand_id: str, key: StockKey) -> Dependents | None:
        return dependents_of(key, self.items.values(), self) if brand_id == BRAND_ID else None

    def moved_items(self, brand_id: str, since: int) -> frozenset[StockKey]:
        return frozenset(key for key, version in self.moved.items() if version > since)

    def supplied_stores(self) -> list[StoreKey]:
        return [StoreKey.of(*store) for store in self.stores if any(self.book.supplied(store[1]))]
