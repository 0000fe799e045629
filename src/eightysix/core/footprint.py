"""Which rows a command may touch, so that a batch can load them before anything is decided."""

from collections.abc import Iterable

import msgspec
from msgspec import UNSET

from .availability import chain
from .catalogue import Catalogue
from .command import AmendStock, ChannelSetting, Command, DeductStock, ExpireLocks, LockStock, ReturnStock, SetStock
from .key import StockKey, StoreKey
from .reservation import Reservation


class Footprint(msgspec.Struct, frozen=True, gc=False):
    """What to load for a command before its orders are known."""

    order_id: str | None = None
    request_id: str | None = None
    stocks: tuple[StockKey, ...] = ()
    counts_used: bool = False
    """Whether the store's reservations of the current period are needed (a cap is set for the first time)."""


def footprint(command: Command, catalogue: Catalogue) -> Footprint:
    """What `command` may touch, as far as the command itself tells."""
    if isinstance(command, LockStock):
        stocks = chains(command.store, (line.sku_id for line in command.lines), catalogue)
        return Footprint(order_id=command.order_id, stocks=stocks)
    if isinstance(command, ExpireLocks):
        return Footprint()
    if isinstance(command, SetStock):
        return Footprint(
            stocks=tuple(setting.key for setting in command.settings),
            counts_used=any(_may_count(channel) for setting in command.settings for channel in setting.channels),
        )
    request_id = command.request_id if isinstance(command, (ReturnStock, AmendStock)) else None
    return Footprint(order_id=command.order_id, request_id=request_id)


def _may_count(channel: ChannelSetting) -> bool:
    """Whether the setting may give a channel its first cap or guarantee."""
    return channel.limit not in (None, UNSET) or channel.guarantee not in (0, UNSET)


def stocks_held(reservations: Iterable[Reservation]) -> set[StockKey]:
    """Every stock that these reservations took from."""
    return {take.key for reservation in reservations for take in reservation.takes}


def takes_anew(command: Command) -> bool:
    """Whether the command may take stock for lines its order already has, so that today's chain is needed too."""
    return isinstance(command, AmendStock) or (isinstance(command, DeductStock) and command.relock)


def chains(store: StoreKey, sku_ids: Iterable[int], catalogue: Catalogue) -> tuple[StockKey, ...]:
    """The stocks that selling these SKUs depends on. Unknown SKUs are left out."""
    keys: dict[StockKey, None] = {}
    for sku_id in sku_ids:
        item = catalogue.item(store.brand_id, 2, sku_id)
        if item is not None:
            keys.update(dict.fromkeys(key for key, _ in chain(item, catalogue)))
    return tuple(keys)
