"""A journal that is told in any pieces, with repeats and lost answers, comes to what it comes to told at once."""

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from eightysix.core.audit import findings
from eightysix.core.change import Kind
from eightysix.core.command import (
    Actor,
    AmendStock,
    ChangeStock,
    CountStock,
    DeductStock,
    Line,
    LockStock,
    ReplayEvent,
    ReturnStock,
    SellStock,
    SetStock,
    Setting,
    UnlockStock,
)
from eightysix.core.key import sku_key
from eightysix.core.outcome import Code, EventReplayed, Refused
from eightysix.core.stock import LIMITED
from tests.world.kitchen import Kitchen
from tests.world.menu import STORE

TILL = Actor("till", "replay")
SKUS = (1, 2, 3)
THERE = 30_000


def opened() -> Kitchen:
    kitchen = Kitchen()
    limits = tuple(Setting(sku_key(sku), type=LIMITED, real=THERE) for sku in SKUS)
    kitchen.run(SetStock(STORE, limits, TILL))
    return kitchen


def journal(draw: random.Random, length: int) -> list[ReplayEvent]:
    """Events of a store that goes its own way."""
    events = []
    for seq in range(1, length + 1):
        actor = replace(TILL, happened_at=seq * 1000, event_id=f"j#{seq}")
        events.append(ReplayEvent(STORE, "till", "j", seq, _event(draw, seq, actor), actor))
    return events


def _event(draw: random.Random, seq: int, actor: Actor) -> Any:
    order, sku = f"o{draw.randrange(1, 12)}", draw.choice(SKUS)
    quantity = draw.choice([1000, 2000, 5000])
    lines = (Line(sku, 0, quantity),)
    key = sku_key(sku)
    return draw.choice([
        lambda: SellStock(STORE, f"s{seq}", "POS", lines, actor),
        lambda: SellStock(STORE, order, "POS", lines, actor),
        lambda: LockStock(STORE, order, "POS", lines, actor, expires_in=draw.choice([5, 900])),
        lambda: DeductStock(STORE, order, draw.choice([None, lines]), actor),
        lambda: UnlockStock(STORE, order, draw.choice([None, (Line(sku, 0),)]), actor),
        lambda: ReturnStock(STORE, order, (Line(sku, 0, 1000, draw.random() < 0.5),), f"r{seq}", actor),
        lambda: AmendStock(STORE, order, lines, f"a{seq}", actor),
        lambda: CountStock(STORE, key, draw.choice([0, 4000]), 2000, actor),
        lambda: ChangeStock(STORE, Setting(key, status=draw.choice([1, 2]), plan=seq * 1000), actor, base_version=1),
    ])()  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_pieces_and_repeats_come_to_the_same(seed: int, length: int) -> None:
    draw = random.Random(seed)
    events = journal(draw, length)
    clean = opened()
    results = clean.batch(events)
    assert all(isinstance(result, EventReplayed) for result in results)
    torn = opened()
    done = 0
    while done < length:
        begin = draw.randint(max(0, done - 3), done + 1)  # from before what is done, or one too late
        piece = events[begin : begin + draw.randint(1, 6)]
        before = torn.head
        told = torn.batch(piece)
        if begin > done:
            assert all(isinstance(each, Refused) and each.code is Code.JOURNAL_GAP for each in told)
            assert torn.head == before
            continue
        done = max(done, begin + len(piece))
        for event, outcome in zip(piece, told, strict=True):
            first = results[event.seq - 1]
            assert isinstance(outcome, EventReplayed)
            assert isinstance(first, EventReplayed)
            assert (outcome.result, outcome.code) == (first.result, first.code), event
    assert _told(torn) == _told(clean)
    assert torn.journals == clean.journals
    assert not findings(torn.books())


def _told(kitchen: Kitchen) -> tuple[Any, ...]:
    """Everything but sequence values: each batch tells of the items that it has flipped, so pieces tell more."""
    stocks = [replace(stock, version=0) for stock in kitchen.stocks.values() if stock.settings_version]
    lines = [replace(line, log_seq=0) for line in kitchen.reservations.values()]
    logs = [replace(row, seq=0, stock_prev=0, order_prev=0) for row in kitchen.logs if row.kind is not Kind.FLIP]
    return stocks, lines, logs, [replace(each, seq=0) for each in kitchen.incidents]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_every_sale_counts_once(seed: int) -> None:
    """However much was sold, and whatever head office set meanwhile."""
    draw = random.Random(seed)
    kitchen = opened()
    sold = dict.fromkeys(SKUS, 0)
    for seq in range(1, 40):
        actor = replace(TILL, happened_at=seq)
        sku, quantity = draw.choice(SKUS), draw.choice([1000, 4000])
        event = SellStock(STORE, f"s{seq}", draw.choice(["POS", "GONE"]), (Line(sku, 0, quantity),), actor)
        kitchen.run(ReplayEvent(STORE, "till", "j", seq, event, actor))
        sold[sku] += quantity
        if draw.random() < 0.2:
            key = sku_key(draw.choice(SKUS))
            kitchen.run(SetStock(STORE, (Setting(key, status=draw.choice([1, 2]), plan=seq * 1000),), TILL))
    for sku, quantity in sold.items():
        stock = kitchen.stocks[sku_key(sku)]
        assert stock.real == THERE - quantity
        assert stock.oversold == max(0, quantity - THERE)
        told = [each.quantity for each in kitchen.incidents if each.key == stock.key]
        assert sum(told) == stock.oversold
    assert {each.kind for each in kitchen.incidents} <= {"replayed_sale"}
    assert not findings(kitchen.books())
