"""What the cloud grants a hub, and takes back."""

from msgspec.structs import replace

from eightysix.core.audit import findings
from eightysix.core.change import Kind
from eightysix.core.command import Actor, ChannelSetting, Line, LockStock, MoveGrants, SetStock, Setting
from eightysix.core.hub import GrantChange
from eightysix.core.key import sku_key
from eightysix.core.outcome import Code, GrantsMoved, GrantTotal, OrderDone, Refused
from eightysix.core.stock import LIMITED, UNLIMITED
from tests.world.menu import STORE
from tests.world.told import UPLINK, Told

STAFF = Actor("staff")
DISH, OTHER, PIECES = sku_key(1), sku_key(2), sku_key(5)


def opened(**fields: object) -> Told:
    told = Told()
    told.cloud.run(SetStock(STORE, (Setting(DISH, type=LIMITED, real=10_000, **fields),), STAFF))  # type: ignore[arg-type]
    return told


def more(delta: int, key=DISH) -> GrantChange:
    return GrantChange(key, delta)


def test_what_is_there_is_given_up_to_what_is_asked() -> None:
    told = opened()
    before = told.cloud.stocks[DISH]
    assert told.ask(more(4_000)) == GrantsMoved((GrantTotal(DISH, 4_000, 4_000),))
    assert told.ask(more(9_000)) == GrantsMoved((GrantTotal(DISH, 6_000, 10_000),))
    stock = told.cloud.stocks[DISH]
    assert (stock.real, stock.grant, stock.left) == (10_000, 10_000, 0)
    assert stock.version > before.version
    assert (stock.settings_version, stock.updated_at) == (before.settings_version, before.updated_at)
    assert [(row.kind, row.quantity) for row in told.cloud.logs if row.key == DISH][-2:] == [
        (Kind.GRANT, 4_000),
        (Kind.GRANT, 6_000),
    ]
    assert not findings(told.cloud.books())


def test_what_is_granted_is_nobody_elses() -> None:
    told = opened()
    told.ask(more(9_000))
    lock = LockStock(STORE, "o1", "ONLINE_ORDER", (Line(1, 0, 2_000),), STAFF)
    refused = told.cloud.run(lock)
    assert isinstance(refused, Refused)
    assert refused.code is Code.OUT_OF_STOCK
    told.ask(more(-1_000))
    assert isinstance(told.cloud.run(lock), OrderDone)


def test_a_repeat_is_told_the_same_and_another_body_is_refused() -> None:
    told = opened()
    first = told.ask(more(4_000), request_id="r")
    before = told.cloud.head
    assert isinstance(first, GrantsMoved)
    assert told.ask(more(4_000), request_id="r") == replace(first, replayed=True)
    refused = told.ask(more(5_000), request_id="r")
    assert isinstance(refused, Refused)
    assert refused.code is Code.IDEMPOTENCY_MISMATCH
    assert told.cloud.head == before
    assert told.cloud.stocks[DISH].grant == 4_000


def test_a_request_that_got_nothing_is_remembered_too() -> None:
    told = opened()
    told.ask(more(10_000))
    assert told.ask(more(1_000), request_id="late") == GrantsMoved((GrantTotal(DISH, 0, 10_000),))
    told.ask(more(-5_000))
    assert told.ask(more(1_000), request_id="late") == GrantsMoved((GrantTotal(DISH, 0, 10_000),), replayed=True)
    assert told.cloud.stocks[DISH].grant == 5_000


def test_no_more_is_taken_back_than_is_granted_and_then_nothing_changes() -> None:
    told = opened()
    told.cloud.run(SetStock(STORE, (Setting(OTHER, type=LIMITED, real=5_000),), STAFF))
    told.ask(more(4_000))
    before = told.cloud.head
    refused = told.ask(more(2_000, OTHER), more(-4_001))
    assert isinstance(refused, Refused)
    assert (refused.code, refused.field) == (Code.GRANT_EXCEEDED, "changes[1].delta")
    assert told.cloud.head == before
    assert "hub-1-2" not in told.cloud.requests


def test_one_stock_asked_for_twice_has_one_total() -> None:
    told = opened()
    assert told.ask(more(4_000), more(-1_000)) == GrantsMoved((GrantTotal(DISH, 3_000, 3_000),))


def test_what_is_guaranteed_online_stays() -> None:
    told = opened(channels=(ChannelSetting("ONLINE_ORDER", guarantee=3_000), ChannelSetting("POS", guarantee=2_000)))
    assert told.ask(more(10_000)) == GrantsMoved((GrantTotal(DISH, 7_000, 7_000),))
    assert not findings(told.cloud.books())


def test_whole_units_of_the_item_are_given() -> None:
    told = opened()
    told.cloud.run(SetStock(STORE, (Setting(PIECES, type=LIMITED, real=4_000),), STAFF))
    told.cloud.menu.items[2, 5] = replace(told.cloud.menu.items[2, 5], decimals=0)
    assert told.ask(more(2_500, PIECES)) == GrantsMoved((GrantTotal(PIECES, 2_000, 2_000),))


def test_nothing_of_what_nobody_counts_or_sells() -> None:
    told = opened()
    told.cloud.run(SetStock(STORE, (Setting(OTHER, type=LIMITED, real=9_000),), STAFF))
    told.cloud.run(SetStock(STORE, (Setting(OTHER, type=UNLIMITED),), STAFF))
    del told.cloud.menu.items[2, 1]
    assert told.ask(more(1_000, OTHER), more(1_000)) == GrantsMoved((GrantTotal(OTHER, 0, 0), GrantTotal(DISH, 0, 0)))


def test_asked_nothing_all_totals_are_told_and_nothing_is_remembered() -> None:
    told = opened()
    told.cloud.run(SetStock(STORE, (Setting(OTHER, type=LIMITED, real=5_000),), STAFF))
    told.ask(more(4_000))
    before = dict(told.cloud.requests)
    assert told.ask() == GrantsMoved((GrantTotal(DISH, 0, 4_000),))
    assert told.cloud.requests == before


def test_a_hub_that_hasnt_the_store_gets_nothing() -> None:
    told = opened()
    told.cloud.menu.hubs.clear()
    refused = told.ask(more(1_000))
    assert isinstance(refused, Refused)
    assert refused.code is Code.HUB_NOT_FOUND
    told.cloud.menu.hubs[STORE.poi_id] = told.side.hub_id
    told.ask(more(1_000))
    told.is_lost()
    refused = told.ask(more(-1_000))
    assert isinstance(refused, Refused)
    assert refused.code is Code.HUB_FENCED


def test_a_grant_raises_no_alert_of_low_stock() -> None:
    channels = tuple(ChannelSetting(code, low=3_000) for code in ("POS", "ONLINE_ORDER"))
    told = opened(low=3_000, channels=channels)
    told.ask(more(9_000))
    assert not told.cloud.alerts
    told.cloud.run(LockStock(STORE, "o1", "ONLINE_ORDER", (Line(1, 0, 1_000),), STAFF))
    assert not told.cloud.alerts


def test_the_call_of_another_hub_is_told_apart() -> None:
    told = opened()
    command = MoveGrants(STORE, "another", "r", (more(1_000),), UPLINK)
    refused = told.cloud.run(command)
    assert isinstance(refused, Refused)
    assert refused.code is Code.HUB_NOT_FOUND
