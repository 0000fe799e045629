"""Each cause of a difference is told, and mended with a log row; nothing is written without `apply`."""

import hashlib
from typing import Any

import pytest
from msgspec.structs import replace

from eightysix.core import reconciliation
from eightysix.core.audit import findings
from eightysix.core.change import Kind
from eightysix.core.command import Actor, ChannelSetting, DeviceRow, Line, LockStock, ReconcileStock, SetStock, Setting
from eightysix.core.digest import digest_of
from eightysix.core.draft import Draft
from eightysix.core.key import StockKey, sku_key
from eightysix.core.outcome import Cause, Drift, StockReconciled
from eightysix.core.stock import LIMITED, SOLD_OUT
from eightysix.wire.message import stock_state
from eightysix.wire.reconciliation import row_digest
from eightysix.wire.stock import stock_answer
from tests.world.kitchen import Kitchen
from tests.world.menu import STORE

CHEF = Actor("chef")
ONE, TWO = sku_key(1), sku_key(2)


@pytest.fixture
def kitchen() -> Kitchen:
    """Two dishes, one with a cap, and an order that holds some of both."""
    kitchen = Kitchen()
    cap = (ChannelSetting("POS", limit=8_000),)
    settings = (Setting(ONE, type=LIMITED, real=9_000), Setting(TWO, type=LIMITED, real=9_500, channels=cap))
    kitchen.run(SetStock(STORE, settings, CHEF))
    kitchen.run(LockStock(STORE, "o", "POS", (Line(1, 0, 2_000), Line(2, 0, 3_000)), CHEF))
    return kitchen


def held(kitchen: Kitchen, *keys: StockKey) -> tuple[DeviceRow, ...]:
    """What a device has that is up to date."""
    return tuple(DeviceRow(key, kitchen.stocks[key].version, _digest(kitchen, key)) for key in keys)


def _digest(kitchen: Kitchen, key: StockKey) -> str:
    return digest_of(kitchen.stocks[key], [row for (of, _), row in kitchen.channels.items() if of == key])


def reconciled(kitchen: Kitchen, *, apply: bool = False, **more: Any) -> tuple[Drift, ...]:
    outcome = kitchen.run(ReconcileStock(STORE, CHEF, apply=apply, **more))
    assert isinstance(outcome, StockReconciled)
    return outcome.drifts


def test_who_has_everything_differs_in_nothing(kitchen: Kitchen) -> None:
    rows = held(kitchen, ONE, TWO)
    before = kitchen.head
    assert reconciled(kitchen, rows=rows, apply=True) == ()
    assert kitchen.head == before


def test_the_wire_row_has_the_same_digest(kitchen: Kitchen) -> None:
    channels = tuple(row for (of, _), row in kitchen.channels.items() if of == TWO)
    assert row_digest(stock_answer(kitchen.stocks[TWO], channels)) == digest_of(kitchen.stocks[TWO], channels)
    assert digest_of(replace(kitchen.stocks[TWO], locked=1), channels) != digest_of(kitchen.stocks[TWO], channels)
    assert digest_of(kitchen.stocks[TWO], ()) != digest_of(kitchen.stocks[TWO], channels)


def test_a_row_that_nobody_has_set_is_the_same_in_every_answer(kitchen: Kitchen) -> None:
    """A combo that was only told of, because its component is off sale: `updated_at` is null everywhere."""
    kitchen.run(SetStock(STORE, (Setting(ONE, status=SOLD_OUT),), CHEF))
    combo = sku_key(6)
    assert kitchen.flipped == [combo]
    stock = kitchen.stocks[combo]
    told, answered = stock_state(Draft(kitchen.shelf(), CHEF), combo), stock_answer(stock)
    assert told.updated_at is answered.updated_at is None
    assert row_digest(told) == row_digest(answered) == digest_of(stock, ())


def test_the_digest_is_as_the_documents_say(kitchen: Kitchen) -> None:
    """Receivers in other languages count on it."""
    stock = kitchen.stocks[TWO]
    told = f"2\n2\n1\n2\nfalse\n0\n9.5\n3\n0\n0\n{stock.version}\n{stock.settings_version}\n2026-11-23T12:00:00.000Z"
    told += "\n0\n\nplan\nnone\n\nfalse" + "\nPOS\n1\n1\n8\n0\n0\n\nfalse"
    assert _digest(kitchen, TWO) == hashlib.sha256(told.encode()).hexdigest()[:32]


@pytest.mark.parametrize(
    ("row", "cause"),
    [
        (None, Cause.MISSING),
        (lambda row: replace(row, version=row.version - 1), Cause.BEHIND),
        (lambda row: replace(row, digest="0" * 32), Cause.ALTERED),
        (lambda row: replace(row, version=99), Cause.AHEAD),
    ],
)
def test_a_device_that_differs(kitchen: Kitchen, row: Any, cause: Cause) -> None:
    one, two = held(kitchen, ONE, TWO)
    rows = (two,) if row is None else (row(one), two)
    head = kitchen.head
    (drift,) = reconciled(kitchen, rows=rows)
    assert (drift.key, drift.cause, drift.repaired) == (ONE, cause, False)
    assert kitchen.head == head, "without apply nothing is written"
    (drift,) = reconciled(kitchen, rows=rows, apply=True, device_id="pos-1", reason="asked for")
    assert drift.repaired is (cause is not Cause.AHEAD)
    if drift.repaired:
        assert kitchen.stocks[ONE].version == kitchen.outbox[-1].seq == kitchen.head.seq > head.seq
        log = kitchen.logs[-1]
        assert (log.kind, log.quantity, log.reason) == (Kind.RECONCILE, 0, "asked for")
        assert log.content is not None
        assert f'"cause":"{cause.value}"' in log.content
        assert '"device_id":"pos-1"' in log.content
    else:
        assert kitchen.head == head
    assert findings(kitchen.books()) == []


def test_what_was_never_set_here_is_told_and_made_known(kitchen: Kitchen) -> None:
    rows = (*held(kitchen, ONE, TWO), DeviceRow(sku_key(5), 1, "0" * 32), DeviceRow(sku_key(999), 1, "0" * 32))
    first, second = reconciled(kitchen, rows=rows, apply=True)
    assert (first.key, first.cause, first.repaired) == (sku_key(5), Cause.UNKNOWN, True)
    assert (second.key, second.cause, second.repaired) == (sku_key(999), Cause.UNKNOWN, False)
    assert kitchen.stocks[sku_key(5)].version == kitchen.head.seq
    assert sku_key(999) not in kitchen.stocks


def test_a_device_is_told_again_that_the_menu_has_lost_a_dish(kitchen: Kitchen) -> None:
    kitchen.menu.items.pop(ONE)
    behind = DeviceRow(ONE, kitchen.stocks[ONE].version - 1, "0" * 32)
    [drift] = reconciled(kitchen, rows=(behind, *held(kitchen, TWO)), apply=True)
    assert (drift.cause, drift.repaired) == (Cause.BEHIND, True)
    assert kitchen.outbox[-1].key == ONE
    assert stock_state(Draft(kitchen.shelf(), CHEF), ONE).deleted


def test_a_locked_that_no_order_explains_is_counted_anew(kitchen: Kitchen) -> None:
    broken = replace(kitchen.stocks[ONE], locked=5_000)
    kitchen.stocks[ONE] = broken
    (drift,) = reconciled(kitchen)
    assert (drift.cause, drift.expected, drift.found) == (Cause.LOCKED, 2_000, 5_000)
    assert kitchen.stocks[ONE] == broken
    (drift,) = reconciled(kitchen, apply=True)
    assert drift.repaired
    assert (kitchen.stocks[ONE].locked, kitchen.stocks[ONE].real) == (2_000, 9_000)
    assert (kitchen.logs[-1].kind, kitchen.logs[-1].quantity) == (Kind.RECONCILE, -3_000)
    assert reconciled(kitchen) == ()


def test_more_held_than_there_is_opens_an_incident(kitchen: Kitchen) -> None:
    kitchen.stocks[ONE] = replace(kitchen.stocks[ONE], locked=0, real=1_000)
    reconciled(kitchen, apply=True)
    assert (kitchen.stocks[ONE].locked, kitchen.stocks[ONE].oversold) == (2_000, 1_000)
    (incident,) = kitchen.incidents
    assert (incident.kind, incident.quantity) == ("reconciled_below_promised", 1_000)


def test_what_a_channel_used_is_counted_anew(kitchen: Kitchen) -> None:
    row = kitchen.channels[TWO, "POS"]
    assert row.used == 3_000
    kitchen.channels[TWO, "POS"] = replace(row, used=7_000)
    (drift,) = reconciled(kitchen, apply=True)
    assert (drift.cause, drift.channel_code, drift.expected, drift.found) == (Cause.USED, "POS", 3_000, 7_000)
    assert kitchen.channels[TWO, "POS"].used == 3_000
    assert kitchen.logs[-1].kind is Kind.RECONCILE
    assert findings(kitchen.books()) == []


def test_one_command_repairs_a_bounded_number(kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciliation, "REPAIRS_MOST", 1)
    first, second = reconciled(kitchen, rows=(), apply=True)
    assert (first.repaired, second.repaired) == (True, False)
