"""The store's live orders whose home is the cloud, as the hub heard of them last.

Kept in memory: while the line is down, what the cloud has locked since is unknown here, and so is everything after a
restart that doesn't reach the cloud.
"""

from collections.abc import Sequence

from eightysix.wire.answer import HeldOrderAnswer


class CloudOrders:
    """Looked up by order_id."""

    def __init__(self) -> None:
        self._orders: dict[str, HeldOrderAnswer] = {}

    def replace(self, orders: Sequence[HeldOrderAnswer]) -> None:
        """These are all of them now."""
        self._orders = {order.order_id: order for order in orders}

    def get(self, order_id: str) -> HeldOrderAnswer | None:
        return self._orders.get(order_id)

    def __len__(self) -> int:
        return len(self._orders)
