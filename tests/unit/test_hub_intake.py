"""What the cloud makes of a hub's journal: facts, taken over once and in order."""

from typing import Any

from eightysix.core.audit import findings
from eightysix.core.change import Kind
from eightysix.core.command import (
    Actor,
    SetStock,
    Setting,
)
from eightysix.core.hub import GrantChange, Side
from eightysix.core.hub_event import Move
from eightysix.core.key import StockKey, sku_key
from eightysix.core.outcome import Code, HubEventTold, Refused
from eightysix.core.reservation import Reservation, State, Take
from eightysix.core.stock import LIMITED
from tests.world.menu import STORE
from tests.world.told import Told

STAFF = Actor("staff")
DISH, OTHER = sku_key(1), sku_key(2)


def opened(grant: int = 6_000, **fields: Any) -> Told:
    """10 portions, of which the hub holds 6."""
    told = Told()
    told.cloud.run(SetStock(STORE, (Setting(DISH, type=LIMITED, real=10_000, **fields),), STAFF))
    told.ask(GrantChange(DISH, grant))
    return told


def line(told: Told, state: State, quantity: int = 2_000, **facts: Any) -> Reservation:
    now = told.cloud.now
    values: dict[str, Any] = {"order_id": "h1", "sku_id": 1, "line_no": 0, "channel_code": "POS"}
    values |= {"locked_at": now, "expires_at": now + 900_000, "takes": (Take(2, 1),), "revision": 3, "log_seq": 77}
    return Reservation(**(values | {"state": state, "requested": quantity, "quantity": quantity} | facts))


def move(kind: Kind, quantity: int, real: int, held: int, key: StockKey = DISH, **facts: Any) -> Move:
    return Move(key, kind, quantity, real, held, **{"epoch_at": 0, "channel_code": "POS", **facts})


def sale(quantity: int = 2_000, **facts: Any) -> Move:
    return move(Kind.DEDUCT, quantity, -quantity, -quantity, **facts)


def sell(told: Told, quantity: int = 2_000, order_id: str = "h1", **facts: Any) -> Any:
    paid = line(told, State.DEDUCTED, quantity, order_id=order_id)
    return told.tell(order_id=order_id, lines=(paid,), moves=(sale(quantity),), **facts)


def is_clean(told: Told) -> bool:
    found = findings(told.cloud.books())
    assert not found, found
    return True


def incidents(told: Told) -> list[tuple[str, int, str | None]]:
    return [(each.kind, each.quantity, each.hub_id) for each in told.cloud.incidents]


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
