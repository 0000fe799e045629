"""Where an order is at home: where its first lock was taken, and only there its verbs are decided (DESIGN section 7).

In a store with a hub, what is sold in the store is sold there: the cloud sends in-store locks to it, and verbs on the
hub's orders. Once a hub is replaced its orders are the cloud's. A hub itself has no hub: it decides on what it has.
"""

from .command import ChangeStock, CountStock, Event, LockStock, OrderCommand, SellStock
from .outcome import Code, Refused
from .reservation import LineKey
from .shelf import Shelf


def away(command: OrderCommand, shelf: Shelf) -> Refused | None:
    """The refusal of what the store's hub has to decide, or None. An order that is at home here stays so, also where
    an in-store channel adds to it."""
    hub_id = shelf.catalogue.hub(shelf.store.brand_id, shelf.store.poi_id)
    if hub_id is None:
        return None
    lines = shelf.orders.get(command.order_id)
    if lines:
        at_hub = any(line.hub_id == hub_id for line in lines.values())
        return Refused(Code.ORDER_AT_HUB, field="order_id") if at_hub else None
    if isinstance(command, LockStock):
        channel = shelf.catalogue.channel(shelf.store.brand_id, command.channel_code)
        if channel is not None and channel.in_store:
            return Refused(Code.USE_HUB, field="channel_code")
    return None


def has_home_at_hub(order_id: str, shelf: Shelf) -> bool:
    """Whether the store's hub decides on the order."""
    return bool(_lines_at_hub(order_id, shelf))


def is_told_to_hub(event: Event, shelf: Shelf) -> bool:
    """Whether what a device tells is about an order that the store's hub decides on, and so has heard of itself. What
    was sold besides counts, whatever channel it was sold on: it has happened already."""
    if isinstance(event, (CountStock, ChangeStock)):
        return False
    at_hub = _lines_at_hub(event.order_id, shelf)
    if isinstance(event, SellStock):
        return any((line.sku_id, line.line_no) in at_hub for line in event.lines)
    return bool(at_hub)


def _lines_at_hub(order_id: str, shelf: Shelf) -> set[LineKey]:
    hub_id = shelf.catalogue.hub(shelf.store.brand_id, shelf.store.poi_id)
    if hub_id is None:
        return set()
    return {key for key, line in shelf.orders.get(order_id, {}).items() if line.hub_id == hub_id}
