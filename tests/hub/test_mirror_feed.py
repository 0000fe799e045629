"""A row over the line and back: what the cloud's rules know of it, the hub's rules know too."""

from eightysix.core.hub import MirrorRow
from eightysix.core.key import StoreKey, sku_key
from eightysix.core.stock import LIMITED, NEVER, SOLD_OUT, Allocation, ChannelStock, RestoreTo, Stock
from eightysix.hub.mirror_feed import mirror_row
from eightysix.wire.message import StockMessage, decode_message, encode_message, stock_state
from tests.world.kitchen import Kitchen

SOUP = sku_key(101)
NOW = 1_700_000_000_000
STOCK = Stock(
    SOUP, SOLD_OUT, LIMITED, manual=True, plan=12_500, real=7_250, locked=1_000, grant=3_000, oversold=500, version=9,
    settings_version=4, updated_at=NOW - 5, auto_restore_type=NEVER, epoch_at=NOW - 100, restore_to=RestoreTo.KEEP,
    auto_restore_from=NOW - 7, restored_slot=77, allocation=Allocation.GUARANTEE, low=2_000, is_low=True,
)  # fmt: skip
CHANNEL = ChannelStock(
    SOUP, "POS", SOLD_OUT, LIMITED, 5_000, 2_500, 3, NOW, 1_500, NOW - 50, 1_000, is_low=True
)  # fmt: skip
