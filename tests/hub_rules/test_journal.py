"""A hub's journal: what each command in the store makes of events, in order, chained, exact."""

import pytest

from eightysix.core.change import Kind
from eightysix.core.command import (
    AmendStock,
    DeductStock,
    ExpireLocks,
    Line,
    ReturnStock,
    TellVerb,
    UnlockStock,
)
from eightysix.core.hub_event import chained, decode_event, encode_event
from eightysix.core.key import sku_key, spu_key
from eightysix.core.outcome import BooksKept, OrderDone, Refused
from eightysix.core.reservation import State
from tests.world.hub_kitchen import HubKitchen
from tests.world.menu import STORE

from .cloud import limited, mirrored
from .orders import ME, lock


@pytest.fixture
def hub():
    """It holds 6 of SKU 1's 10 and 5 of SPU 30's 20; SKU 2 is unlimited."""
    hub = HubKitchen()
    mirrored(hub, limited(sku_key(1), 10_000), limited(spu_key(30), 20_000))
    hub.hold(sku_key(1), 6_000)
    hub.hold(spu_key(30), 5_000)
    return hub


def last(hub):
    return hub.journal()[-1]


def test_what_the_hub_does_for_itself_is_no_event(hub):
    assert hub.journal() == []
    assert (hub.stocks[sku_key(1)].real, hub.stocks[sku_key(1)].grant) == (10_000, 4_000)


def test_a_lock_tells_its_lines(hub):
    hub.run(lock("a", (1, 0, 2_000), (2, 0, 1_000)))
    event = last(hub)
    assert (event.seq, event.at, event.actor, event.source, event.order_id) == (1, hub.now, "ann", "pos", "a")
    assert event.lines == tuple(hub.reservations[("a", line)] for line in [(1, 0), (2, 0)])
    assert (event.moves, event.incidents, event.closed, event.setting, event.verb) == ((), (), False, None, None)


def test_a_lock_of_what_isn_t_counted_has_an_event_too(hub):
    hub.run(lock("a", (2, 0, 1_000)))
    assert last(hub).actor == "ann"
    assert not any(row.order_id for row in hub.logs), "and no log row"


def test_a_refusal_and_a_repeat_make_none(hub):
    assert isinstance(hub.run(lock("a", (1, 0, 7_000))), Refused)
    hub.run(lock("a", (1, 0, 2_000)))
    hub.run(lock("a", (1, 0, 2_000)))
    assert len(hub.journal()) == 1


def test_a_deduct_moves_what_is_there_and_what_is_held(hub):
    hub.run(lock("a", (1, 0, 2_000)))
    hub.run(DeductStock(STORE, "a", None, ME))
    event = last(hub)
    (move,) = event.moves
    assert (move.key, move.kind, move.quantity, move.real, move.held) == (
        sku_key(1),
        Kind.DEDUCT,
        2_000,
        -2_000,
        -2_000,
    )
    assert (move.channel_code, event.lines[0].state) == ("POS", State.DEDUCTED)


def test_one_move_a_stock_for_several_lines(hub):
    hub.run(lock("a", (3, 0, 1_000), (4, 0, 2_000)))
    hub.run(DeductStock(STORE, "a", None, ME))
    (move,) = last(hub).moves
    assert (move.key, move.quantity, move.real, move.held) == (spu_key(30), 3_000, -3_000, -3_000)


def test_a_restocked_return_raises_both(hub):
    hub.run(lock("a", (1, 0, 2_000)))
    hub.run(DeductStock(STORE, "a", None, ME))
    hub.run(ReturnStock(STORE, "a", (Line(1, 0, 2_000, restock=True),), "r", ME))
    (move,) = last(hub).moves
    assert (move.kind, move.quantity, move.real, move.held) == (Kind.RETURN, 2_000, 2_000, 2_000)
    assert last(hub).lines[0].restocked == 2_000
    hub.run(ReturnStock(STORE, "a", (Line(1, 0, 2_000, restock=True),), "r", ME))
    assert len(hub.journal()) == 3


def test_an_unlock_that_closes_says_so(hub):
    hub.run(lock("a", (1, 0, 2_000)))
    hub.run(UnlockStock(STORE, "a", None, ME))
    assert (last(hub).closed, last(hub).lines[0].state) == (True, State.UNLOCKED)
    hub.run(UnlockStock(STORE, "never seen", None, ME))
    assert (last(hub).closed, last(hub).order_id, last(hub).lines) == (True, "never seen", ())


def test_an_amend_and_an_extension(hub):
    hub.run(lock("a", (1, 0, 2_000)))
    hub.run(AmendStock(STORE, "a", (Line(1, 0, 3_000),), "r1", ME))
    assert (last(hub).lines[0].quantity, last(hub).moves) == (3_000, ())
    hub.run(AmendStock(STORE, "a", None, "r2", ME, expires_in=5_000))
    assert last(hub).lines[0].expires_at == hub.now + 5_000_000


def test_a_lock_that_dies_is_told_whoever_finds_it(hub):
    hub.run(lock("a", (1, 0, 2_000), channel="EMENU"))
    hub.now += 61_000
    hub.run(lock("b", (1, 0, 6_000)))
    died, locked = hub.journal()[1:]
    assert (died.order_id, died.lines[0].state, died.source) == ("a", State.EXPIRED, "timer")
    assert locked.order_id == "b"
    hub.now += 1_000_000
    hub.run(ExpireLocks(STORE))
    assert last(hub).order_id == "b"


def test_a_verb_of_the_cloud_s_order_is_kept_for_it(hub):
    verb = DeductStock(STORE, "far", (Line(1, 0, 1_000),), ME, reason="paid here")
    before = dict(hub.stocks)
    assert hub.run(TellVerb(STORE, verb)) == BooksKept()
    assert (last(hub).verb, last(hub).lines, last(hub).moves) == (verb, (), ())
    assert hub.stocks == before
    unlock = UnlockStock(STORE, "far", None, ME)
    hub.run(TellVerb(STORE, unlock))
    assert last(hub).verb == unlock


def test_events_follow_one_another_and_are_chained(hub):
    for order_id in "abc":
        assert isinstance(hub.run(lock(order_id, (1, 0, 1_000))), OrderDone)
    hub.batch([DeductStock(STORE, "a", None, ME), UnlockStock(STORE, "b", None, ME)])
    chain = ""
    for seq in range(1, 6):
        at, body = hub.events[seq]
        event = decode_event(body)
        assert (event.seq, event.prev, at) == (seq, chain, hub.now)
        assert encode_event(event) == body
        chain = chained(chain, body)
    assert (hub.last_seq, hub.chain) == (5, chain)
