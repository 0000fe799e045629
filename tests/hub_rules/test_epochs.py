"""A restore at a hub: it opens an epoch on both sides, and makes no stock."""

import pytest
from msgspec.structs import replace

from eightysix.core.audit import findings
from eightysix.core.calendar import ScheduleEntry
from eightysix.core.change import Kind
from eightysix.core.command import AckEvents, DeductStock, ReleaseGuarantees, RunTimers, SetStock, Setting
from eightysix.core.hub import held
from eightysix.core.key import sku_key
from eightysix.core.outcome import Refused
from eightysix.core.restore_rule import RestoreRule
from eightysix.core.stock import LIMITED, ON_SALE, ONE_OFF, SOLD_OUT, UNLIMITED, ChannelStock, RestoreTo
from tests.world.hub_kitchen import HubKitchen
from tests.world.menu import BRAND_ID, STORE

from .cloud import limited, mirrored
from .orders import ME, lock

KEY, POS = sku_key(1), "POS"
CAP = ChannelStock(KEY, POS, limit=3_000)
DAY = 86_400_000


def daily(**fields):
    return RestoreRule(BRAND_ID, "daily", (ScheduleEntry(),), **fields)


def open_hub(rule):
    """It holds 6 of SKU 1's 10, planned under this rule."""
    hub = HubKitchen()
    hub.menu.set_rules(rule)
    hub.run(RunTimers(STORE))
    mirrored(hub, limited(KEY, 10_000, plan=50_000, version=5))
    hub.hold(KEY, 6_000)
    hub.run(RunTimers(STORE))
    return hub


@pytest.fixture
def hub():
    return open_hub(daily())


def row(hub):
    return hub.stocks[KEY]


def audited(hub):
    return findings(hub.books(), hub.menu) == []


def tomorrow(hub):
    hub.now += DAY
    hub.run(RunTimers(STORE))


def sold(hub, quantity, order_id="a"):
    """The move of a sale."""
    hub.run(lock(order_id, (1, 0, quantity)))
    hub.run(DeductStock(STORE, order_id, None, ME))
    return hub.journal()[-1].moves[0]


def test_a_restore_makes_no_stock_and_no_event(hub):
    sold(hub, 2_000)
    count = len(hub.events)
    before = row(hub)
    tomorrow(hub)
    after = row(hub)
    assert (after.real, after.grant, held(after), after.type) == (before.real, before.grant, 4_000, LIMITED)
    assert after.epoch_at == hub.now
    assert after.restored_slot > before.restored_slot
    assert len(hub.events) == count
    assert audited(hub)


@pytest.mark.parametrize("restore_to", [RestoreTo.UNLIMITED, RestoreTo.KEEP, RestoreTo.PLAN])
def test_nor_does_it_take_any_or_change_the_type(restore_to):
    hub = open_hub(daily(restore_to=restore_to))
    mirrored(hub, replace(limited(KEY, 90_000, plan=5_000, grant=6_000), version=6))
    tomorrow(hub)
    assert (row(hub).type, row(hub).real, held(row(hub))) == (LIMITED, 90_000, 6_000)


def test_it_puts_a_manual_86_back_on_sale(hub):
    hub.run(SetStock(STORE, (Setting(KEY, status=SOLD_OUT, manual=True),), ME))
    tomorrow(hub)
    assert (row(hub).status, row(hub).manual) == (ON_SALE, False)


def test_it_ends_a_one_off(hub):
    at = hub.now + 3_600_000
    setting = Setting(KEY, status=SOLD_OUT, auto_restore_type=ONE_OFF, auto_restore_at=at)
    hub.run(SetStock(STORE, (setting,), ME))
    hub.now = at
    hub.run(RunTimers(STORE))
    assert (row(hub).status, row(hub).auto_restore_type, row(hub).real) == (ON_SALE, 0, 10_000)
    assert audited(hub)


@pytest.mark.parametrize(("ahead", "manual"), [(60_000, True), (-60_000, False)])
def test_what_was_set_in_the_cloud_after_a_restore_outlives_it_by_whichever_clock(hub, ahead, manual):
    """The cloud's clock may be ahead: what is set there after the day has begun arrives here before it does."""
    at = hub.shelf().day.ends_at + ahead
    theirs = limited(KEY, 10_000, grant=6_000, version=6, settings_version=2, updated_at=at)
    mirrored(hub, replace(theirs, status=SOLD_OUT, manual=True))
    tomorrow(hub)
    assert row(hub).manual is manual


def added(hub, quantity):
    hub.run(SetStock(STORE, (Setting(KEY, quantity=quantity, kind=Kind.ADD),), ME))


def given_back(hub):
    """Of what the hub has given back of itself: which moves it tells."""
    return [move for event in hub.journal() for move in event.moves if move.kind is Kind.GRANT]


def begin_here(hub):
    hub.now = hub.shelf().day.ends_at
    hub.run(RunTimers(STORE))


def late(hub):
    """A minute before the day ends."""
    hub.now = hub.shelf().day.ends_at - 60_000
    hub.run(RunTimers(STORE))


def begin_there(hub):
    slot = row(hub).restored_slot + 1
    mirrored(hub, limited(KEY, 50_000, grant=6_000, version=7, epoch_at=hub.now, restored_slot=slot))


each_way = pytest.mark.parametrize("restore", [begin_here, begin_there])


@each_way
def test_what_was_added_and_is_not_told_is_given_back(hub, restore):
    """The cloud sets what there is without it: both together would sell more than was planned."""
    added(hub, 5_000)
    before = row(hub)
    restore(hub)
    assert held(row(hub)) == 6_000
    (told,) = given_back(hub)
    assert (told.real, told.held, told.quantity) == (0, -5_000, -5_000)
    assert (told.epoch_at, told.slot) == (0, before.restored_slot), "it is of the epoch before"
    assert hub.incidents == []
    assert audited(hub)
    tomorrow(hub)
    assert held(row(hub)) == 6_000, "once"


@each_way
def test_what_the_cloud_knows_stays(hub, restore):
    added(hub, 5_000)
    hub.run(AckEvents(STORE, hub.last_seq))
    restore(hub)
    assert held(row(hub)) == 11_000
    assert given_back(hub) == []


@each_way
def test_what_was_sold_since_is_not_given_back(hub, restore):
    """However many of its events the cloud has: a sale of before took from what it knew."""
    sold(hub, 2_000)
    added(hub, 5_000)
    sold(hub, 1_000, "b")
    restore(hub)
    assert held(row(hub)) == 6_000 - 2_000
    assert [move.held for move in given_back(hub)] == [-4_000]


@each_way
def test_what_was_promised_of_it_is_an_incident(hub, restore):
    late(hub)
    added(hub, 5_000)
    hub.run(lock("a", (1, 0, 8_000)))
    restore(hub)
    assert (held(row(hub)), row(hub).left) == (8_000, 0)
    assert [move.held for move in given_back(hub)] == [-3_000]
    assert [each.quantity for each in hub.incidents] == [2_000]
    assert [each.quantity for event in hub.journal() for each in event.incidents] == [2_000]
    assert audited(hub)


def test_where_all_of_it_is_promised_nothing_is_given_back_and_there_is_an_incident_once(hub):
    late(hub)
    added(hub, 5_000)
    hub.run(lock("a", (1, 0, 11_000)))
    begin_here(hub)
    event = hub.journal()[-1]
    assert [(each.kind, each.quantity) for each in event.incidents] == [("restore_below_promised", 5_000)]
    assert [(move.kind, move.held) for move in event.moves] == [(Kind.GRANT, 0)]
    begin_there(hub)
    assert [each.quantity for each in hub.incidents] == [5_000]
    assert audited(hub)


def test_several_restores_at_a_time_give_back_once(hub):
    """A hub that was off over two of them."""
    added(hub, 5_000)
    at = hub.shelf().day.ends_at - 3_600_000
    hub.run(SetStock(STORE, (Setting(KEY, auto_restore_type=ONE_OFF, auto_restore_at=at),), ME))
    hub.now = at + 7_200_000
    hub.run(RunTimers(STORE))
    assert [each.kind for each in hub.logs].count(Kind.RESTORE) == 2
    assert held(row(hub)) == 6_000
    assert [move.held for move in given_back(hub)] == [-5_000]


def test_a_restore_that_keeps_what_is_left_keeps_what_was_added():
    hub = open_hub(daily(restore_to=RestoreTo.KEEP))
    added(hub, 5_000)
    begin_here(hub)
    assert held(row(hub)) == 11_000
    assert given_back(hub) == []


def test_of_what_is_unlimited_meanwhile_it_is_given_back_too(hub):
    added(hub, 5_000)
    hub.run(SetStock(STORE, (Setting(KEY, type=UNLIMITED),), ME))
    begin_there(hub)
    hub.run(SetStock(STORE, (Setting(KEY, type=LIMITED),), ME))
    assert held(row(hub)) == 6_000


def test_an_addition_after_the_restore_stays(hub):
    tomorrow(hub)
    added(hub, 5_000)
    slot = row(hub).restored_slot
    mirrored(hub, limited(KEY, 50_000, grant=6_000, version=7, epoch_at=hub.now, restored_slot=slot))
    assert held(row(hub)) == 11_000


def test_caps_count_anew(hub):
    mirrored(hub, replace(limited(KEY, 10_000, grant=6_000), version=6), channels=(CAP,))
    hub.run(lock("a", (1, 0, 3_000)))
    assert isinstance(hub.run(lock("b", (1, 0, 1_000))), Refused)
    tomorrow(hub)
    assert not isinstance(hub.run(lock("c", (1, 0, 3_000))), Refused)
    assert audited(hub)


def test_a_sale_says_which_epoch_it_is_of(hub):
    before = sold(hub, 1_000)
    assert (before.epoch_at, before.slot) == (0, row(hub).restored_slot)
    tomorrow(hub)
    after = sold(hub, 1_000, "b")
    assert (after.epoch_at, after.slot) == (0, row(hub).restored_slot)
    assert after.slot > before.slot
    mirrored(hub, replace(limited(KEY, 50_000, grant=4_000), version=6, epoch_at=777, restored_slot=after.slot))
    last = sold(hub, 1_000, "c")
    assert (last.epoch_at, last.slot) == (777, after.slot)


def test_the_cloud_s_epoch_that_the_hub_has_begun_itself_is_the_same(hub):
    mirrored(hub, replace(limited(KEY, 10_000, grant=6_000), version=6), channels=(CAP,))
    tomorrow(hub)
    hub.run(lock("a", (1, 0, 3_000)))
    begun = row(hub)
    fresh = limited(KEY, 50_000, grant=6_000, version=7, epoch_at=hub.now + 60_000, restored_slot=begun.restored_slot)
    mirrored(hub, fresh, channels=(CAP,))
    assert (row(hub).epoch_at, row(hub).real) == (begun.epoch_at, 50_000)
    assert isinstance(hub.run(lock("b", (1, 0, 1_000))), Refused), "the cap was used up in this epoch"
    assert audited(hub)


def test_the_cloud_s_epoch_that_it_hasn_t_begins_now(hub):
    mirrored(hub, replace(limited(KEY, 10_000, grant=6_000), version=6), channels=(CAP,))
    hub.run(lock("a", (1, 0, 3_000)))
    slot = row(hub).restored_slot + 1
    mirrored(hub, limited(KEY, 50_000, grant=6_000, version=7, epoch_at=hub.now, restored_slot=slot), channels=(CAP,))
    assert (row(hub).epoch_at, row(hub).restored_slot) == (hub.now + 1, slot)
    assert "epoch_at" in [each.content for each in hub.logs if each.kind is Kind.MIRROR][-1]
    assert audited(hub)
    hub.now += 10
    assert not isinstance(hub.run(lock("b", (1, 0, 3_000))), Refused)
    assert audited(hub)


def test_where_the_cloud_was_late_its_epoch_begins_here_too(hub):
    tomorrow(hub)
    slot = row(hub).restored_slot
    hub.now += 3_600_000
    mirrored(hub, limited(KEY, 50_000, grant=6_000, version=7, epoch_at=hub.now, restored_slot=slot))
    assert row(hub).epoch_at == hub.now + 1


def test_a_one_off_of_the_cloud_alone_begins_one_too(hub):
    before = row(hub).epoch_at
    mirrored(hub, limited(KEY, 50_000, grant=6_000, version=7, epoch_at=hub.now))
    assert row(hub).epoch_at == hub.now + 1 > before


def test_a_one_off_of_both_is_one(hub):
    at = hub.now + 3_600_000
    one_off = {"auto_restore_type": ONE_OFF, "auto_restore_at": at}
    mirrored(hub, limited(KEY, 10_000, grant=6_000, version=6, **one_off))
    assert hub.timer.due_at == at
    hub.now = at
    hub.run(RunTimers(STORE))
    begun = row(hub)
    assert (begun.epoch_at, begun.auto_restore_type) == (at, 0)
    mirrored(hub, limited(KEY, 50_000, grant=6_000, version=7, epoch_at=at + 60_000))
    assert row(hub).epoch_at == at
    assert audited(hub)


def test_what_is_due_is_run_before_a_row_is_taken_over(hub):
    hub.now += DAY
    slot = row(hub).restored_slot
    mirrored(hub, limited(KEY, 10_000, grant=6_000, version=6))
    assert row(hub).restored_slot > slot


def test_the_first_row_of_a_stock_brings_its_epoch(hub):
    mirrored(hub, limited(sku_key(2), 9_000, epoch_at=hub.now - 50_000, restored_slot=3))
    stock = hub.stocks[sku_key(2)]
    assert (stock.epoch_at, stock.restored_slot) == (hub.now - 50_000, 3)
    assert audited(hub)


def test_a_rule_supplies_nothing_at_a_hub():
    rule = RestoreRule(BRAND_ID, "soup", (ScheduleEntry(quantity=9_000),), item=sku_key(2))
    hub = open_hub(rule)
    tomorrow(hub)
    assert sku_key(2) not in hub.stocks
    mirrored(hub, replace(limited(sku_key(2), 0, plan=0), type=UNLIMITED))
    tomorrow(hub)
    assert (hub.stocks[sku_key(2)].type, hub.stocks[sku_key(2)].real) == (UNLIMITED, 0)


def test_guarantees_flow_back_at_the_hub_alone(hub):
    kiosk = ChannelStock(KEY, "KIOSK", guarantee=4_000)
    mirrored(hub, replace(limited(KEY, 10_000, grant=6_000), version=6), channels=(kiosk,))
    assert isinstance(hub.run(lock("a", (1, 0, 6_000))), Refused)
    hub.run(ReleaseGuarantees(STORE, (KEY,), ME))
    assert not isinstance(hub.run(lock("a", (1, 0, 6_000))), Refused)
    assert [event.order_id for event in hub.journal()] == ["a"]
    mirrored(hub, replace(limited(KEY, 10_000, grant=6_000), version=7), channels=(kiosk,))
    assert hub.channels[KEY, "KIOSK"].released_at == hub.now


def test_an_86_of_the_store_outlives_a_row_of_before(hub):
    hub.run(SetStock(STORE, (Setting(KEY, status=SOLD_OUT, manual=True),), ME))
    hub.run(AckEvents(STORE, hub.last_seq, ((KEY, 9),)))
    mirrored(hub, replace(limited(KEY, 10_000, grant=6_000), version=8))
    assert row(hub).manual
