"""A hub's books: clean as the rules keep them, and what is broken on purpose is found."""

import pytest
from msgspec.structs import replace

from eightysix.core.audit import findings
from eightysix.core.command import AckEvents, AskGrants, SetStock, Setting
from eightysix.core.finding import Rule
from eightysix.core.hub import GrantChange, GrantRequest
from eightysix.core.hub_event import decode_event, encode_event
from eightysix.core.key import sku_key
from eightysix.core.stock import ChannelStock
from tests.world.hub_kitchen import HubKitchen
from tests.world.menu import STORE

from .cloud import limited, mirrored
from .orders import ME, lock

KEY = sku_key(1)


@pytest.fixture
def hub():
    """Two events of five are acknowledged, a setting waits, a request is open, an online cap is half used."""
    hub = HubKitchen()
    day = hub.shelf().day.starts_at
    cap = ChannelStock(KEY, "ONLINE_ORDER", limit=4_000, used=2_000, period_at=day)
    mirrored(hub, limited(KEY, 10_000), channels=(cap, ChannelStock(KEY, "POS", limit=8_000)))
    hub.hold(KEY, 6_000)
    for order_id in "abcd":
        hub.run(lock(order_id, (1, 0, 1_000)))
    hub.run(SetStock(STORE, (Setting(KEY, plan=9_000),), ME))
    hub.run(AckEvents(STORE, 2))
    hub.run(AskGrants(STORE, GrantRequest("r", (GrantChange(KEY, 1_000),), hub.now)))
    return hub


def found(hub, books=None):
    return {finding.rule for finding in findings(books or hub.books(), hub.menu)}


def test_they_are_clean(hub):
    assert found(hub) == set()
    assert list(hub.events) == [3, 4, 5]


def test_without_a_catalogue_no_channel_is_known_to_be_the_hub_s(hub):
    assert findings(hub.books()) == []


def test_what_a_channel_of_the_store_has_used_is_checked(hub):
    hub.channels[KEY, "POS"] = replace(hub.channels[KEY, "POS"], used=1_000)
    assert found(hub) == {Rule.CHANNEL_USED}


@pytest.mark.parametrize("seq", [3, 4, 5])
def test_a_lost_event_is_found(hub, seq):
    del hub.events[seq]
    assert found(hub) == {Rule.HUB_JOURNAL}


@pytest.mark.parametrize("seq", [3, 4, 5])
def test_an_event_of_another_body_is_found(hub, seq):
    at, body = hub.events[seq]
    hub.events[seq] = (at, encode_event(replace(decode_event(body), actor="somebody else")))
    assert found(hub) == {Rule.HUB_JOURNAL}


@pytest.mark.parametrize("body", [b"", b"{", b"[]"])
def test_an_event_that_can_t_be_read_is_found(hub, body):
    hub.events[4] = (0, body)
    assert found(hub) == {Rule.HUB_JOURNAL}


def test_an_event_in_another_s_place_is_found(hub):
    hub.events[4] = hub.events[3]
    assert found(hub) == {Rule.HUB_JOURNAL}


def test_an_event_that_the_cloud_has_is_not_kept(hub):
    hub.acked_seq = 3
    assert found(hub) == {Rule.HUB_JOURNAL}


def test_another_end_is_found(hub):
    hub.chain = "0" * 64
    assert found(hub) == {Rule.HUB_JOURNAL}


def test_the_first_event_of_all_continues_nothing():
    hub = HubKitchen()
    hub.run(lock("a", (2, 0, 1_000)))
    at, body = hub.events[1]
    assert found(hub) == set()
    hub.events[1] = (at, encode_event(replace(decode_event(body), prev="0" * 64)))
    assert found(hub) == {Rule.HUB_JOURNAL}


def test_a_setting_that_was_never_told_is_found(hub):
    hub.mirrors[KEY] = replace(hub.mirrors[KEY], pending_seq=6)
    assert found(hub) == {Rule.HUB_WAITS}


def test_a_request_for_nothing_is_found(hub):
    hub.requests_open["r"] = GrantRequest("r", (GrantChange(KEY, 0),), hub.now)
    assert found(hub) == {Rule.HUB_WAITS}


def test_an_epoch_that_no_row_tells_of_is_found(hub):
    stock = hub.stocks[KEY]
    mirrored(hub, limited(KEY, 9_000, version=9, epoch_at=hub.now, restored_slot=stock.restored_slot + 1))
    assert found(hub) == set()
    hub.stocks[KEY] = replace(hub.stocks[KEY], epoch_at=1)
    assert found(hub) == {Rule.RESTORE_ROW}
