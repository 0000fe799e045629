"""A small shop for the engine's tests: a catalogue in memory, commands, and the facts of a database afterwards."""

from collections import Counter
from collections.abc import Iterable

from msgspec.structs import replace

from eightysix.core.catalogue import Brand, Channel, Dependents, Item, Store
from eightysix.core.command import Actor, DeductStock, Line, LockStock, SetStock, Setting, UnlockStock
from eightysix.core.dependent import dependents_of
from eightysix.core.key import NO_KEYS, StockKey, StoreKey, sku_key
from eightysix.core.quantity import UNIT
from eightysix.core.reservation import State
from eightysix.core.restore_rule import NO_RULES, RestoreRule, RuleBook
from eightysix.core.stock import LIMITED
from eightysix.storage.port import AuditStore, Database

BRAND = "noodles"
ACTOR = Actor("test")
SKUS = range(1, 21)


class Shop:
    """A catalogue of one brand: any number of stores, SKUs 1 to 20, the online channel ONLINE_ORDER."""

    def __init__(self, stores: Iterable[str] = ()) -> None:
        self._stores = {poi_id: Store(BRAND, poi_id, "Asia/Shanghai") for poi_id in stores}
        self._channels = {"ONLINE_ORDER": Channel(BRAND, "ONLINE_ORDER", in_store=False)}
        self._items = {(2, sku_id): Item(BRAND, 2, sku_id) for sku_id in SKUS}
        self._rules = NO_RULES
        self._written: list[RestoreRule] = []
        self.timers_version = 0
        """0: nothing was ever set up that is due by the clock."""

    def set_rules(self, *rules: RestoreRule) -> None:
        """These are the brand's rules from now on; one that is there already keeps its version."""
        self.timers_version += 1
        known = {replace(rule, version=0): rule for rule in self._written}
        self._written = [known.get(rule) or replace(rule, version=self.timers_version) for rule in rules]
        self._rules = RuleBook(self._written)

    def move_store(self, poi_id: str, time_zone: str) -> None:
        """The store's clock is another from now on."""
        self.timers_version += 1
        self._stores[poi_id] = Store(BRAND, poi_id, time_zone)

    def add(self, item: Item) -> None:
        """Another item of the menu."""
        self._items[item.object_type, item.object_id] = item

    def open_store(self, poi_id: str, *, is_open: bool) -> None:
        """The store opens, or closes for a while."""
        self.timers_version += 1
        self._stores[poi_id] = replace(self._stores[poi_id], open=is_open)

    def close_down(self, poi_id: str) -> None:
        """The store is no more."""
        self.timers_version += 1
        del self._stores[poi_id]

    @property
    def current(self) -> "Shop":
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
        return self._rules

    def timer_version(self, brand_id: str, poi_id: str) -> int:
        return self.timers_version if poi_id in self._stores else 0

    def hub(self, _brand_id: str, _poi_id: str) -> str | None:
        return None

    @property
    def at_hub(self) -> bool:
        return False

    def dependents(self, brand_id: str, key: StockKey) -> Dependents | None:
        return dependents_of(key, self._items.values(), self)

    def moved_items(self, brand_id: str, since: int) -> frozenset[StockKey]:
        return NO_KEYS

    def supplied_stores(self) -> list[StoreKey]:
        return [store(poi_id) for poi_id in self._stores if any(self._rules.supplied(poi_id))]


def store(poi_id: str) -> StoreKey:
    return StoreKey.of(BRAND, poi_id)


def lock(poi_id: str, order_id: str, *, sku_id: int = 1, portions: int = 1, expires_in: int | None = None) -> LockStock:
    line = Line(sku_id, quantity=portions * UNIT)
    return LockStock(store(poi_id), order_id, "ONLINE_ORDER", (line,), ACTOR, expires_in=expires_in)


def deduct(poi_id: str, order_id: str) -> DeductStock:
    return DeductStock(store(poi_id), order_id, None, ACTOR)


def unlock(poi_id: str, order_id: str) -> UnlockStock:
    return UnlockStock(store(poi_id), order_id, None, ACTOR)


def stock(poi_id: str, portions: int, *, sku_ids: Iterable[int] = (1,)) -> SetStock:
    """Limited stock of so many portions of each SKU."""
    settings = tuple(
        Setting(sku_key(sku_id), type=LIMITED, plan=portions * UNIT, real=portions * UNIT) for sku_id in sku_ids
    )
    return SetStock(store(poi_id), settings, ACTOR)


async def audit(database: Database) -> dict[str, AuditStore]:
    """Everything the database has, by poiId."""
    return {each.store.poi_id: each async for each in database.audit()}


def orders_by_state(found: AuditStore) -> Counter[State]:
    """How many lines are in which state."""
    return Counter(State(each.state) for each in found.reservations)


def assert_sound(found: AuditStore) -> None:
    """The counters agree with the reservations, and every change was logged once, in sequence without a gap."""
    held: Counter[int] = Counter()
    for each in found.reservations:
        if each.state is State.LOCKED:
            for take in each.takes:
                if take.counted:
                    held[take.object_id] += take.amount(each.quantity)
    for row in found.stocks:
        assert row.locked == held[row.key.object_id], (found.store, row)
        assert row.real >= row.locked >= 0, (found.store, row)
    assert [row.seq for row in sorted(found.logs, key=lambda row: row.seq)] == list(range(1, found.head.seq + 1))
    seqs = sorted(found.outbox, key=lambda row: row.seq)
    assert [row.prev_seq for row in seqs] == [0, *(row.seq for row in seqs)][: len(seqs)]
