"""The pace of both sides, told from rows and grants that come in any order."""

import pytest

from eightysix.core.hub import GrantChange, MirrorRow
from eightysix.core.key import sku_key
from eightysix.core.stock import LIMITED, Stock
from eightysix.hub.desk import Holding
from eightysix.hub.rebalancing import LOOK_MOST, Rebalancing
from eightysix.hub.sales import Sales

SOUP = sku_key(7)
HALF_AN_HOUR = 1_800_000


def looked(sales: Sales, here: int, there: int, now: int) -> None:
    """The hub has `here` left, its newest row of the cloud says that `there` are left; in portions."""
    hub = Stock(SOUP, type=LIMITED, real=here * 1000, settings_version=1)
    cloud = Stock(SOUP, type=LIMITED, real=there * 1000, settings_version=1)
    sales.look(Holding(hub, 1000), cloud, now)


@pytest.mark.parametrize("rows_lag", [0, 1, 3])
@pytest.mark.parametrize("moved", [400, -400])
def test_a_grant_is_no_sale_whenever_its_row_comes(rows_lag: int, moved: int) -> None:
    """Given to the hub or given back, the row of it with the answer, or up to three looks later."""
    sales = Sales()
    looked(sales, 500, 500, 0)
    sales.moved_here(SOUP, moved * 1000)
    sales.moved_there(SOUP, moved * 1000)
    for at in range(1, 6):
        looked(sales, 500 + moved, 500 - (moved if at > rows_lag else 0), at * 1_000)
    assert sales.paces(SOUP, 6_000) == (0, 0)


@pytest.mark.parametrize("moved", [400, -400])
def test_sales_are_counted_amid_grants(moved: int) -> None:
    """Both sides sell ten portions a look; in between something moves, and its row is late."""
    plain, amid = Sales(), Sales()
    for sales in (plain, amid):
        for at in range(20):
            late = 0
            if sales is amid and at == 10:
                sales.moved_here(SOUP, moved * 1000)
                sales.moved_there(SOUP, moved * 1000)
            if sales is amid and at >= 10:
                late = moved
            looked(sales, 1000 - 10 * at + late, 1000 - 10 * at - (late if at > 11 else 0), at * 60_000)
    for one, other in zip(plain.paces(SOUP, HALF_AN_HOUR), amid.paces(SOUP, HALF_AN_HOUR), strict=True):
        assert abs(one - other) <= one // 10


def test_what_a_refused_request_would_have_given_back_is_no_sale_either() -> None:
    """Sales at the hub were taken for the give-back that never was, again and again in a busy store."""
    rebalancing = Rebalancing()
    hub = Stock(SOUP, type=LIMITED, real=900_000, settings_version=1)
    cloud = Stock(SOUP, type=LIMITED, real=900_000, grant=890_000, settings_version=1, version=1)
    rebalancing.saw(MirrorRow(cloud))
    [change] = rebalancing.changes([Holding(hub, 1000)], 0)
    assert change.delta < 0
    rebalancing.refused((GrantChange(SOUP, change.delta),))
    sold = Stock(SOUP, type=LIMITED, real=800_000, settings_version=1)
    rebalancing.changes([Holding(sold, 1000)], 1)
    here, there = rebalancing._sales.paces(SOUP, 1)
    assert here > 0
    assert there == 0


def test_while_a_guest_waits_nothing_else_is_moved() -> None:
    """A give-back in the same request would make the guest wait for the journal."""
    rebalancing, rice = Rebalancing(), sku_key(8)
    for key in (SOUP, rice):
        rebalancing.saw(MirrorRow(Stock(key, type=LIMITED, real=100_000, grant=90_000, version=1)))
    soup = Holding(Stock(SOUP, type=LIMITED, real=90_000, settings_version=1), 1000)
    short = Holding(Stock(rice, type=LIMITED, real=100_000, grant=100_000, settings_version=1), 1000)
    rebalancing.borrow(rice, 2_000)
    assert rebalancing.changes([soup, short], 0) == (GrantChange(rice, 2_000),)
    assert [change.key for change in rebalancing.changes([soup, short], 1)] == [SOUP, rice]


def test_the_stocks_are_looked_at_in_turn_and_whoever_is_short_first() -> None:
    rebalancing = Rebalancing()
    keys = [sku_key(number) for number in range(1, 2 * LOOK_MOST + 11)]
    for key in keys:
        rebalancing.saw(MirrorRow(Stock(key, type=LIMITED, real=10_000, version=1)))
    first = rebalancing.look()
    assert first == tuple(keys[:LOOK_MOST])
    rebalancing.borrow(keys[-1], 2_000)
    holdings = [Holding(Stock(key, type=LIMITED, real=10_000, grant=10_000, settings_version=1), 1000) for key in keys]
    assert rebalancing.changes(holdings, 0) == ()  # the guest has come while the first ones were read
    assert rebalancing.is_urgent
    assert rebalancing.look() == (keys[-1],)
    assert rebalancing.changes(holdings, 0) == (GrantChange(keys[-1], 2_000),)
    rebalancing.recall(keys[-2], 1_000)
    looks = []
    while len(looks) < rebalancing.looks_a_round:
        looks.append(rebalancing.look())
        rebalancing.changes(holdings, 0)
    assert looks[0] == (keys[-2], *keys[: LOOK_MOST - 1])
    assert {key for look in looks for key in look} >= set(keys[:-1])
    assert not rebalancing.is_urgent
