"""The auditor's own model of a store's food: plain counting, sharing nothing with the rules of the product.

Portions are put there, held for orders, sold, brought back. What a hub has sold and the cloud hasn't heard of yet is
`pending`: sold all the same.
"""

from dataclasses import dataclass, field

Stock = tuple[int, int]
"""(object_type, object_id)"""

LIMITED_STOCKS: tuple[Stock, ...] = ((2, 1), (2, 2), (1, 30))
"""Two dishes and a dish's pool; everything else is sold without limit."""

RECIPES: dict[int, tuple[tuple[Stock, int], ...]] = {
    1: (((2, 1), 1),),
    2: (((2, 2), 1),),
    3: (((1, 30), 1),),
    4: (((1, 30), 1),),
    6: (((2, 1), 1), ((2, 2), 2)),
}
"""What a portion of each dish takes of the limited stocks: 3 and 4 share the pool, 6 is a combo."""

HOLDING = "LOCKED"
PAID = ("DEDUCTED", "RETURNED")


@dataclass(slots=True)
class Line:
    """A line of an order, as its home has acknowledged it. Quantities in thousandths."""

    home: str
    sku: int
    state: str
    quantity: int
    returned: int = 0
    restocked: int = 0
    expires_at: int = 0

    @property
    def sold(self) -> int:
        """What has left the store for good."""
        return self.quantity - self.restocked if self.state in PAID else 0


@dataclass(slots=True)
class Pending:
    """What the event `seq` of a hub does to what is there; of which epoch the hub knew, and which occurrence of the
    rule it had restored itself."""

    seq: int
    stock: Stock
    real: int
    epoch_at: int
    slot: int


@dataclass(slots=True)
class Thing:
    """A limited stock in the cloud's books: what there is, the planned quantity, and when it was restored last."""

    real: int = 0
    plan: int = 0
    epoch_at: int = 0
    slot: int = 0
    occurrences: set[int] = field(default_factory=set)

    def counts(self, pending: Pending) -> bool:
        """Whether a hub's sale is one of what is there now, and not of what was there before the last restore."""
        return pending.epoch_at >= self.epoch_at or pending.slot >= self.slot


def taken(sku: int, quantity: int) -> list[tuple[Stock, int]]:
    """What `quantity` thousandths of a dish take of each limited stock."""
    return [(stock, quantity * portions) for stock, portions in RECIPES[sku]]
