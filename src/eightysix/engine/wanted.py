"""What a batch must load, as far as its commands themselves tell."""

from collections.abc import Iterable

from eightysix.core.catalogue import Catalogue
from eightysix.core.command import Command
from eightysix.core.footprint import footprint
from eightysix.core.key import StockKey, StoreKey
from eightysix.storage.port import OrdersWanted


class Wanted:
    """Gathered store by store. `whole`: the stores of which everything is wanted in any case."""

    def __init__(self, whole: Iterable[StoreKey]) -> None:
        self.whole = set(whole)
        self.orders: dict[StoreKey, OrdersWanted] = {}
        self.stocks: dict[StoreKey, set[StockKey]] = {}
        self.hubs: dict[StoreKey, set[str]] = {}
        self.incidents: dict[StoreKey, set[int]] = {}
        self.setting: set[StoreKey] = set()
        """The stores in which something is set."""

    def add(self, store: StoreKey, commands: Iterable[Command], catalogue: Catalogue) -> None:
        """Note what the commands of a store need."""
        orders = self.orders[store] = OrdersWanted(set(), set())
        stocks = self.stocks[store] = set()
        for command in commands:
            needs = footprint(command, catalogue)
            if needs.order_id is not None:
                orders.order_ids.add(needs.order_id)
            if needs.request_ids:
                orders.request_ids.update(needs.request_ids)
            stocks.update(needs.stocks)
            if needs.sets:
                self.setting.add(store)
            if needs.whole:
                self.whole.add(store)
            if needs.hub_ids:
                self.hubs.setdefault(store, set()).update(needs.hub_ids)
            if needs.incident_seqs:
                self.incidents.setdefault(store, set()).update(needs.incident_seqs)
