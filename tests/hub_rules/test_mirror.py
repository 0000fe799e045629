"""What a hub takes over of the cloud's rows, and what it doesn't."""

import pytest
from msgspec.structs import replace

from eightysix.core.audit import findings
from eightysix.core.calendar import ScheduleEntry
from eightysix.core.change import Kind
from eightysix.core.command import (
    AckEvents,
    AskGrants,
    ChannelSetting,
    DeductStock,
    MirrorStock,
    RunTimers,
    SetStock,
    Setting,
    SettleGrants,
    UnlockStock,
)
from eightysix.core.hub import GrantChange, GrantRequest, held
from eightysix.core.hub_event import ToldIncident
from eightysix.core.key import sku_key
from eightysix.core.outcome import BooksKept, Refused
from eightysix.core.restore_rule import RestoreRule
from eightysix.core.stock import LIMITED, ON_SALE, ONE_OFF, SOLD_OUT, UNLIMITED, ChannelStock
from tests.world.hub_kitchen import HubKitchen
from tests.world.menu import BRAND_ID, STORE

from .cloud import limited, mirrored
from .orders import ME, lock

KEY = sku_key(1)
POS, ONLINE = "POS", "ONLINE_ORDER"


@pytest.fixture
def hub():
    """It holds 6 of SKU 1's 10, and knows the cloud's version 5."""
    hub = HubKitchen()
    mirrored(hub, limited(KEY, 10_000, version=5))
    hub.hold(KEY, 6_000)
    return hub


@pytest.fixture
def theirs():
    """The cloud's row as the hub knows it, but for its version."""
    return limited(KEY, 10_000, grant=6_000, version=6)


def row(hub):
    return hub.stocks[KEY]


def parts(hub):
    """(what the hub holds, what the cloud has kept)"""
    return held(row(hub)), row(hub).grant


def told(hub):
    """The content of the last row that tells of a mirror."""
    return [each.content for each in hub.logs if each.kind is Kind.MIRROR][-1]


def audited(hub):
    return findings(hub.books(), hub.menu) == []


def test_the_cloud_s_part_is_what_it_has_beside_the_grant(hub, theirs):
    assert mirrored(hub, replace(theirs, real=8_000)) == BooksKept(1)
    assert (parts(hub), row(hub).real) == ((6_000, 2_000), 8_000)
    last = hub.logs[-1]
    assert (last.kind, last.quantity, last.content) == (Kind.MIRROR, -2_000, None)
    assert audited(hub)


def test_nothing_new_for_sellers_makes_no_version(hub, theirs):
    head = hub.head
    assert mirrored(hub, replace(theirs, locked=3_000, updated_at=9_000, settings_version=2)) == BooksKept(0)
    assert hub.head == head
    assert (hub.mirrors[KEY].version, hub.mirrors[KEY].settings_version) == (6, 2)


def test_an_older_row_is_ignored(hub, theirs):
    mirrored(hub, replace(theirs, version=9, real=7_000))
    before = (row(hub), hub.head)
    assert mirrored(hub, replace(theirs, version=8, real=3_000, manual=True, status=SOLD_OUT)) == BooksKept(0)
    assert (row(hub), hub.head, hub.mirrors[KEY].version) == (*before, 9)


def test_the_same_row_is_no_news(hub, theirs):
    mirrored(hub, replace(theirs, version=9, status=SOLD_OUT, manual=True))
    hub.run(SetStock(STORE, (Setting(KEY, status=ON_SALE),), ME))
    hub.run(AckEvents(STORE, 1, ((KEY, 10),)))
    mirrored(hub, replace(theirs, version=10))
    hub.menu.set_rules(RestoreRule(BRAND_ID, "daily", (ScheduleEntry(),)))
    hub.run(RunTimers(STORE))
    hub.run(SetStock(STORE, (Setting(KEY, plan=1_000),), ME))
    hub.acked_seq, hub.mirrors[KEY] = 2, replace(hub.mirrors[KEY], pending_seq=0)  # settled by other means
    hub.events.clear()
    before = (row(hub), hub.head)
    assert mirrored(hub, replace(theirs, version=10)) == BooksKept(0)
    assert (row(hub), hub.head) == before


def test_a_grant_that_was_in_the_row_already_is_made_up_for(hub, theirs):
    hub.run(AskGrants(STORE, GrantRequest("r", (GrantChange(KEY, 3_000),), hub.now)))
    given = replace(theirs, version=6, grant=9_000)
    mirrored(hub, given)
    assert parts(hub) == (6_000, 1_000)
    hub.run(SettleGrants(STORE, "r", (GrantChange(KEY, 3_000),)))
    assert parts(hub) == (9_000, 0), "the hub can't tell"
    mirrored(hub, given)
    assert (parts(hub), row(hub).real) == ((9_000, 1_000), 10_000)
    assert audited(hub)


def test_no_row_changes_what_the_hub_holds(hub, theirs):
    hub.run(lock("a", (1, 0, 2_000)))
    hub.run(DeductStock(STORE, "a", None, ME))
    mirrored(hub, theirs)  # the cloud hasn't heard of the sale
    assert (parts(hub), row(hub).real) == ((4_000, 4_000), 8_000)
    mirrored(hub, replace(theirs, version=7, real=8_000, grant=4_000))
    assert parts(hub) == (4_000, 4_000)


def test_the_cloud_may_have_less_than_the_hub_holds(hub, theirs):
    mirrored(hub, replace(theirs, real=2_000))
    assert (parts(hub), row(hub).real) == ((6_000, 0), 6_000)


def test_settings_are_taken_over_and_count_as_one(hub, theirs):
    before = row(hub)
    mirrored(hub, replace(theirs, plan=30_000, status=SOLD_OUT, manual=True, low=2_000, updated_at=hub.now))
    after = row(hub)
    assert (after.plan, after.status, after.manual, after.low) == (30_000, SOLD_OUT, True, 2_000)
    assert (after.settings_version, after.updated_at) == (before.settings_version + 1, hub.now)
    assert '"manual":[false,true]' in told(hub)
    assert audited(hub)


def test_updated_at_never_goes_back(hub, theirs):
    hub.run(SetStock(STORE, (Setting(KEY, plan=20_000),), ME))
    hub.run(AckEvents(STORE, 1, ((KEY, 6),)))
    before = row(hub).updated_at
    mirrored(hub, replace(theirs, plan=30_000, updated_at=before - 50_000))
    assert (row(hub).plan, row(hub).updated_at) == (30_000, before + 1)


def test_settings_of_the_store_stand_until_the_cloud_has_decided(hub, theirs):
    hub.run(SetStock(STORE, (Setting(KEY, status=SOLD_OUT, manual=True),), ME))
    mirrored(hub, replace(theirs, plan=30_000, settings_version=2, real=9_000))
    assert (row(hub).manual, row(hub).plan, parts(hub)) == (True, 10_000, (6_000, 3_000))
    assert hub.mirrors[KEY].settings_version == 1, "staff haven't seen the other"
    hub.run(AckEvents(STORE, 1, ((KEY, 8),)))
    mirrored(hub, replace(theirs, version=7, plan=30_000, settings_version=2))
    assert row(hub).manual, "the row is older than what the cloud made of the setting"
    mirrored(hub, replace(theirs, version=8, plan=30_000, settings_version=2))
    assert (row(hub).manual, row(hub).plan, row(hub).status) == (False, 30_000, ON_SALE)
    assert (hub.mirrors[KEY].pending_seq, hub.mirrors[KEY].settled_version) == (0, 0)
    assert audited(hub)


def test_a_row_that_came_before_its_acknowledgement_is_taken_over_again(hub, theirs):
    hub.run(SetStock(STORE, (Setting(KEY, status=SOLD_OUT, manual=True),), ME))
    decided = replace(theirs, version=8, plan=30_000, settings_version=2)
    mirrored(hub, decided)
    hub.run(AckEvents(STORE, 1, ((KEY, 8),)))
    assert row(hub).manual
    mirrored(hub, replace(decided, version=7, plan=20_000))
    assert row(hub).manual, "an older one still isn't"
    mirrored(hub, decided)
    assert (row(hub).manual, row(hub).plan, hub.mirrors[KEY].version) == (False, 30_000, 8)


def test_a_second_setting_waits_for_its_own_decision(hub, theirs):
    hub.run(SetStock(STORE, (Setting(KEY, plan=20_000),), ME))
    hub.run(SetStock(STORE, (Setting(KEY, plan=25_000),), ME))
    assert [event.setting.base_version for event in hub.journal()] == [1, 1]
    hub.run(AckEvents(STORE, 1, ((KEY, 8),)))
    mirrored(hub, replace(theirs, version=8, plan=20_000))
    assert row(hub).plan == 25_000
    hub.run(AckEvents(STORE, 2, ((KEY, 9),)))
    mirrored(hub, replace(theirs, version=9, plan=25_000))
    assert (row(hub).plan, hub.mirrors[KEY].pending_seq) == (25_000, 0)


def test_another_type(hub, theirs):
    mirrored(hub, replace(theirs, type=UNLIMITED))
    assert (row(hub).type, parts(hub)) == (UNLIMITED, (6_000, 4_000))
    hub.run(lock("a", (1, 0, 20_000)))
    mirrored(hub, replace(theirs, version=7, type=LIMITED, real=9_000))
    assert (row(hub).type, parts(hub), row(hub).locked) == (LIMITED, (6_000, 3_000), 0)
    assert audited(hub)


def test_what_the_hub_has_promised_of_a_stock_that_is_limited_now_is_told(hub):
    cap = ChannelStock(sku_key(2), POS, limit=9_000)
    there = limited(sku_key(2), 0, type=UNLIMITED, plan=0)
    mirrored(hub, there, channels=(cap,))
    hub.run(lock("a", (2, 0, 3_000)))
    mirrored(hub, replace(there, type=LIMITED, real=9_000, version=2), channels=(cap,))
    assert (hub.stocks[sku_key(2)].oversold, hub.stocks[sku_key(2)].grant) == (3_000, 9_000)
    event = hub.journal()[-1]
    assert (event.incidents, event.moves) == ((ToldIncident("mirrored_below_promised", sku_key(2), 3_000),), ())
    assert audited(hub)


def test_oversold_ends_when_the_cloud_says_so(hub, theirs):
    hub.run(lock("a", (1, 0, 12_000), force=True, reason="on the counter"))
    assert row(hub).oversold == 2_000
    mirrored(hub, replace(theirs, grant=10_000))
    assert row(hub).oversold == 2_000, "the hub has still promised it"
    hub.run(UnlockStock(STORE, "a", None, ME))
    mirrored(hub, replace(theirs, version=7, grant=10_000, oversold=2_000))
    assert row(hub).oversold == 2_000
    mirrored(hub, replace(theirs, version=8, grant=10_000))
    assert row(hub).oversold == 0
    assert audited(hub)


def test_a_stock_that_was_never_set_leaves_no_row(hub):
    blank = replace(limited(sku_key(2), 0), type=UNLIMITED, plan=0, settings_version=0)
    assert mirrored(hub, blank) == BooksKept(0)
    assert sku_key(2) not in hub.stocks
    assert mirrored(hub, replace(blank, settings_version=1, version=2)) == BooksKept(1)
    assert hub.stocks[sku_key(2)].is_set


def test_channels_are_set_as_in_the_cloud(hub, theirs):
    hub.run(SetStock(STORE, (Setting(KEY, channels=(ChannelSetting("KIOSK", status=SOLD_OUT),)),), ME))
    hub.run(AckEvents(STORE, 1, ((KEY, 6),)))
    mirrored(hub, theirs, channels=(ChannelStock(KEY, POS, limit=4_000, low=1_000),))
    assert hub.channels[KEY, POS] == ChannelStock(
        KEY, POS, limit=4_000, low=1_000, period_at=hub.channels[KEY, POS].period_at
    )
    assert hub.channels[KEY, "KIOSK"] == ChannelStock(KEY, "KIOSK")
    assert '"channels"' in told(hub)


def test_in_store_use_is_the_hub_s_and_online_use_the_cloud_s(hub, theirs):
    day = hub.shelf().day.starts_at
    caps = (ChannelStock(KEY, POS, limit=4_000), ChannelStock(KEY, ONLINE, limit=9_000, used=1_000, period_at=day))
    hub.run(lock("a", (1, 0, 3_000)))
    mirrored(hub, theirs, channels=caps)
    assert (hub.channels[KEY, POS].used, hub.channels[KEY, ONLINE].used) == (3_000, 1_000)
    sold = replace(caps[1], used=2_000)
    mirrored(hub, replace(theirs, version=7, real=9_000), channels=(replace(caps[0], used=500), sold))
    assert (hub.channels[KEY, POS].used, hub.channels[KEY, ONLINE].used) == (3_000, 2_000)
    assert isinstance(hub.run(lock("b", (1, 0, 2_000))), Refused), "the cap of POS"
    head = hub.head
    mirrored(hub, replace(theirs, version=8, real=9_000), channels=(replace(caps[0], used=500), sold))
    assert hub.head == head
    assert audited(hub)


def test_a_use_of_yesterday_doesn_t_count(hub, theirs):
    cap = ChannelStock(KEY, ONLINE, limit=9_000, used=5_000, period_at=hub.shelf().day.starts_at - 1)
    mirrored(hub, theirs, channels=(cap,))
    assert hub.channels[KEY, ONLINE].used == 0


def test_an_online_order_at_the_hub_leaves_the_cloud_s_use_alone(hub, theirs):
    day = hub.shelf().day.starts_at
    mirrored(hub, theirs, channels=(ChannelStock(KEY, ONLINE, limit=9_000, used=1_000, period_at=day),))
    hub.run(lock("a", (1, 0, 2_000), channel=ONLINE))
    mirrored(hub, replace(theirs, version=7), channels=(ChannelStock(KEY, ONLINE, limit=9_000, period_at=day),))
    hub.run(UnlockStock(STORE, "a", None, ME))
    assert hub.channels[KEY, ONLINE].used == 0


def test_guarantees_online_are_served_from_the_cloud_s_part(hub, theirs):
    mirrored(hub, theirs, channels=(ChannelStock(KEY, ONLINE, guarantee=4_000),))
    assert not isinstance(hub.run(lock("a", (1, 0, 6_000))), Refused)
    mirrored(hub, replace(theirs, version=7), channels=(ChannelStock(KEY, ONLINE, guarantee=5_000),))
    hub.run(UnlockStock(STORE, "a", None, ME))
    assert isinstance(hub.run(lock("b", (1, 0, 6_000))), Refused), "the hub keeps what the cloud's part doesn't cover"


def test_what_flowed_back_there_has_flowed_back_here(hub, theirs):
    mirrored(hub, theirs, channels=(ChannelStock(KEY, "KIOSK", guarantee=4_000),))
    assert isinstance(hub.run(lock("a", (1, 0, 6_000))), Refused)
    released = ChannelStock(KEY, "KIOSK", guarantee=4_000, released_at=hub.now - 1)
    mirrored(hub, replace(theirs, version=7), channels=(released,))
    assert not isinstance(hub.run(lock("a", (1, 0, 6_000))), Refused)
    head = hub.head
    mirrored(hub, replace(theirs, version=8), channels=(released,))
    assert hub.head == head
    mirrored(hub, replace(theirs, version=9), channels=(replace(released, guarantee=3_000, released_at=0),))
    assert hub.channels[KEY, "KIOSK"].released_at == 0


def test_a_one_off_wakes_the_hub_s_timer(hub, theirs):
    at = hub.now + 3_600_000
    mirrored(hub, replace(theirs, auto_restore_type=ONE_OFF, auto_restore_at=at, status=SOLD_OUT, manual=True))
    assert hub.timer is None, "the store was never planned"
    assert row(hub).auto_restore_at == at


def test_of_a_cloud_whose_database_is_another_older_rows_are_news(hub: HubKitchen) -> None:
    older = limited(KEY, 10_000, grant=6_000, version=2, low=1_000)
    mirrored(hub, older)
    assert hub.stocks[KEY].low is None, "of the same database it is old"
    hub.run(MirrorStock(STORE, (), anew=True))
    mirrored(hub, older)
    assert (hub.stocks[KEY].low, held(hub.stocks[KEY])) == (1_000, 6_000)
    assert findings(hub.books()) == []


def test_what_the_store_has_set_outlives_the_clouds_database(hub: HubKitchen) -> None:
    hub.run(SetStock(STORE, (Setting(KEY, kind=Kind.EIGHTY_SIX, status=SOLD_OUT),), ME))
    hub.run(MirrorStock(STORE, (), anew=True))
    mirrored(hub, limited(KEY, 10_000, grant=6_000, version=2))
    assert hub.stocks[KEY].manual
