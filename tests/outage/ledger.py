"""The books of whoever stands outside: what was put in, and what was acknowledged to guests; compared with the rows.

Shares no code with the product. Quantities are portions.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.outage.guest import At

LOCKED, DEDUCTED, UNLOCKED, RETURNED = 1, 2, 3, 4
"""States as rows have them."""


@dataclass
class Line:
    """What one order has of a dish, as it was last acknowledged."""

    quantity: int
    state: int = LOCKED


@dataclass(frozen=True)
class Row:
    """A stock as a side has it. `grant` is the other side's part."""

    real: int
    locked: int
    grant: int
    oversold: int = 0


Lines = dict[int, tuple[int, int]]
"""By SKU: quantity, state."""


@dataclass
class Rows:
    """What one side has of one store: its stocks by SKU, its orders, how many incidents; at a hub what isn't told."""

    stocks: dict[int, Row]
    orders: dict[str, Lines]
    incidents: int = 0
    untold: int = 0


@dataclass
class Ledger:
    """One store's."""

    poi_id: str
    portions: dict[int, int]
    orders: dict[str, dict[int, Line]] = field(default_factory=dict)
    places: dict[str, At] = field(default_factory=dict)
    refused: Counter[tuple[At, int]] = field(default_factory=Counter)
    """How often which side had no more of a dish."""

    def locked(self, order_id: str, at: At, lines: dict[int, int]) -> None:
        self.orders[order_id] = {sku: Line(quantity) for sku, quantity in lines.items()}
        self.places[order_id] = at

    def became(self, order_id: str, state: int) -> None:
        for line in self.orders[order_id].values():
            line.state = state

    def totals(self) -> Counter[tuple[int, int, At]]:
        """Portions by dish, state and side."""
        found: Counter[tuple[int, int, At]] = Counter()
        for order_id, lines in self.orders.items():
            for sku, line in lines.items():
                found[sku, line.state, self.places[order_id]] += line.quantity
        return found

    def all_of(self, state: int) -> Counter[int]:
        """Portions in that state by dish, on both sides."""
        found: Counter[int] = Counter()
        for (sku, each, _), quantity in self.totals().items():
            if each == state:
                found[sku] += quantity
        return found

    def complaints(self, cloud: Rows, hub: Rows) -> list[str]:
        """Everything that doesn't add up."""
        return [f"{self.poi_id}: {each}" for each in (*self._stocks(cloud, hub), *self._orders(cloud, hub))]

    def _stocks(self, cloud: Rows, hub: Rows) -> Iterator[str]:
        if hub.untold:
            yield f"the hub hasn't told {hub.untold} events or requests"
        if cloud.incidents or hub.incidents:
            yield f"{cloud.incidents} incidents in the cloud, {hub.incidents} at the hub"
        totals, sales, locks = self.totals(), self.all_of(DEDUCTED), self.all_of(LOCKED)
        for sku, put_in in self.portions.items():
            sold, promised = sales[sku], locks[sku]
            if sold + promised > put_in:
                yield f"dish {sku}: {sold} are sold, {promised} promised, of {put_in}"
            here, there = hub.stocks.get(sku), cloud.stocks.get(sku)
            if here is None or there is None:
                yield f"dish {sku}: cloud {there}, hub {here}"
                continue
            for name, row, at in (("cloud", there, At.ONLINE), ("hub", here, At.HUB)):
                if row.real + sold != put_in:
                    yield f"dish {sku}: {name} has {row.real}, {sold} are sold, {put_in} were put in"
                if row.locked != totals[sku, LOCKED, at]:
                    yield f"dish {sku}: {name} has locked {row.locked}, promised are {totals[sku, LOCKED, at]}"
                if row.oversold:
                    yield f"dish {sku}: {name} has oversold {row.oversold}"
            if there.grant != max(0, here.real - here.grant):
                yield f"dish {sku}: the cloud counts {there.grant} as the hub's, which holds {here.real - here.grant}"

    def _orders(self, cloud: Rows, hub: Rows) -> Iterator[str]:
        for order_id, lines in self.orders.items():
            expected = {sku: (line.quantity, line.state) for sku, line in lines.items()}
            sides = [("cloud", cloud), ("hub", hub)] if self.places[order_id] is At.HUB else [("cloud", cloud)]
            for name, rows in sides:
                if rows.orders.get(order_id) != expected:
                    yield f"{order_id}: acknowledged {expected}, {name} has {rows.orders.get(order_id)}"
        for name, rows in (("cloud", cloud), ("hub", hub)):
            unknown = rows.orders.keys() - self.orders.keys()
            if unknown:
                yield f"{name} has {len(unknown)} orders that nobody placed, such as {min(unknown)}"
