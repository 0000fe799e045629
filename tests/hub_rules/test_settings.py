"""What staff set at a hub: a count is a move, the rest a setting for the cloud to decide on."""

import pytest
from msgspec import UNSET

from eightysix.core.change import Kind
from eightysix.core.command import (
    Actor,
    ChangeStock,
    ChannelSetting,
    CountStock,
    DeductStock,
    Line,
    ReplayEvent,
    ReportStock,
    SellStock,
    SetStock,
    Setting,
)
from eightysix.core.hub import held
from eightysix.core.hub_event import ToldIncident
from eightysix.core.key import sku_key
from eightysix.core.outcome import Refused, StocksSet
from eightysix.core.stock import LIMITED, NEVER, ON_SALE, ONE_OFF, SOLD_OUT, UNLIMITED, RestoreTo
from tests.world.hub_kitchen import HubKitchen
from tests.world.menu import STORE

from .cloud import limited, mirrored
from .orders import ME, lock

KEY, OTHER = sku_key(1), sku_key(2)


@pytest.fixture
def hub():
    """It holds 6 of SKU 1's 10; the cloud's row was set seven times."""
    hub = HubKitchen()
    mirrored(hub, limited(KEY, 10_000, settings_version=7))
    hub.hold(KEY, 6_000)
    return hub


def set_(hub, *settings, reason=None):
    return hub.run(SetStock(STORE, settings, ME, reason))


def parts(hub, key=KEY):
    """(what the hub holds, what the cloud has kept)"""
    return held(hub.stocks[key]), hub.stocks[key].grant


def the_event(hub):
    (event,) = hub.journal()
    assert hub.books().rules() == []
    return event


def the_move(hub):
    (move,) = the_event(hub).moves
    return move.kind, move.quantity, move.real, move.held


def test_a_count_below_comes_off_what_the_hub_holds(hub):
    set_(hub, Setting(KEY, kind=Kind.COUNT, quantity=7_000))
    assert the_move(hub) == (Kind.COUNT, -3_000, -3_000, -3_000)
    assert (the_event(hub).setting, the_event(hub).incidents) == (None, ())
    assert parts(hub) == (3_000, 4_000)


def test_a_count_above_is_the_hub_s_to_sell(hub):
    set_(hub, Setting(KEY, real=12_000))
    assert the_move(hub) == (Kind.COUNT, 2_000, 2_000, 2_000)
    assert parts(hub) == (8_000, 4_000)


def test_what_was_added_is_a_count_too(hub):
    set_(hub, Setting(KEY, kind=Kind.ADD, quantity=2_000))
    assert the_move(hub) == (Kind.COUNT, 2_000, 2_000, 2_000)


def test_a_count_below_what_the_hub_has_locked_takes_the_cloud_s_part(hub):
    hub.run(lock("a", (1, 0, 5_000)))
    hub.events.clear(), setattr(hub, "acked_seq", hub.last_seq)
    set_(hub, Setting(KEY, kind=Kind.COUNT, quantity=7_000), reason="fell down")
    assert the_move(hub) == (Kind.COUNT, -3_000, -3_000, -1_000)
    assert the_event(hub).incidents == (ToldIncident("count_below_promised", KEY, 2_000),)
    assert the_event(hub).reason == "fell down"
    assert (parts(hub), hub.stocks[KEY].oversold) == ((5_000, 2_000), 0)


def test_only_what_isn_t_there_at_all_is_oversold(hub):
    hub.run(lock("a", (1, 0, 5_000)))
    set_(hub, Setting(KEY, real=3_000))
    assert (parts(hub), hub.stocks[KEY].oversold) == ((3_000, 0), 2_000)
    (told,) = hub.journal()[-1].incidents
    assert told.quantity == 6_000
    assert hub.books().rules() == []


def test_an_86_is_told_as_it_was_asked(hub):
    set_(hub, Setting(KEY, status=SOLD_OUT, manual=True, auto_restore_type=NEVER), reason="smells")
    told = the_event(hub).setting
    assert told.setting == Setting(KEY, status=SOLD_OUT, manual=True, auto_restore_type=NEVER)
    assert (told.base_version, told.actor.name, told.actor.happened_at) == (7, "ann", hub.now)
    assert (told.reason, the_event(hub).moves) == ("smells", ())
    assert hub.mirrors[KEY].pending_seq == the_event(hub).seq


def test_the_cloud_s_settings_version_is_the_base_and_not_the_hub_s(hub):
    hub.mirrors.pop(KEY)
    set_(hub, Setting(KEY, kind=Kind.EIGHTY_SIX, status=SOLD_OUT))
    assert (the_event(hub).setting.base_version, the_event(hub).setting.setting.kind) == (0, Kind.EIGHTY_SIX)
    assert hub.stocks[KEY].settings_version == 2


def test_sold_out_because_nothing_is_there_is_no_86(hub):
    set_(hub, Setting(KEY, status=SOLD_OUT, real=0))
    assert the_event(hub).setting is None
    assert the_move(hub)[2] == -10_000


def test_an_86_with_what_is_left_is_both(hub):
    set_(hub, Setting(KEY, status=SOLD_OUT, real=8_000))
    told = the_event(hub).setting.setting
    assert (told.status, told.manual, told.real) == (SOLD_OUT, True, UNSET)
    assert the_move(hub) == (Kind.COUNT, -2_000, -2_000, -2_000)


def test_back_on_sale_with_a_count(hub):
    set_(hub, Setting(KEY, status=SOLD_OUT, manual=True))
    set_(hub, Setting(KEY, status=ON_SALE, real=11_000, plan=20_000))
    event = hub.journal()[-1]
    assert event.setting.setting == Setting(KEY, status=ON_SALE, plan=20_000)
    assert [move.real for move in event.moves] == [1_000]
    assert hub.mirrors[KEY].pending_seq == 2


def test_what_is_limited_now_is_told_before_it_is_counted(hub):
    mirrored(hub, limited(OTHER, 0, type=UNLIMITED, plan=0))
    set_(hub, Setting(OTHER, type=LIMITED, real=5_000))
    event = hub.journal()[-1]
    assert event.setting.setting == Setting(OTHER, type=LIMITED)
    assert [(move.real, move.held) for move in event.moves] == [(5_000, 5_000)]


def test_each_stock_that_is_set_has_an_event_and_counts_share_one(hub):
    mirrored(hub, limited(OTHER, 4_000), limited(sku_key(5), 3_000))
    set_(
        hub,
        Setting(KEY, plan=20_000, real=11_000),
        Setting(OTHER, kind=Kind.COUNT, quantity=5_000),
        Setting(sku_key(5), status=SOLD_OUT),
        Setting(sku_key(7), kind=Kind.COUNT, quantity=1),  # it is unlimited: refused
    )
    counts, first, second = hub.journal()
    assert ([move.key for move in counts.moves], counts.setting) == ([OTHER], None)
    assert (first.setting.setting.key, [move.key for move in first.moves]) == (KEY, [KEY])
    assert (second.setting.setting.key, second.moves) == (sku_key(5), ())
    assert (hub.mirrors[KEY].pending_seq, hub.mirrors[sku_key(5)].pending_seq) == (2, 3)
    assert hub.mirrors[OTHER].pending_seq == 0


def test_a_refused_and_an_idle_setting_tell_nothing(hub):
    (refused,) = set_(hub, Setting(KEY, status=SOLD_OUT, expected_version=99)).results
    assert isinstance(refused, Refused)
    assert isinstance(set_(hub, Setting(KEY, status=ON_SALE, real=10_000)), StocksSet)
    hub.run(SetStock(STORE, (Setting(KEY, status=SOLD_OUT),), ME, dry_run=True))
    assert hub.journal() == []


def test_channels_are_told_as_they_were_asked(hub):
    pos = ChannelSetting("POS", limit=3_000)
    set_(hub, Setting(KEY, channels=(pos, ChannelSetting("KIOSK", status=SOLD_OUT))))
    told = the_event(hub).setting.setting
    assert told.channels == (pos, ChannelSetting("KIOSK", status=SOLD_OUT))


def test_tomorrow_is_told_with_its_instant(hub):
    set_(hub, Setting(KEY, status=SOLD_OUT, auto_restore_type=ONE_OFF, restore_to=RestoreTo.KEEP))
    told = the_event(hub).setting.setting
    assert told.auto_restore_at == hub.shelf().day.ends_at
    assert (told.auto_restore_type, told.restore_to) == (ONE_OFF, RestoreTo.KEEP)


def test_a_pos_report_is_told_alike(hub):
    at = hub.stocks[KEY].updated_at
    hub.run(ReportStock(STORE, Setting(KEY, status=SOLD_OUT, real=9_000, manual=True), at, ME))
    assert the_move(hub) == (Kind.COUNT, -1_000, -1_000, -1_000)
    assert the_event(hub).setting.setting == Setting(KEY, status=SOLD_OUT, manual=True)


def test_a_device_s_journal_goes_on_to_the_cloud(hub):
    then = Actor("pos 7", "replay", happened_at=hub.now - 60_000)
    sale = SellStock(STORE, "tab", "POS", (Line(1, 0, 8_000),), then)
    count = CountStock(STORE, KEY, 5_000, 6_000, then)
    hub.run(ReplayEvent(STORE, "pos-7", "j", 1, sale, then))
    hub.run(ReplayEvent(STORE, "pos-7", "j", 2, count, then))
    hub.run(ReplayEvent(STORE, "pos-7", "j", 3, ChangeStock(STORE, Setting(KEY, plan=9_000), then, 99), then))
    sold, counted = hub.journal()
    assert (sold.at, [(move.real, move.held) for move in sold.moves]) == (hub.now - 60_000, [(-8_000, -6_000)])
    assert sold.incidents == (ToldIncident("replayed_sale", KEY, 2_000),)
    assert ([move.real for move in counted.moves], counted.setting) == ([-1_000], None)
    assert hub.books().rules() == []


def test_a_forced_sale_takes_the_cloud_s_part_first(hub):
    hub.run(lock("a", (1, 0, 8_000), force=True, reason="on the counter"))
    event = the_event(hub)
    (move,) = event.moves
    assert (move.kind, move.quantity, move.real, move.held) == (Kind.LOCK, 8_000, 0, 2_000)
    assert event.incidents == (ToldIncident("forced_sale", KEY, 2_000),)
    assert (parts(hub), hub.stocks[KEY].oversold) == ((8_000, 2_000), 0)
    hub.run(DeductStock(STORE, "a", None, ME))
    assert parts(hub) == (0, 2_000)


def test_what_nobody_has_is_oversold(hub):
    hub.run(lock("a", (1, 0, 11_000), force=True, reason="on the counter"))
    assert (parts(hub), hub.stocks[KEY].oversold) == ((10_000, 0), 1_000)
    assert the_event(hub).incidents == (ToldIncident("forced_sale", KEY, 5_000),)
    hub.run(DeductStock(STORE, "a", None, ME))
    (move,) = hub.journal()[-1].moves
    assert (move.real, move.held) == (-11_000, -10_000)
    assert hub.books().rules() == []


def test_without_force_the_cloud_s_part_is_not_to_be_had(hub):
    before = (dict(hub.stocks), hub.head)
    assert isinstance(hub.run(lock("a", (1, 0, 7_000))), Refused)
    assert (hub.stocks, hub.head, hub.events) == (*before, {})
