"""An event of a hub's journal is about one order, whatever the command was about; the cloud takes each of them."""

from eightysix.core.change import OrderFact
from eightysix.core.command import Actor
from eightysix.core.hub import HubBooks, Side
from eightysix.core.hub_event import encode_event
from eightysix.core.hub_journal import events_of, written
from eightysix.core.outcome import BooksKept
from eightysix.core.reservation import Reservation, State, Take
from eightysix.core.shelf import Decision
from eightysix.wire.hub_event import read_event
from tests.world.menu import STORE


def line(order_id: str, sku_id: int) -> Reservation:
    return Reservation(order_id, sku_id, 0, "POS", State.UNLOCKED, 1000, 1000, 5, 9, (Take(2, sku_id),), revision=2)


def test_orders_that_are_cancelled_together_are_told_one_by_one() -> None:
    decision = Decision(BooksKept())
    decision.reservations = [line("a", 1), line("b", 1), line("a", 2)]
    decision.facts = [OrderFact("b", 7), OrderFact("c", 7)]
    decision.actor = Actor("key_1")
    books = HubBooks(Side("hub_1", "j1"))
    events = events_of(decision, {}, books, 10)
    assert [(each.order_id, [held.sku_id for held in each.lines], each.closed) for each in events] == [
        ("a", [1, 2], False),
        ("b", [1], True),
        ("c", [], True),
    ]
    kept, rows = written(books, events, 10)
    assert kept.last_seq == 3
    for seq, _, body in rows:
        told = read_event(body, seq, STORE)
        assert encode_event(told) == body
