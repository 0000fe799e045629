"""What a hub holds: asked for, got, given back, and never in two hands."""

import pytest

from eightysix.core.change import Kind
from eightysix.core.command import AckEvents, AskGrants, DeductStock, SettleGrants
from eightysix.core.hub import GrantChange, GrantRequest, held
from eightysix.core.key import sku_key
from eightysix.core.outcome import BooksKept, Code, Refused
from tests.world.hub_kitchen import HubKitchen
from tests.world.menu import STORE

from .cloud import limited, mirrored
from .orders import ME, lock

KEY = sku_key(1)


@pytest.fixture
def hub():
    """It knows of 10 of SKU 1, and holds 6 of them."""
    hub = HubKitchen()
    mirrored(hub, limited(KEY, 10_000))
    hub.hold(KEY, 6_000)
    return hub


def ask(hub, request_id, delta):
    return hub.run(AskGrants(STORE, GrantRequest(request_id, (GrantChange(KEY, delta),), hub.now)))


def settle(hub, request_id, *given):
    return hub.run(SettleGrants(STORE, request_id, tuple(GrantChange(KEY, each) for each in given)))


def parts(hub):
    """(what it holds, what the cloud has kept)"""
    return held(hub.stocks[KEY]), hub.stocks[KEY].grant


def test_what_is_asked_for_is_held_once_it_is_given(hub):
    assert ask(hub, "r", 3_000) == BooksKept()
    assert (parts(hub), list(hub.requests_open)) == ((6_000, 4_000), ["r"])
    assert settle(hub, "r", 3_000) == BooksKept(1)
    assert (parts(hub), list(hub.requests_open)) == ((9_000, 1_000), [])
    assert hub.logs[-1].kind is Kind.GRANT
    assert hub.logs[-1].quantity == 3_000


def test_what_is_given_counts_and_not_what_was_asked_for(hub):
    ask(hub, "r", 3_000)
    settle(hub, "r", 1_000)
    assert parts(hub) == (7_000, 3_000)


def test_more_than_the_hub_knew_of_may_be_given(hub):
    ask(hub, "r", 9_000)
    settle(hub, "r", 9_000)
    assert (parts(hub), hub.stocks[KEY].real) == ((15_000, 0), 15_000)


def test_an_answer_counts_once(hub):
    ask(hub, "r", 3_000)
    settle(hub, "r", 3_000)
    before = (hub.stocks, hub.head)
    assert settle(hub, "r", 3_000) == BooksKept()
    assert settle(hub, "never asked", 3_000) == BooksKept()
    assert (hub.stocks, hub.head) == before


def test_nothing_given_ends_the_request(hub):
    ask(hub, "r", 3_000)
    assert settle(hub, "r") == BooksKept()
    assert (parts(hub), hub.requests_open) == ((6_000, 4_000), {})


def test_what_is_given_back_is_gone_before_the_cloud_hears_of_it(hub):
    assert ask(hub, "r", -2_000) == BooksKept(1)
    assert parts(hub) == (4_000, 6_000)
    assert isinstance(hub.run(lock("a", (1, 0, 5_000))), Refused)
    settle(hub, "r", -2_000)
    assert parts(hub) == (4_000, 6_000), "it was given back once"


def test_a_request_is_written_down_once(hub):
    ask(hub, "r", -2_000)
    assert ask(hub, "r", -2_000) == BooksKept()
    assert parts(hub) == (4_000, 6_000)


def test_what_is_locked_cannot_be_given_back(hub):
    hub.run(lock("a", (1, 0, 5_000)))
    before = (dict(hub.stocks), dict(hub.requests_open), hub.head)
    outcome = ask(hub, "r", -2_000)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.field) == (Code.GRANT_EXCEEDED, "changes[0].delta")
    assert (hub.stocks, hub.requests_open, hub.head) == before
    assert ask(hub, "r", -1_000) == BooksKept(1)


def test_a_request_is_all_or_nothing(hub):
    changes = (GrantChange(KEY, -1_000), GrantChange(sku_key(2), -1_000))
    assert isinstance(hub.run(AskGrants(STORE, GrantRequest("r", changes, hub.now))), Refused)
    assert (parts(hub), hub.requests_open) == ((6_000, 4_000), {})


def test_a_grant_does_not_pay_for_what_was_sold_beyond_all_there_was(hub):
    hub.run(lock("a", (1, 0, 13_000), force=True, reason="on the counter"))
    hub.run(DeductStock(STORE, "a", None, ME))
    assert (hub.stocks[KEY].real, parts(hub)) == (-3_000, (0, 0))
    hub.hold(KEY, 2_000)
    assert (hub.stocks[KEY].real, parts(hub)) == (2_000, (2_000, 0))
    assert hub.books().rules() == []


def test_none_of_it_is_an_event(hub):
    ask(hub, "r", -2_000)
    settle(hub, "r", -2_000)
    assert hub.events == {}


def test_acknowledged_events_are_forgotten(hub):
    for order_id in "abc":
        hub.run(lock(order_id, (1, 0, 1_000)))
    hub.run(AckEvents(STORE, 2))
    assert (hub.acked_seq, list(hub.events)) == (2, [3])
    hub.run(AckEvents(STORE, 1))
    assert (hub.acked_seq, list(hub.events)) == (2, [3])
    chain = hub.chain
    hub.run(lock("d", (1, 0, 1_000)))
    assert (list(hub.events), hub.journal()[-1].prev) == ([3, 4], chain)


def test_what_was_never_written_is_not_acknowledged(hub):
    hub.run(lock("a", (1, 0, 1_000)))
    outcome = hub.run(AckEvents(STORE, 2))
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.expected_seq) == (Code.JOURNAL_MISMATCH, 2)
    assert (hub.acked_seq, list(hub.events)) == (0, [1])
