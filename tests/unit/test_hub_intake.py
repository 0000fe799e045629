"""What the cloud makes of a hub's journal: facts, taken over once and in order."""

import pytest
from msgspec.structs import replace

from eightysix.core.calendar import ScheduleEntry
from eightysix.core.change import BEYOND_CHANNEL, Kind
from eightysix.core.command import (
    ChannelSetting,
    DeductStock,
    Line,
    LockStock,
    RunTimers,
    SetStock,
    Setting,
    UnlockStock,
)
from eightysix.core.hub import GrantChange, Side
from eightysix.core.hub_event import ToldIncident
from eightysix.core.hub_intake import HUB_SALE
from eightysix.core.outcome import Code, HubEventTold, OrderDone, Refused
from eightysix.core.replayed_sale import REPLAYED_SALE
from eightysix.core.reservation import State
from eightysix.core.restore_rule import RestoreRule
from eightysix.core.stock import LIMITED, ON_SALE, ONE_OFF, SOLD_OUT, UNLIMITED, RestoreTo
from tests.world.menu import BRAND_ID, STORE
from tests.world.told import DISH, STAFF, Told, change, incidents, is_clean, line, move, opened, sale, sell


def is_restored_daily(told: Told) -> None:
    """Every stock comes back to its plan each business day."""
    told.cloud.menu.set_rules(RestoreRule(BRAND_ID, "daily", (ScheduleEntry(),)))
    told.cloud.run(RunTimers(STORE))


def later(told: Told, milliseconds: int) -> None:
    """So much later in the cloud, what is due by the clock is done."""
    told.cloud.now += milliseconds
    told.cloud.run(RunTimers(STORE))


def test_a_lock_at_the_hub_is_kept_and_moves_nothing() -> None:
    told = opened()
    before = told.cloud.stocks[DISH]
    assert told.tell(order_id="h1", lines=(line(told, State.LOCKED),)) == HubEventTold(1, 2)
    kept = told.cloud.reservations["h1", (1, 0)]
    assert (kept.state, kept.hub_id, kept.revision, kept.log_seq) == (State.LOCKED, "hub-1", 1, 0)
    assert told.cloud.stocks[DISH] == before
    assert not told.cloud.due, "the hub itself releases it"
    told.cloud.now += 3_600_000
    assert is_clean(told)


def test_a_cancel_at_a_hub_that_did_not_know_the_clouds_order_wins() -> None:
    """Cut off and started anew, a hub closes whatever order it is told to; the cloud's lock must not outlive that."""
    told = opened()
    lock = LockStock(STORE, "web", "ONLINE_ORDER", (Line(1, 0, 2_000),), STAFF)
    assert isinstance(told.cloud.run(lock), OrderDone)
    assert told.tell(order_id="web", closed=True) == HubEventTold(1, 2)
    kept = told.cloud.reservations["web", (1, 0)]
    assert (kept.state, kept.hub_id, told.cloud.stocks[DISH].locked) == (State.UNLOCKED, None, 0)
    row = told.cloud.logs[-1]
    assert (row.kind, row.quantity, row.event_id) == (Kind.UNLOCK, 2_000, "journal-1#1")
    assert is_clean(told)


def test_a_cancel_at_a_hub_that_was_replaced_changes_nothing() -> None:
    told = opened()
    told.cloud.run(LockStock(STORE, "web", "ONLINE_ORDER", (Line(1, 0, 2_000),), STAFF))
    told.is_lost()
    told.tell(order_id="web", closed=True)
    assert told.cloud.reservations["web", (1, 0)].state is State.LOCKED
    assert is_clean(told)


def test_a_cancel_at_the_hub_leaves_what_the_cloud_was_paid_for() -> None:
    told = opened()
    lock = LockStock(STORE, "web", "ONLINE_ORDER", (Line(1, 0, 2_000),), STAFF)
    told.cloud.run(lock)
    told.cloud.run(DeductStock(STORE, "web", None, STAFF))
    told.tell(order_id="web", closed=True)
    assert told.cloud.reservations["web", (1, 0)].state is State.DEDUCTED
    assert told.cloud.stocks[DISH].real == 8_000
    assert is_clean(told)


def test_a_sale_lowers_real_and_grant_together() -> None:
    told = opened()
    told.tell(order_id="h1", lines=(line(told, State.LOCKED),))
    sell(told, reason="lunch")
    stock = told.cloud.stocks[DISH]
    assert (stock.real, stock.grant, stock.locked, stock.left) == (8_000, 4_000, 0, 4_000)
    row = [row for row in told.cloud.logs if row.key == DISH][-1]
    assert (row.kind, row.quantity, row.order_id, row.channel_code) == (Kind.DEDUCT, 2_000, "h1", "POS")
    assert (row.actor, row.source, row.event_id, row.happened_at) == ("till", "hub", "journal-1#2", told.cloud.now)
    assert row.reason == "lunch"
    kept = told.cloud.reservations["h1", (1, 0)]
    assert (kept.state, kept.revision, kept.log_seq) == (State.DEDUCTED, 2, row.seq)
    assert is_clean(told)


def test_an_event_told_twice_is_stored_once() -> None:
    told = opened()
    command = told.event(order_id="h1", lines=(line(told, State.DEDUCTED),), moves=(sale(),))
    told.cloud.run(command)
    before = told.cloud.head
    assert told.cloud.run(command) == HubEventTold(1, 2, replayed=True)
    assert told.cloud.batch([command, command]) == [HubEventTold(1, 2, replayed=True)] * 2
    assert told.cloud.head == before
    assert told.cloud.stocks[DISH].real == 8_000


def test_a_gap_stops_the_journal() -> None:
    told = opened()
    lost = told.event(moves=(sale(),))
    before = told.cloud.stocks[DISH]
    refused = told.tell(moves=(sale(),))
    assert isinstance(refused, Refused)
    assert (refused.code, refused.expected_seq) == (Code.JOURNAL_GAP, 1)
    assert told.cloud.stocks[DISH] == before
    assert told.cloud.run(lost) == HubEventTold(1, 2)


def test_a_journal_that_went_another_way_is_noticed() -> None:
    told = opened()
    sell(told)
    back = told.seq, told.chain
    sell(told, order_id="h2")
    told.seq, told.chain = back  # the hub's file was put back, and it went on from there
    before = told.cloud.stocks[DISH]
    refused = sell(told, order_id="h3")
    assert isinstance(refused, Refused)
    assert (refused.code, refused.expected_seq) == (Code.JOURNAL_MISMATCH, 3)
    refused = sell(told, order_id="h4")
    assert isinstance(refused, Refused)
    assert (refused.code, refused.expected_seq) == (Code.JOURNAL_MISMATCH, 3)
    assert told.cloud.stocks[DISH] == before


def test_another_journal_of_the_hub_begins_anew() -> None:
    told = opened()
    sell(told)
    again = Told(told.cloud, Side("hub-1", "journal-2"))
    assert sell(again, order_id="h2") == HubEventTold(1, 2)
    assert told.cloud.stocks[DISH].real == 6_000
    assert is_clean(told)


def test_a_fall_and_a_return_at_the_hub() -> None:
    told = opened()
    sell(told)
    back = line(told, State.DEDUCTED, returned=1_000, restocked=1_000)
    told.tell(order_id="h1", lines=(back,), moves=(move(Kind.RETURN, 1_000, 1_000, 1_000),))
    told.tell(moves=(move(Kind.COUNT, -2_000, -2_000, -2_000, channel_code=None),), reason="fell down")
    stock = told.cloud.stocks[DISH]
    assert (stock.real, stock.grant, stock.left) == (7_000, 3_000, 4_000)
    assert is_clean(told)


def test_the_last_portion_is_sold_out_and_a_return_puts_it_back() -> None:
    told = opened(grant=10_000)
    sell(told, 10_000)
    assert told.cloud.stocks[DISH].status == SOLD_OUT
    back = line(told, State.DEDUCTED, 10_000, returned=1_000, restocked=1_000)
    told.tell(order_id="h1", lines=(back,), moves=(move(Kind.RETURN, 1_000, 1_000, 1_000),))
    assert told.cloud.stocks[DISH].status == ON_SALE
    assert is_clean(told)


def test_used_counts_what_the_hub_sells() -> None:
    told = opened(channels=(ChannelSetting("POS", limit=8_000),))
    before = told.cloud.stocks[DISH].version
    told.tell(order_id="h1", lines=(line(told, State.LOCKED, 3_000),))
    assert told.cloud.channels[DISH, "POS"].used == 3_000
    assert told.cloud.stocks[DISH].version > before, "what the channel may sell has changed"
    told.tell(order_id="h1", lines=(line(told, State.DEDUCTED, 2_000),), moves=(sale(2_000),))
    assert told.cloud.channels[DISH, "POS"].used == 2_000
    told.tell(order_id="h1", lines=(line(told, State.EXPIRED, 2_000),))  # no hub says so, and still it adds up
    assert told.cloud.channels[DISH, "POS"].used == 0
    assert is_clean(told)


def test_used_leaves_a_lock_of_an_earlier_day_alone() -> None:
    told = opened(channels=(ChannelSetting("POS", limit=8_000),))
    old = line(told, State.LOCKED, 3_000)
    told.tell(order_id="h1", lines=(old,))
    told.cloud.now += 24 * 3_600_000
    told.tell(order_id="h2", lines=(line(told, State.LOCKED, 1_000, order_id="h2"),))
    told.tell(order_id="h1", lines=(replace(old, state=State.EXPIRED),))
    assert told.cloud.channels[DISH, "POS"].used == 1_000
    assert is_clean(told)


def test_a_lock_of_a_clock_that_is_ahead_counts_as_now() -> None:
    told = opened(channels=(ChannelSetting("POS", limit=8_000),))
    ahead = line(told, State.LOCKED, 3_000, locked_at=told.cloud.now + 60_000)
    told.tell(order_id="h1", lines=(ahead,))
    assert told.cloud.reservations["h1", (1, 0)].locked_at == told.cloud.now
    told.cloud.now += 10_000
    told.tell(order_id="h1", lines=(replace(ahead, state=State.UNLOCKED),))
    assert told.cloud.channels[DISH, "POS"].used == 0
    assert is_clean(told)


def test_a_closed_order() -> None:
    told = opened()
    told.tell(order_id="h1", lines=(line(told, State.LOCKED),))
    told.tell(order_id="h1", lines=(line(told, State.UNLOCKED),), closed=True)
    assert "h1" in told.cloud.facts
    told.tell(order_id="h1", closed=True)
    assert is_clean(told)


def test_a_line_that_the_cloud_has_itself_stays() -> None:
    told = opened()
    told.cloud.run(LockStock(STORE, "h1", "ONLINE_ORDER", (Line(1, 0, 1_000),), STAFF))
    sell(told)
    kept = told.cloud.reservations["h1", (1, 0)]
    assert (kept.state, kept.quantity, kept.hub_id) == (State.LOCKED, 1_000, None)
    stock = told.cloud.stocks[DISH]
    assert (stock.real, stock.grant, stock.locked) == (8_000, 4_000, 1_000), "it was sold nevertheless"
    row = next(row for row in told.cloud.logs if row.kind is Kind.SUPERSEDED)
    assert row.content == '{"superseded":{"line 1/0":["locked","deducted"]}}'
    assert is_clean(told)
    assert isinstance(told.cloud.run(DeductStock(STORE, "h1", None, STAFF)), OrderDone)
    assert is_clean(told)


def test_an_unlock_that_came_before_the_lock_is_no_line() -> None:
    told = opened()
    told.cloud.run(UnlockStock(STORE, "h1", (Line(1, 0),), STAFF))
    sell(told)
    assert told.cloud.reservations["h1", (1, 0)].state is State.DEDUCTED
    assert is_clean(told)


def test_a_forced_sale_that_the_cloud_has_room_for() -> None:
    """The hub takes from the cloud's part; the incident is told, and nothing is oversold."""
    told = opened()
    beyond = ToldIncident("forced_sale", DISH, 3_000)
    told.tell(
        order_id="h1", lines=(line(told, State.LOCKED, 9_000),), moves=(move(Kind.LOCK, 9_000, 0, 3_000),),
        incidents=(beyond,), reason="on the counter",
    )  # fmt: skip
    stock = told.cloud.stocks[DISH]
    assert (stock.real, stock.grant, stock.left, stock.oversold) == (10_000, 9_000, 1_000, 0)
    assert incidents(told) == [("forced_sale", 3_000, "hub-1")]
    assert (told.cloud.incidents[0].order_id, told.cloud.incidents[0].reason) == ("h1", "on the counter")
    assert is_clean(told)


def test_a_forced_sale_that_the_cloud_has_sold_already_is_one_incident() -> None:
    told = opened()
    told.cloud.run(LockStock(STORE, "o1", "ONLINE_ORDER", (Line(1, 0, 3_000),), STAFF))
    told.tell(
        order_id="h1", lines=(line(told, State.LOCKED, 9_000),), moves=(move(Kind.LOCK, 9_000, 0, 3_000),),
        incidents=(ToldIncident("forced_sale", DISH, 3_000),),
    )  # fmt: skip
    stock = told.cloud.stocks[DISH]
    assert (stock.grant, stock.left, stock.oversold) == (9_000, -2_000, 2_000)
    assert incidents(told) == [("forced_sale", 3_000, "hub-1")]
    assert is_clean(told)


def test_what_rose_by_more_than_was_told() -> None:
    """The cloud has counted less meanwhile, which the hub couldn't know."""
    told = opened()
    told.cloud.run(LockStock(STORE, "o1", "ONLINE_ORDER", (Line(1, 0, 4_000),), STAFF))
    told.tell(
        order_id="h1", lines=(line(told, State.LOCKED, 9_000),), moves=(move(Kind.LOCK, 9_000, 0, 3_000),),
        incidents=(ToldIncident("forced_sale", DISH, 1_000),),
    )  # fmt: skip
    assert incidents(told) == [("forced_sale", 3_000, "hub-1")]
    told.tell(moves=(move(Kind.AMEND, 1_000, 0, 1_000),))
    assert incidents(told)[1:] == [(HUB_SALE, 1_000, "hub-1")]
    assert told.cloud.stocks[DISH].oversold == 4_000
    assert is_clean(told)


def test_incidents_of_two_kinds_have_a_row_each() -> None:
    told = opened()
    kinds = (ToldIncident(BEYOND_CHANNEL, DISH, 1_000), ToldIncident("forced_sale", DISH, 2_000))
    told.tell(order_id="h1", lines=(line(told, State.LOCKED),), moves=(move(Kind.LOCK, 2_000, 0, 0),), incidents=kinds)
    told.tell(order_id="h1", lines=(line(told, State.LOCKED),), incidents=(*kinds[:1], *kinds[:1]))
    assert incidents(told) == [
        ("forced_sale", 2_000, "hub-1"),
        (BEYOND_CHANNEL, 1_000, "hub-1"),
        (BEYOND_CHANNEL, 2_000, "hub-1"),
    ]
    assert len({each.seq for each in told.cloud.incidents}) == 3
    assert is_clean(told)


def test_a_sale_of_an_older_epoch_lowers_the_grant_alone() -> None:
    told = opened()
    told.cloud.stocks[DISH] = replace(told.cloud.stocks[DISH], epoch_at=told.cloud.now, filled_slot=7)
    sell(told)
    stock = told.cloud.stocks[DISH]
    assert (stock.real, stock.grant, stock.left) == (10_000, 4_000, 6_000)
    knows, ran = {"epoch_at": told.cloud.now}, {"slot": 7}
    for facts in (knows, ran):
        told.tell(moves=(sale(1_000, **facts),))
    stock = told.cloud.stocks[DISH]
    assert (stock.real, stock.grant, stock.left) == (8_000, 2_000, 6_000)


@pytest.mark.parametrize(("restore_to", "real"), [(RestoreTo.PLAN, 10_000), (RestoreTo.KEEP, 8_000)])
def test_a_sale_before_a_restore_lowers_what_that_has_kept(restore_to: RestoreTo, real: int) -> None:
    told = opened(plan=10_000)
    told.cloud.menu.set_rules(RestoreRule(BRAND_ID, "daily", (ScheduleEntry(),), restore_to=restore_to))
    told.cloud.run(SetStock(STORE, (Setting(DISH, status=SOLD_OUT),), STAFF))
    later(told, 86_400_000)
    assert told.cloud.stocks[DISH].epoch_at == told.cloud.now
    sell(told)
    stock = told.cloud.stocks[DISH]
    assert (stock.real, stock.grant) == (real, 4_000)
    assert is_clean(told)


def test_a_restore_that_finds_all_there_is_one_for_a_hub_that_has_more_to_tell() -> None:
    told = opened(plan=10_000)
    is_restored_daily(told)
    later(told, 86_400_000)
    sell(told)
    assert (told.cloud.stocks[DISH].real, told.cloud.stocks[DISH].grant) == (10_000, 4_000)
    assert is_clean(told)


def test_what_was_added_before_a_restore_and_given_back_at_it_leaves_the_plan() -> None:
    told = opened()
    told.cloud.stocks[DISH] = replace(told.cloud.stocks[DISH], epoch_at=told.cloud.now, filled_slot=7)
    told.tell(moves=(move(Kind.COUNT, 3_000, 3_000, 3_000),))
    told.tell(moves=(move(Kind.GRANT, -3_000, 0, -3_000),))
    stock = told.cloud.stocks[DISH]
    assert (stock.real, stock.grant, stock.left) == (10_000, 6_000, 4_000)
    assert is_clean(told)


def test_so_does_a_one_off_before_which_it_was_added() -> None:
    told = opened(plan=10_000)
    is_restored_daily(told)
    told.cloud.run(
        SetStock(STORE, (Setting(DISH, auto_restore_type=ONE_OFF, auto_restore_at=told.cloud.now + 1_000),), STAFF)
    )
    later(told, 2_000)
    known = told.cloud.stocks[DISH].epoch_at
    assert known == told.cloud.now
    told.tell(moves=(move(Kind.COUNT, 5_000, 5_000, 5_000),))
    told.tell(moves=(move(Kind.GRANT, -5_000, 0, -5_000),))
    stock = told.cloud.stocks[DISH]
    assert (stock.real, stock.grant, stock.left) == (10_000, 6_000, 4_000)
    told.tell(moves=(sale(2_000),))
    told.tell(moves=(move(Kind.COUNT, 1_000, 1_000, 1_000, epoch_at=known),))
    stock = told.cloud.stocks[DISH]
    assert (stock.real, stock.grant) == (9_000, 5_000)
    assert is_clean(told)


def test_what_was_given_back_before_the_cloud_restores_is_the_cloud_s() -> None:
    told = opened()
    told.tell(moves=(move(Kind.COUNT, 3_000, 3_000, 3_000),))
    told.tell(moves=(move(Kind.GRANT, -3_000, 0, -3_000),))
    stock = told.cloud.stocks[DISH]
    assert (stock.real, stock.grant, stock.left) == (13_000, 6_000, 7_000)
    assert is_clean(told)


def test_a_sale_of_what_isnt_limited_any_more_lowers_the_grant_alone() -> None:
    told = opened()
    told.cloud.run(SetStock(STORE, (Setting(DISH, type=UNLIMITED),), STAFF))
    sell(told)
    stock = told.cloud.stocks[DISH]
    assert (stock.real, stock.grant) == (10_000, 4_000)
    assert is_clean(told)


def test_a_setting_counts_if_nobody_else_has_set_the_stock() -> None:
    told = opened()
    outcome = told.tell(setting=change(told, plan=20_000), moves=(move(Kind.COUNT, 3_000, 3_000, 3_000),))
    stock = told.cloud.stocks[DISH]
    assert (stock.plan, stock.real, stock.grant, stock.left) == (20_000, 13_000, 9_000, 4_000)
    assert outcome == HubEventTold(1, 2, ((DISH, stock.version),))
    assert is_clean(told)


def test_a_setting_after_its_own() -> None:
    """The hub can't know which settings version its first one made."""
    told = opened()
    base = told.cloud.stocks[DISH].settings_version
    told.tell(setting=change(told, base, plan=20_000))
    told.tell(setting=change(told, base, plan=30_000))
    assert told.cloud.stocks[DISH].plan == 30_000


def test_a_stale_setting_is_superseded_and_says_from_where_on() -> None:
    told = opened()
    base = told.cloud.stocks[DISH].settings_version
    told.cloud.run(SetStock(STORE, (Setting(DISH, plan=15_000),), STAFF))
    command = told.event(setting=change(told, base, plan=20_000))
    outcome = told.cloud.run(command)
    stock = told.cloud.stocks[DISH]
    assert stock.plan == 15_000
    assert outcome == HubEventTold(1, 2, ((DISH, stock.version),))
    assert told.cloud.run(command) == HubEventTold(1, 2, ((DISH, stock.version),), replayed=True)
    assert any(row.kind is Kind.SUPERSEDED for row in told.cloud.logs)
    assert is_clean(told)


def test_the_stores_newer_86_wins() -> None:
    told = opened()
    base = told.cloud.stocks[DISH].settings_version
    told.cloud.run(SetStock(STORE, (Setting(DISH, plan=15_000),), STAFF))
    told.cloud.now += 1_000
    told.tell(setting=change(told, base, status=SOLD_OUT, manual=True))
    stock = told.cloud.stocks[DISH]
    assert (stock.status, stock.manual, stock.grant) == (SOLD_OUT, True, 6_000)
    assert is_clean(told)


def test_what_is_limited_from_now_on_is_all_the_hubs() -> None:
    told = Told()
    told.tell(
        setting=change(told, 0, type=LIMITED),
        moves=(move(Kind.COUNT, 5_000, 5_000, 5_000, channel_code=None),),
    )  # fmt: skip
    stock = told.cloud.stocks[DISH]
    assert (stock.type, stock.real, stock.grant, stock.left, stock.status) == (LIMITED, 5_000, 5_000, 0, ON_SALE)
    assert is_clean(told)


def test_a_verb_on_an_order_of_the_cloud_is_decided_by_it() -> None:
    told = opened()
    told.cloud.run(LockStock(STORE, "o1", "ONLINE_ORDER", (Line(1, 0, 3_000),), STAFF, expires_in=60))
    told.cloud.run(LockStock(STORE, "o2", "ONLINE_ORDER", (Line(1, 0, 1_000),), STAFF))
    told.tell(verb=UnlockStock(STORE, "o2", None, STAFF))
    assert told.cloud.reservations["o2", (1, 0)].state is State.UNLOCKED
    told.cloud.now += 61_000
    told.ask(GrantChange(DISH, 2_000))  # the lock is dead, and what it held is given away
    outcome = told.tell(verb=DeductStock(STORE, "o1", None, STAFF))
    assert outcome == HubEventTold(2, 3)
    stock = told.cloud.stocks[DISH]
    assert (stock.real, stock.grant, stock.left, stock.oversold) == (7_000, 8_000, -1_000, 1_000)
    assert incidents(told) == [(REPLAYED_SALE, 1_000, "hub-1")]
    assert is_clean(told)


def test_a_verb_that_comes_to_nothing_moves_the_journal_on() -> None:
    told = opened()
    sell(told)
    before = told.cloud.stocks[DISH]
    assert told.tell(verb=DeductStock(STORE, "unknown", None, STAFF)) == HubEventTold(2, 3)
    assert told.tell(verb=DeductStock(STORE, "h1", None, STAFF)) == HubEventTold(3, 4), "its own order"
    assert told.cloud.stocks[DISH] == before
    assert told.cloud.journals["hub-1", "journal-1"].last_seq == 3


def test_events_of_one_batch_stand_on_one_another() -> None:
    told = opened()
    commands = [
        told.event(order_id="h1", lines=(line(told, State.LOCKED),)),
        told.event(order_id="h1", lines=(line(told, State.DEDUCTED),), moves=(sale(),)),
        told.event(order_id="h2", lines=(line(told, State.DEDUCTED, order_id="h2"),), moves=(sale(),)),
    ]
    assert told.cloud.batch(commands) == [HubEventTold(seq, seq + 1) for seq in (1, 2, 3)]
    assert told.cloud.stocks[DISH].grant == 2_000
    assert is_clean(told)


def test_a_lock_at_the_hub_that_dies_is_the_hubs_to_release() -> None:
    told = opened(channels=(ChannelSetting("POS", limit=8_000),))
    told.tell(order_id="h1", lines=(line(told, State.LOCKED),))
    told.cloud.run(LockStock(STORE, "o1", "ONLINE_ORDER", (Line(1, 0, 1_000),), STAFF))
    later(told, 3_600_000)
    assert told.cloud.reservations["h1", (1, 0)].state is State.LOCKED
    assert told.cloud.reservations["o1", (1, 0)].state is State.EXPIRED
    told.tell(order_id="h1", lines=(line(told, State.EXPIRED, locked_at=told.cloud.now - 3_600_000),))
    assert told.cloud.channels[DISH, "POS"].used == 0
    assert is_clean(told)


def test_an_86_by_hand_and_another_type_leave_the_grant() -> None:
    told = opened()
    for fields in ({"status": SOLD_OUT, "manual": True}, {"type": UNLIMITED}, {"type": LIMITED, "status": ON_SALE}):
        told.cloud.run(SetStock(STORE, (Setting(DISH, **fields),), STAFF))
        assert told.cloud.stocks[DISH].grant == 6_000
    sell(told)
    stock = told.cloud.stocks[DISH]
    assert (stock.real, stock.grant) == (8_000, 4_000)
    assert is_clean(told)


def test_a_restore_leaves_the_grant_and_goes_on_from_the_plan() -> None:
    told = opened(plan=10_000)
    sell(told, 3_000)
    told.cloud.menu.set_rules(RestoreRule(BRAND_ID, "daily", (ScheduleEntry((), 240),)))
    told.cloud.run(RunTimers(STORE))
    untold = told.event(order_id="h2", lines=(line(told, State.DEDUCTED, order_id="h2"),), moves=(sale(),))
    later(told, 24 * 3_600_000)
    stock = told.cloud.stocks[DISH]
    assert (stock.real, stock.grant, stock.left) == (10_000, 3_000, 7_000)
    told.cloud.run(untold)  # sold before, told after
    sell(told, 1_000, order_id="h3", epoch_at=stock.epoch_at)
    stock = told.cloud.stocks[DISH]
    assert (stock.real, stock.grant, stock.left) == (9_000, 0, 9_000)
    assert is_clean(told)


def test_counted_below_what_is_promised_with_a_grant_out() -> None:
    told = opened()
    told.cloud.run(SetStock(STORE, (Setting(DISH, kind=Kind.COUNT, quantity=4_000),), STAFF))
    stock = told.cloud.stocks[DISH]
    assert (stock.real, stock.grant, stock.oversold) == (4_000, 6_000, 2_000)
    sell(told, 6_000)
    assert [each.quantity for each in told.cloud.incidents] == [2_000], "it was known"
    assert is_clean(told)


def promised_by_force(told: Told, beyond: int, taken: int) -> None:
    """The hub, which holds 6, locks more by force: it takes what the cloud has in its eyes, the rest isn't there."""
    quantity = 6_000 + beyond
    moves = (move(Kind.LOCK, quantity, 0, taken),) if taken else ()
    told.tell(
        order_id="h1", lines=(line(told, State.LOCKED, quantity),), moves=moves,
        incidents=(ToldIncident("forced_sale", DISH, beyond),),
    )  # fmt: skip


def test_what_was_promised_by_force_is_no_incident_again_when_it_is_paid() -> None:
    told = opened()
    promised_by_force(told, 7_000, 4_000)
    stock = told.cloud.stocks[DISH]
    assert (stock.grant, stock.left, stock.oversold) == (10_000, 0, 3_000)
    told.tell(
        order_id="h1", lines=(line(told, State.DEDUCTED, 13_000),), moves=(move(Kind.DEDUCT, 13_000, -13_000, -10_000),)
    )
    stock = told.cloud.stocks[DISH]
    assert (stock.real, stock.grant, stock.left, stock.oversold) == (-3_000, 0, -3_000, 3_000)
    assert incidents(told) == [("forced_sale", 7_000, "hub-1")]
    assert is_clean(told)


def test_another_forced_sale_leaves_that_promise_alone() -> None:
    told = opened()
    told.cloud.run(LockStock(STORE, "o1", "ONLINE_ORDER", (Line(1, 0, 4_000),), STAFF))
    promised_by_force(told, 3_000, 0)
    sold = move(Kind.DEDUCT, 2_000, -2_000, 0)
    told.tell(moves=(sold,), incidents=(ToldIncident("forced_sale", DISH, 2_000),))
    assert told.cloud.stocks[DISH].oversold == 5_000
    told.tell(
        order_id="h1", lines=(line(told, State.DEDUCTED, 9_000),), moves=(move(Kind.DEDUCT, 9_000, -9_000, -6_000),)
    )
    assert told.cloud.stocks[DISH].oversold == 5_000
    assert [kind for kind, _, _ in incidents(told)] == ["forced_sale"] * 2
    assert is_clean(told)


def test_a_verb_on_what_the_hub_has_locked_itself_comes_to_nothing() -> None:
    told = opened()
    told.tell(order_id="h1", lines=(line(told, State.LOCKED),))
    for verb in (DeductStock(STORE, "h1", None, STAFF), UnlockStock(STORE, "h1", None, STAFF)):
        assert isinstance(told.tell(verb=verb), HubEventTold)
    assert told.cloud.reservations["h1", (1, 0)].state is State.LOCKED
    assert is_clean(told)


def test_a_setting_that_opens_an_incident_itself() -> None:
    """What the hub tells of the same cause is no second one."""
    told = Told()
    cap = ChannelSetting("ONLINE_ORDER", limit=9_000)
    told.cloud.run(SetStock(STORE, (Setting(DISH, channels=(cap,)),), STAFF))
    told.cloud.run(LockStock(STORE, "o1", "ONLINE_ORDER", (Line(1, 0, 3_000),), STAFF))
    below = ToldIncident("count_below_promised", DISH, 2_000)
    told.tell(setting=change(told, type=LIMITED), incidents=(below,))
    assert told.cloud.stocks[DISH].oversold == 3_000
    assert incidents(told) == [("count_below_promised", 3_000, "hub-1")]
    assert is_clean(told)


def test_a_dead_lock_of_the_cloud_leaves_the_hubs_line_of_the_order_alone() -> None:
    told = opened()
    told.cloud.run(LockStock(STORE, "h1", "ONLINE_ORDER", (Line(1, 0, 1_000),), STAFF))
    told.tell(order_id="h1", lines=(line(told, State.LOCKED, line_no=1),))
    assert is_clean(told)
    later(told, 3_600_000)
    assert told.cloud.reservations["h1", (1, 0)].state is State.EXPIRED
    assert told.cloud.reservations["h1", (1, 1)].state is State.LOCKED
    assert is_clean(told)
