"""Rows as the cloud has them, for a hub's kitchen."""

from msgspec.structs import replace

from eightysix.core.command import MirrorStock
from eightysix.core.hub import MirrorRow
from eightysix.core.key import StockKey
from eightysix.core.outcome import Outcome
from eightysix.core.stock import LIMITED, ChannelStock, Stock
from tests.world.hub_kitchen import HubKitchen
from tests.world.menu import STORE


def limited(key: StockKey, real: int, **fields: object) -> Stock:
    """A limited row of the cloud, set once."""
    row = Stock(key, type=LIMITED, plan=real, real=real, version=1, settings_version=1, updated_at=1_000)
    return replace(row, **fields)


def mirrored(hub: HubKitchen, *rows: Stock, channels: tuple[ChannelStock, ...] = ()) -> Outcome:
    """The hub takes these rows over."""
    found = tuple(MirrorRow(row, tuple(each for each in channels if each.key == row.key)) for row in rows)
    return hub.run(MirrorStock(STORE, found))
