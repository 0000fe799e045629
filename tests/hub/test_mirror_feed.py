"""A row over the line and back: what the cloud's rules know of it, the hub's rules know too."""

import pytest
from msgspec.structs import replace

from eightysix.core.availability import used_since
from eightysix.core.change import Head, OutboxRow
from eightysix.core.command import Actor
from eightysix.core.draft import Draft
from eightysix.core.hub import MirrorRow
from eightysix.core.instant import business_day
from eightysix.core.key import sku_key
from eightysix.core.shelf import Shelf
from eightysix.core.stock import LIMITED, NEVER, SOLD_OUT, Allocation, ChannelStock, RestoreTo, Stock
from eightysix.hub.mirror_feed import mirror_row
from eightysix.wire.message import StockMessage, StockState, decode_message, encode_message, message
from tests.world.kitchen import NOON
from tests.world.menu import STORE, Menu

SOUP = sku_key(101)
STOCK = Stock(
    SOUP, SOLD_OUT, LIMITED, manual=True, plan=12_500, real=7_250, locked=1_000, grant=3_000, oversold=500, version=9,
    settings_version=4, updated_at=NOON - 5, auto_restore_type=NEVER, epoch_at=NOON - 100, restore_to=RestoreTo.KEEP,
    auto_restore_from=NOON - 7, restored_slot=77, allocation=Allocation.GUARANTEE, low=2_000, is_low=True,
)  # fmt: skip
CHANNEL = ChannelStock(SOUP, "POS", SOLD_OUT, LIMITED, 5_000, 2_500, 3, NOON, 1_500, NOON - 50, 1_000, is_low=True)


def told(stock: Stock, *channels: ChannelStock) -> StockState:
    """The row as the stream brings it."""
    shelf = Shelf(STORE, NOON, Head(), Menu(), business_day(NOON, "UTC", 240))
    shelf.add_stocks([stock], list(channels))
    sent = encode_message(message(Draft(shelf, Actor("k")), OutboxRow(9, 8, SOUP, NOON)))
    got = decode_message(sent)
    assert isinstance(got, StockMessage)
    return got.data


def test_all_that_matters_arrives() -> None:
    got = mirror_row(told(STOCK, CHANNEL), NOON + 20)
    assert got == MirrorRow(STOCK, (replace(CHANNEL, period_at=NOON + 20),))


def test_a_row_that_nobody_has_set() -> None:
    bare = Stock(SOUP, version=3)
    assert mirror_row(told(bare), NOON).stock == bare


def test_what_is_used_counts_though_this_clock_is_behind() -> None:
    """An epoch of the cloud's begins later than it is here: what was used in it is used."""
    stock = replace(STOCK, epoch_at=NOON - 3)
    (channel,) = mirror_row(told(stock, CHANNEL), NOON - 60_000).channels
    assert used_since(channel, stock.epoch_at) == 1_500


@pytest.mark.parametrize("wrong", [{"restore_to": "never"}, {"allocation": "all"}, {"plan_quantity": -1}])
def test_what_no_cloud_of_this_make_tells_is_an_error(wrong: dict[str, object]) -> None:
    with pytest.raises((ValueError, KeyError)):
        mirror_row(replace(told(STOCK), **wrong), NOON)
