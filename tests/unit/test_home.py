"""Where an order is at home, and who decides on it."""

from typing import Any

import pytest
from msgspec.structs import replace

from eightysix.core.command import (
    Actor,
    AmendStock,
    DeductStock,
    Line,
    LockStock,
    ReconcileStock,
    ReplayEvent,
    ReturnStock,
    SellStock,
    SetStock,
    Setting,
    UnlockStock,
)
from eightysix.core.outcome import Code, EventReplayed, OrderDone, Refused, Result, StockReconciled
from eightysix.core.reservation import State
from eightysix.core.stock import LIMITED
from tests.world.kitchen import Kitchen
from tests.world.menu import STORE
from tests.world.told import DISH, STAFF, Told, is_clean, line, opened, sell

ONE = (Line(1, 0, 1_000),)


def lock(channel: str, order_id: str = "o1", lines: tuple[Line, ...] = ONE) -> LockStock:
    return LockStock(STORE, order_id, channel, lines, STAFF)


def code(outcome: Any) -> Code | None:
    return outcome.code if isinstance(outcome, Refused) else None


def test_what_is_sold_in_the_store_is_sold_at_the_hub() -> None:
    told = opened()
    before = told.cloud.head
    assert code(told.cloud.run(lock("POS"))) is Code.USE_HUB
    assert told.cloud.head == before
    assert isinstance(told.cloud.run(lock("ONLINE_ORDER")), OrderDone)


def test_without_a_hub_the_cloud_sells_for_all() -> None:
    kitchen = Kitchen()
    assert isinstance(kitchen.run(lock("POS")), OrderDone)


def test_an_order_of_before_the_hub_stays_the_clouds() -> None:
    kitchen = Kitchen()
    kitchen.run(SetStock(STORE, (Setting(DISH, type=LIMITED, real=10_000),), STAFF))
    kitchen.run(lock("POS"))
    told = Told(kitchen)
    again = kitchen.run(lock("POS"))
    assert isinstance(again, OrderDone)
    assert again.replayed
    assert isinstance(kitchen.run(lock("POS", lines=(Line(1, 1, 1_000),))), OrderDone)
    assert isinstance(kitchen.run(DeductStock(STORE, "o1", None, STAFF)), OrderDone)
    assert is_clean(told)


@pytest.mark.parametrize(
    "verb",
    [
        lock("ONLINE_ORDER", "h1"),
        DeductStock(STORE, "h1", None, STAFF),
        UnlockStock(STORE, "h1", None, STAFF),
        ReturnStock(STORE, "h1", ONE, "r1", STAFF),
        AmendStock(STORE, "h1", ONE, "a1", STAFF),
    ],
)
def test_only_the_hub_decides_on_its_orders(verb: Any) -> None:
    told = opened()
    told.tell(order_id="h1", lines=(line(told, State.LOCKED),))
    before = told.cloud.head, dict(told.cloud.reservations)
    assert code(told.cloud.run(verb)) is Code.ORDER_AT_HUB
    assert (told.cloud.head, told.cloud.reservations) == before


def test_whom_a_channels_caller_may_not_see_isnt_told_of_the_hub() -> None:
    told = opened()
    told.tell(order_id="h1", lines=(line(told, State.LOCKED),))
    partner = Actor("partner", channel_code="ONLINE_ORDER")
    assert code(told.cloud.run(DeductStock(STORE, "h1", None, partner))) is Code.ORDER_NOT_FOUND


def test_a_lost_hubs_orders_are_the_clouds() -> None:
    told = opened()
    sell(told)
    told.is_lost()
    back = ReturnStock(STORE, "h1", (Line(1, 0, 1_000),), "r1", STAFF)
    assert isinstance(told.cloud.run(back), OrderDone)
    assert told.cloud.reservations["h1", (1, 0)].hub_id is None
    assert isinstance(told.cloud.run(lock("POS")), OrderDone)
    assert is_clean(told)


def replayed(told: Told, event: Any) -> Any:
    return told.cloud.run(ReplayEvent(STORE, "till", "j", 1, replace(event, actor=TILL), TILL))


TILL = Actor("till", "replay", "j#1", 1)


def test_what_a_pos_tells_of_an_order_of_the_hub_is_superseded() -> None:
    told = opened()
    told.tell(order_id="h1", lines=(line(told, State.LOCKED),))
    outcome = replayed(told, DeductStock(STORE, "h1", None, STAFF))
    assert outcome == EventReplayed(1, Result.SUPERSEDED, 2, Code.ORDER_AT_HUB)
    assert told.cloud.reservations["h1", (1, 0)].state is State.LOCKED
    assert is_clean(told)


def test_a_sale_that_a_pos_tells_counts_in_a_store_with_a_hub_too() -> None:
    told = opened()
    told.tell(order_id="h1", lines=(line(told, State.LOCKED),))
    outcome = replayed(told, SellStock(STORE, "h1", "POS", (Line(1, 5, 1_000),), STAFF))
    assert outcome == EventReplayed(1, Result.APPLIED, 2)
    assert told.cloud.stocks[DISH].real == 9_000
    assert is_clean(told)


def test_reconciling_counts_what_each_side_holds() -> None:
    told = opened()
    told.tell(order_id="h1", lines=(line(told, State.LOCKED),))
    told.cloud.run(lock("ONLINE_ORDER"))
    outcome = told.cloud.run(ReconcileStock(STORE, STAFF, apply=True))
    assert isinstance(outcome, StockReconciled)
    assert outcome.drifts == ()
