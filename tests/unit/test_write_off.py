"""A hub that is gone: what it held is written off once, and what it still tells settles that."""

from eightysix.core.change import HUB_LOST, LATE_SALE, Kind
from eightysix.core.command import (
    ChannelSetting,
    DeductStock,
    Line,
    LockStock,
    ReturnStock,
    SetStock,
    Setting,
    WriteOffHub,
)
from eightysix.core.decide import decide
from eightysix.core.hub import GrantChange, Side
from eightysix.core.hub_event import ToldIncident
from eightysix.core.outcome import Code, GrantTotal, HubEventTold, HubWrittenOff, OrderDone, Refused
from eightysix.core.reservation import State
from eightysix.core.stock import SOLD_OUT
from tests.world.menu import STORE
from tests.world.told import DISH, STAFF, Told, change, incidents, is_clean, line, move, opened, sale, sell


def test_real_and_grant_fall_and_somebody_has_to_look() -> None:
    told = opened(channels=(ChannelSetting("POS", limit=8_000),))
    told.tell(order_id="h1", lines=(line(told, State.LOCKED),))
    before = told.cloud.stocks[DISH]
    assert told.is_lost() == HubWrittenOff((GrantTotal(DISH, -6_000, 0),))
    stock = told.cloud.stocks[DISH]
    assert (stock.real, stock.grant, stock.left, stock.oversold) == (4_000, 0, 4_000, 0)
    assert stock.settings_version == before.settings_version
    assert incidents(told) == [(HUB_LOST, 6_000, "hub-1")]
    assert told.cloud.reservations["h1", (1, 0)].state is State.EXPIRED
    assert told.cloud.channels[DISH, "POS"].used == 0
    hub = told.cloud.hubs["hub-1"]
    assert (hub.fenced_at, hub.at_risk) == (told.cloud.now, {"2/1": 6_000})
    row = next(row for row in told.cloud.logs if row.kind is Kind.WRITE_OFF)
    assert (row.quantity, row.actor, row.reason) == (-6_000, "owner", "stolen")
    assert is_clean(told)


def test_what_was_all_the_hubs_is_sold_out() -> None:
    told = opened(grant=10_000)
    told.is_lost()
    assert told.cloud.stocks[DISH].status == SOLD_OUT
    assert is_clean(told)


def test_written_off_twice_is_written_off_once() -> None:
    told = opened()
    told.is_lost()
    before = told.cloud.head
    assert told.is_lost() == HubWrittenOff((GrantTotal(DISH, -6_000, 0),), replayed=True)
    assert told.cloud.head == before
    assert len(told.cloud.incidents) == 1


def test_a_hub_that_was_given_nothing_is_fenced_too() -> None:
    told = Told()
    assert told.is_lost() == HubWrittenOff(())
    assert told.cloud.hubs["hub-1"].is_fenced


def test_the_grants_of_another_hub_are_not_written_off() -> None:
    told = opened()
    before = told.cloud.head
    refused = told.cloud.run(WriteOffHub(STORE, "another", STAFF, "wrong one"))
    assert isinstance(refused, Refused)
    assert refused.code is Code.HUB_NOT_FOUND
    assert (told.cloud.head, told.cloud.stocks[DISH].grant) == (before, 6_000)


def test_late_sales_settle_what_was_written_off() -> None:
    told = opened()
    told.is_lost()
    before = told.cloud.stocks[DISH]
    assert sell(told) == HubEventTold(1, 2)
    stock = told.cloud.stocks[DISH]
    assert (stock.real, stock.grant, stock.oversold) == (before.real, 0, 0)
    assert told.cloud.reservations["h1", (1, 0)].state is State.DEDUCTED
    assert told.cloud.hubs["hub-1"].at_risk == {"2/1": 4_000}
    row = [row for row in told.cloud.logs if row.key == DISH][-1]
    assert (row.kind, row.quantity) == (Kind.WRITE_OFF, 0)
    assert row.content == '{"late":{"kind":"deduct","quantity":2000,"at_risk":[6000,4000]}}'
    assert len(told.cloud.incidents) == 1
    assert is_clean(told)


def test_more_late_sales_than_were_written_off() -> None:
    told = opened()
    told.is_lost()
    sell(told, 6_000)
    assert told.cloud.hubs["hub-1"].at_risk == {}
    sell(told, 1_000, order_id="h2")
    assert incidents(told)[1:] == [(LATE_SALE, 1_000, "hub-1")]
    assert told.cloud.stocks[DISH].real == 4_000
    told.tell(moves=(sale(2_000),), incidents=(ToldIncident("forced_sale", DISH, 1_000),))
    assert incidents(told)[2:] == [("forced_sale", 2_000, "hub-1")], "one incident for one cause"
    assert is_clean(told)


def test_what_came_back_late_can_be_sold_late() -> None:
    told = opened()
    told.is_lost()
    sell(told, 6_000)
    back = line(told, State.DEDUCTED, 6_000, returned=1_000, restocked=1_000)
    told.tell(order_id="h1", lines=(back,), moves=(move(Kind.RETURN, 1_000, 1_000, 1_000),))
    sell(told, 1_000, order_id="h2")
    assert len(told.cloud.incidents) == 1
    assert is_clean(told)


def test_what_a_lost_hub_still_holds_isnt_kept_for_it() -> None:
    told = opened()
    told.is_lost()
    told.tell(order_id="h1", lines=(line(told, State.LOCKED),))
    assert told.cloud.reservations["h1", (1, 0)].state is State.EXPIRED
    assert is_clean(told)
    sell(told)
    assert told.cloud.reservations["h1", (1, 0)].state is State.DEDUCTED
    assert is_clean(told)


def test_a_lost_hub_sets_nothing_any_more() -> None:
    told = opened()
    setting = change(told, plan=20_000)
    told.is_lost()
    assert told.tell(setting=setting) == HubEventTold(1, 2, ((DISH, told.cloud.stocks[DISH].version),))
    assert told.cloud.stocks[DISH].plan == 0
    assert any(row.kind is Kind.SUPERSEDED for row in told.cloud.logs)
    assert is_clean(told)


def test_the_next_hub_begins_anew() -> None:
    told = opened()
    told.is_lost()
    again = Told(told.cloud, Side("hub-2", "journal-9"))
    again.ask(GrantChange(DISH, 3_000))
    sell(told)  # of the first one, late
    sell(again, 1_000, order_id="h2")
    stock = told.cloud.stocks[DISH]
    assert (stock.real, stock.grant) == (3_000, 2_000)
    assert is_clean(told)
    told.cloud.run(WriteOffHub(STORE, "hub-1", STAFF, "again"))
    assert told.cloud.stocks[DISH].grant == 2_000


def test_the_clouds_own_word_on_a_lost_hubs_order_stands() -> None:
    told = opened()
    sell(told)
    told.is_lost()
    back = ReturnStock(STORE, "h1", (Line(1, 0, 1_000, restock=True),), "r1", STAFF)
    assert isinstance(told.cloud.run(back), OrderDone)
    assert told.cloud.stocks[DISH].real == 5_000
    told.tell(order_id="h1", lines=(line(told, State.RETURNED, returned=2_000),))
    kept = told.cloud.reservations["h1", (1, 0)]
    assert (kept.state, kept.returned, kept.hub_id) == (State.DEDUCTED, 1_000, None)
    assert is_clean(told)


def test_a_lost_hubs_order_is_locked_anew_in_the_cloud() -> None:
    told = opened()
    told.tell(order_id="h1", lines=(line(told, State.LOCKED),))
    told.is_lost()
    lock = LockStock(STORE, "h1", "POS", (Line(1, 0, 2_000),), STAFF)
    assert isinstance(told.cloud.run(lock), OrderDone)
    assert told.cloud.stocks[DISH].locked == 2_000
    assert is_clean(told)
    assert isinstance(told.cloud.run(DeductStock(STORE, "h1", None, STAFF)), OrderDone)
    assert told.cloud.stocks[DISH].real == 2_000
    assert is_clean(told)


def test_a_lost_hubs_line_is_deducted_with_relock() -> None:
    told = opened()
    told.tell(order_id="h1", lines=(line(told, State.LOCKED),))
    told.is_lost()
    assert isinstance(told.cloud.run(DeductStock(STORE, "h1", None, STAFF, relock=True)), OrderDone)
    assert told.cloud.stocks[DISH].real == 2_000
    assert is_clean(told)


def test_what_only_a_channel_counts_is_freed() -> None:
    """Nothing of it is granted, and still others are told that the channel may sell more."""
    told = Told()
    told.cloud.run(SetStock(STORE, (Setting(DISH, channels=(ChannelSetting("POS", limit=8_000),)),), STAFF))
    told.tell(order_id="h1", lines=(line(told, State.LOCKED),))
    before = told.cloud.stocks[DISH].version
    told.is_lost()
    assert told.cloud.channels[DISH, "POS"].used == 0
    assert told.cloud.stocks[DISH].version > before
    assert is_clean(told)


def test_the_hubs_locks_are_found_without_their_orders() -> None:
    """A batch loads the LOCKED reservations of the store, and no order whole."""
    told = opened()
    told.tell(order_id="h1", lines=(line(told, State.LOCKED),))
    before = told.cloud.reservations["h1", (1, 0)]
    shelf = told.cloud.shelf()
    shelf.orders.clear()
    shelf.taken = [before]
    shelf.put(decide(WriteOffHub(STORE, "hub-1", STAFF, "stolen"), shelf))
    [(loaded, after)] = shelf.changes().reservations
    assert loaded == before
    assert (after.state, after.revision) == (State.EXPIRED, before.revision + 1)


def test_what_died_with_a_hub_is_sold_by_the_next_one() -> None:
    told = opened()
    told.tell(order_id="h1", lines=(line(told, State.LOCKED),))
    told.is_lost()
    told.cloud.menu.hubs["1"] = "hub-2"
    following = Told(told.cloud, Side("hub-2", "journal-2"))
    following.tell(order_id="h1", lines=(line(told, State.LOCKED),))
    kept = told.cloud.reservations["h1", (1, 0)]
    assert (kept.state, kept.hub_id) == (State.LOCKED, "hub-2")
    told.tell(order_id="h1", lines=(line(told, State.EXPIRED),))  # late, and no longer its own
    kept = told.cloud.reservations["h1", (1, 0)]
    assert (kept.state, kept.hub_id) == (State.LOCKED, "hub-2")
    assert is_clean(told)
