"""The audit: books kept by the rules are clean, and each promise broken on purpose is found by name."""

import random

import pytest
from msgspec.structs import replace

from eightysix.core.change import Incident, Journal, Kind, OrderFact
from eightysix.core.command import (
    Actor,
    AmendStock,
    ChannelSetting,
    DeductStock,
    ExpireLocks,
    Line,
    LockStock,
    ReturnStock,
    SetStock,
    Setting,
    UnlockStock,
)
from eightysix.core.finding import Rule
from eightysix.core.hub import Hub, HubBooks, Mirror, Side
from eightysix.core.instant import business_day
from eightysix.core.key import sku_key, spu_key
from eightysix.core.reservation import State
from eightysix.core.stock import LIMITED, UNLIMITED

from .books import SET_OUT_AT, STORE, Ledger

ME = Actor("me")
HOUR = 3_600_000
SIDE = Side("h", "j")


def lock(order_id, *lines, channel="APP", **more):
    return LockStock(
        STORE, order_id, channel, tuple(Line(sku, no, quantity) for sku, no, quantity in lines), ME, **more
    )


def limit(key, real, *channels):
    return Setting(key, type=LIMITED, plan=real, real=real, channels=channels)


@pytest.fixture
def ledger():
    """Locked, paid, cancelled, expired, returned and amended orders on limited, pooled and capped stocks."""
    cap = ChannelSetting("APP", limit=9000)
    books = Ledger().after(
        SetStock(STORE, (limit(sku_key(11), 10_000, cap), limit(spu_key(1), 30_000), limit(sku_key(21), 8_000)), ME),
        lock("a", (11, 0, 2000), (21, 0, 1000)), lock("b", (12, 0, 3000)), lock("c", (21, 0, 1000), (21, 1, 2000)),
        lock("d", (11, 0, 1000), expires_in=1), lock("e", (11, 0, 1000), channel="POS", force=True),
        now=SET_OUT_AT,
    )  # fmt: skip
    return books.after(
        DeductStock(STORE, "a", None, ME),
        DeductStock(STORE, "b", (Line(12, 0, 1000),), ME),
        AmendStock(STORE, "c", (Line(21, 0, 3000), Line(21, 1, 1000)), "r1", ME),
        ReturnStock(STORE, "a", (Line(11, 0, 1000, restock=True),), "r2", ME),
        UnlockStock(STORE, "f", None, ME), lock("g", (21, 0, 1000)), UnlockStock(STORE, "g", None, ME),
        now=SET_OUT_AT + 60_000,
    )  # fmt: skip


def test_books_kept_by_the_rules_are_clean(ledger):
    states = {(row.order_id, row.state) for row in ledger.reservations}
    assert states >= {("a", State.DEDUCTED), ("c", State.LOCKED), ("d", State.EXPIRED), ("g", State.UNLOCKED)}
    assert ledger.rules() == []


def test_empty_books_are_clean():
    assert Ledger().rules() == []


def stock_of(ledger, sku, **changed):
    rows = tuple(replace(row, **changed) if row.key == sku_key(sku) else row for row in ledger.stocks)
    return replace(ledger, stocks=rows)


def line_of(ledger, order_id, **changed):
    rows = tuple(replace(row, **changed) if row.order_id == order_id else row for row in ledger.reservations)
    return replace(ledger, reservations=rows)


def log_at(ledger, which, **changed):
    at = next(at for at, row in enumerate(ledger.logs) if row.kind is which)
    rows = list(ledger.logs)
    rows[at] = replace(rows[at], **changed)
    return replace(ledger, logs=tuple(rows))


def channel_of(ledger, **changed):
    return replace(ledger, channels=tuple(replace(row, **changed) for row in ledger.channels))


BREAKS = {
    "a lock that no line holds": (Rule.LOCKED_SUM, lambda books: stock_of(books, 21, locked=5000)),
    "a line that holds more than was counted": (Rule.LOCKED_SUM, lambda books: line_of(books, "c", quantity=9000)),
    "a line whose stock has no row": (Rule.LOCKED_SUM, lambda books: replace(books, stocks=books.stocks[:2])),
    "locked below zero": (Rule.NEGATIVE, lambda books: stock_of(books, 11, locked=-1)),
    "grant below zero": (Rule.NEGATIVE, lambda books: stock_of(books, 11, grant=-1)),
    "oversold below zero": (Rule.NEGATIVE, lambda books: stock_of(books, 11, oversold=-1)),
    "real below zero": (Rule.NEGATIVE, lambda books: stock_of(books, 21, real=-1)),
    "more promised than there is": (Rule.PROMISED, lambda books: stock_of(books, 21, real=3000)),
    "more granted than there is": (Rule.PROMISED, lambda books: stock_of(books, 21, grant=9000)),
    "on sale with nothing there": (Rule.TURN, lambda books: stock_of(books, 11, real=0, locked=0)),
    "sold out by nobody": (Rule.TURN, lambda books: stock_of(books, 11, status=2)),
    "a version above the store's": (Rule.VERSION, lambda books: stock_of(books, 21, version=999)),
    "a version below the last log row": (Rule.VERSION, lambda books: stock_of(books, 21, version=1)),
    "a head behind its log": (Rule.VERSION, lambda books: replace(books, head=replace(books.head, seq=3))),
    "real moved without a log row": (Rule.LOG_COUNTERS, lambda books: stock_of(books, 21, real=7999)),
    "locked moved without a log row": (Rule.LOG_COUNTERS, lambda books: stock_of(books, 21, locked=3999)),
    "a lock of another quantity": (Rule.LOG_STEP, lambda books: log_at(books, Kind.LOCK, quantity=1)),
    "a lock said to be an unlock": (Rule.LOG_STEP, lambda books: log_at(books, Kind.LOCK, kind=Kind.UNLOCK)),
    "an unlock that moved real": (Rule.LOG_STEP, lambda books: log_at(books, Kind.UNLOCK, real_after=1)),
    "a deduct that left real alone": (Rule.LOG_STEP, lambda books: log_at(books, Kind.DEDUCT, real_after=10_000)),
    "a deduct of more than it freed": (Rule.LOG_STEP, lambda books: log_at(books, Kind.DEDUCT, quantity=9000)),
    "a return that moved locked": (Rule.LOG_STEP, lambda books: log_at(books, Kind.RETURN, locked_after=7)),
    "a setting of another count": (Rule.LOG_STEP, lambda books: log_at(books, Kind.SET, quantity=1)),
    "an amend of another quantity": (Rule.LOG_STEP, lambda books: log_at(books, Kind.AMEND, quantity=5)),
    "an expiry of another quantity": (Rule.LOG_STEP, lambda books: log_at(books, Kind.EXPIRE, quantity=5)),
    "a row that starts from another count": (Rule.LOG_BEFORE, lambda books: log_at(
        books, Kind.DEDUCT, real_before=11_000, real_after=9_000)),
    "a row that starts from other locks": (Rule.LOG_BEFORE, lambda books: log_at(
        books, Kind.UNLOCK, locked_before=7000)),
    "a first row that starts from something": (Rule.LOG_BEFORE, lambda books: log_at(books, Kind.SET, real_before=1)),
    **{
        f"a {kind.name} that moved real": (Rule.LOG_STEP, lambda books, kind=kind: log_at(books, Kind.SET, kind=kind))
        for kind in (Kind.EIGHTY_SIX, Kind.SKIP, Kind.FLOW_BACK)
    },
    **{
        f"a {kind.name} of another quantity": (Rule.LOG_STEP, lambda books, kind=kind: log_at(
            books, Kind.SET, kind=kind, quantity=1))
        for kind in (Kind.ADD, Kind.COUNT, Kind.RESTORE)
    },
    "a lock said to be a skipped run": (Rule.LOG_STEP, lambda books: log_at(books, Kind.LOCK, kind=Kind.SKIP)),
    "a row that names another one of its stock": (Rule.LOG_CHAIN, lambda books: log_at(
        books, Kind.DEDUCT, stock_prev=2)),
    "a first row of a stock that names one": (Rule.LOG_CHAIN, lambda books: log_at(books, Kind.SET, stock_prev=1)),
    "a row that names none of its order": (Rule.LOG_CHAIN, lambda books: log_at(books, Kind.DEDUCT, order_prev=0)),
    "a first row of an order that names one": (Rule.LOG_CHAIN, lambda books: log_at(books, Kind.LOCK, order_prev=1)),
    "an order that knows an earlier row": (Rule.LOG_CHAIN, lambda books: line_of(books, "a", log_seq=4)),
    "an order that knows none of its rows": (Rule.LOG_CHAIN, lambda books: line_of(books, "c", log_seq=0)),
    "an order without rows that knows one": (Rule.LOG_CHAIN, lambda books: replace(books, reservations=(
        *books.reservations, replace(books.reservations[0], order_id="z", state=State.UNLOCKED, log_seq=3)))),
    "a log row missing in the middle": (Rule.LOG_GAP, lambda books: replace(
        books, logs=books.logs[:3] + books.logs[4:])),
    "a log row missing at the end": (Rule.LOG_GAP, lambda books: replace(
        books, logs=books.logs[:-1], outbox=books.outbox[:-1])),
    "a log row twice": (Rule.LOG_GAP, lambda books: replace(books, logs=(*books.logs, books.logs[-1]))),
    "time that goes back": (Rule.LOG_TIME, lambda books: log_at(books, Kind.DEDUCT, at=1)),
    "a log row after the head's instant": (Rule.LOG_TIME, lambda books: replace(
        books, head=replace(books.head, last_at=1))),
    "a stock that vanished": (Rule.LOG_STOCK, lambda books: replace(books, stocks=books.stocks[1:])),
    "two orders that took from each other": (Rule.LOG_ORDER, lambda books: log_at(books, Kind.AMEND, order_id="z")),
    "a broken outbox chain": (Rule.OUTBOX_CHAIN, lambda books: replace(
        books, outbox=books.outbox[:2] + books.outbox[3:])),
    "a head that missed the last message": (Rule.OUTBOX_CHAIN, lambda books: replace(
        books, head=replace(books.head, outbox_seq=1))),
    "a first message after itself": (Rule.OUTBOX_CHAIN, lambda books: replace(
        books, outbox=(replace(books.outbox[0], prev_seq=99), *books.outbox[1:]))),
    "a message about another stock": (Rule.OUTBOX_STOCK, lambda books: replace(
        books, outbox=(replace(books.outbox[0], key=sku_key(12)), *books.outbox[1:]))),
    "a live order without a due row": (Rule.DUE_MISSING, lambda books: replace(books, due=())),
    "a due row at another time": (Rule.DUE_MISSING, lambda books: replace(
        books, due=tuple(replace(row, due_at=5) for row in books.due))),
    "a due row of an ended order": (Rule.DUE_IDLE, lambda books: replace(
        books, due=(*books.due, replace(books.due[0], order_id="a")))),
    "lines that die apart": (Rule.EXPIRY_APART, lambda books: replace(books, reservations=tuple(
        replace(row, expires_at=row.expires_at + 1) if row.order_id == "c" and row.line_no else row
        for row in books.reservations))),
    "a closed order that holds": (Rule.CLOSED_HOLDS, lambda books: replace(books, facts=(OrderFact("c", 1),))),
    "more returned than paid": (Rule.RESERVATION_QUANTITY, lambda books: line_of(books, "a", returned=9000)),
    "more restocked than returned": (Rule.RESERVATION_QUANTITY, lambda books: line_of(books, "a", restocked=2000)),
    "returned while only locked": (Rule.RESERVATION_QUANTITY, lambda books: line_of(books, "c", returned=1000)),
    "returned in full that is not": (Rule.RESERVATION_STATE, lambda books: line_of(books, "a", state=State.RETURNED)),
    "used by nobody": (Rule.CHANNEL_USED, lambda books: channel_of(books, used=8000)),
    "used below zero": (Rule.NEGATIVE, lambda books: channel_of(books, used=-1)),
    "a restore that the row does not know": (Rule.RESTORE_ROW, lambda books: log_at(
        books, Kind.SET, kind=Kind.RESTORE)),
    "a slot that came twice": (Rule.RESTORE_TWICE, lambda books: replace(books, logs=(*books.logs, *(
        replace(books.logs[0], seq=seq, kind=Kind.RESTORE, content='{"restore":{"slot":5}}') for seq in (98, 99))))),
    "a one-off that nobody wakes for": (Rule.TIMER_LATE, lambda books: stock_of(
        books, 21, auto_restore_type=1, auto_restore_at=5, auto_restore_from=1)),
    "a skip that moved something": (Rule.LOG_STEP, lambda books: log_at(books, Kind.SET, kind=Kind.SKIP)),
    "an event that its journal has not come to": (Rule.JOURNAL_POSITION, lambda books: replace(
        log_at(books, Kind.LOCK, source="replay", event_id="j#7"), journals=(Journal("till", "j", 6),))),
    "an event of no journal": (Rule.JOURNAL_POSITION, lambda books: log_at(
        books, Kind.LOCK, source="replay", event_id="j#7")),
    "a sale of a hub that its journal has not come to": (Rule.JOURNAL_POSITION, lambda books: log_at(
        books, Kind.DEDUCT, source="hub", event_id="j#7")),
    "a grant of a hub that was replaced": (Rule.HUB_GRANT, lambda books: replace(
        stock_of(books, 21, grant=1), hubs=(Hub("h", fenced_at=1),))),
    "a lock of a hub that was replaced": (Rule.HUB_GRANT, lambda books: replace(
        line_of(books, "c", hub_id="h"), hubs=(Hub("h", fenced_at=1),))),
    "less than nothing at risk": (Rule.NEGATIVE, lambda books: replace(
        books, hubs=(Hub("h", fenced_at=1, at_risk={"2/21": -1}),))),
    "a hub's sale that moved locked": (Rule.LOG_STEP, lambda books: log_at(books, Kind.DEDUCT, source="hub")),
    "a grant that moved what is there": (Rule.LOG_STEP, lambda books: log_at(books, Kind.SET, kind=Kind.GRANT)),
    "a line that a hub holds and the cloud counts": (Rule.LOCKED_SUM, lambda books: line_of(books, "c", hub_id="h")),
    "an event that a hub has lost": (Rule.HUB_JOURNAL, lambda books: replace(books, books=HubBooks(SIDE, last_seq=1))),
    "a setting that a hub never told": (Rule.HUB_WAITS, lambda books: replace(books, books=HubBooks(
        SIDE, mirrors={sku_key(21): Mirror(sku_key(21), pending_seq=1)}))),
    "oversold without an incident": (Rule.OVERSOLD_INCIDENTS, lambda books: stock_of(books, 21, oversold=1)),
}  # fmt: skip


@pytest.mark.parametrize("what", BREAKS)
def test_a_broken_promise_is_found(ledger, what):
    rule, breaking = BREAKS[what]
    assert rule in breaking(ledger).rules()


def test_every_rule_is_broken_on_purpose():
    assert {rule for rule, _ in BREAKS.values()} == set(Rule)


def test_an_oversell_with_its_incident_is_no_finding():
    books = Ledger().after(
        SetStock(STORE, (limit(sku_key(21), 1000),), ME),
        lock("a", (21, 0, 3000), channel="POS", force=True, reason="x"),
        now=SET_OUT_AT,
    )  # fmt: skip
    assert [row.quantity for row in books.incidents] == [2000]
    assert books.rules() == []
    assert Rule.OVERSOLD_INCIDENTS in replace(books, incidents=()).rules()
    assert isinstance(books.incidents[0], Incident)


def test_deleted_old_rows_are_no_finding(ledger):
    kept = replace(ledger, logs=ledger.logs[6:], outbox=ledger.outbox[2:])
    assert kept.rules() == []


def test_a_message_that_was_parked_and_put_back_is_no_finding(ledger):
    first = replace(ledger.outbox[0], prev_seq=-1 - ledger.outbox[0].prev_seq)
    assert replace(ledger, outbox=(first, *ledger.outbox[3:])).rules() == []
    assert replace(ledger, outbox=(first,)).rules() == []


def test_a_log_whose_beginning_is_gone_is_no_finding_wherever_it_begins(ledger):
    for gone in range(len(ledger.logs)):
        kept = replace(ledger, logs=ledger.logs[gone:])
        assert kept.rules() == [], gone
        assert _as_old(kept).rules() == [], gone
    assert replace(ledger, logs=()).rules() != [], "its newest row is never deleted"


def _as_old(books):
    """The rows as a program wrote them that kept no `before`."""
    return replace(books, logs=tuple(replace(row, real_before=None, locked_before=None) for row in books.logs))


def test_what_an_earlier_program_wrote_into_a_chain_is_no_finding(ledger):
    """It wrote rows of an order and its lines, and left `log_seq` alone."""
    at = max(at for at, row in enumerate(ledger.logs) if row.order_id == "a")
    rows = tuple(
        replace(row, stock_prev=None, order_prev=None) if here >= at else row for here, row in enumerate(ledger.logs)
    )
    assert replace(line_of(ledger, "a", log_seq=1), logs=rows).rules() == []


def test_a_chain_goes_on_from_what_an_earlier_program_wrote(ledger):
    books = line_of(ledger, "c", log_seq=None)
    assert books.rules() == []
    books = books.after(AmendStock(STORE, "c", (Line(21, 0, 1000),), "r3", ME), now=SET_OUT_AT + 120_000)
    assert books.logs[-1].order_prev is None
    assert books.logs[-1].stock_prev == max(row.seq for row in ledger.logs if row.key == sku_key(21))
    assert books.rules() == []


def test_a_fault_behind_a_cut_is_found_by_what_the_row_itself_says(ledger):
    at = next(at for at, row in enumerate(ledger.logs) if row.kind is Kind.DEDUCT)
    broken = replace(ledger.logs[at], quantity=ledger.logs[at].quantity + 1)
    kept = replace(ledger, logs=(broken, *ledger.logs[at + 1 :]))
    assert kept.rules() == [Rule.LOG_STEP]
    assert _as_old(kept).rules() == []


@pytest.mark.parametrize("kind", [Kind.ADD, Kind.COUNT, Kind.RESTORE])
def test_what_sets_a_count_explains_it_by_its_quantity(ledger, kind):
    books = log_at(ledger, Kind.SET, kind=kind)
    if kind is Kind.RESTORE:  # which its row remembers
        restored = next(row for row in books.logs if row.kind is kind)
        rows = tuple(replace(row, epoch_at=restored.at) if row.key == restored.key else row for row in books.stocks)
        books = replace(books, stocks=rows)
    assert books.rules() == []


@pytest.mark.parametrize("kind", [Kind.EIGHTY_SIX, Kind.SKIP, Kind.FLOW_BACK])
def test_what_leaves_the_count_alone_moves_nothing(kind):
    books = Ledger().after(SetStock(STORE, (Setting(sku_key(21), status=2),), ME), now=SET_OUT_AT)
    assert log_at(books, Kind.SET, kind=kind).rules() == []


def test_a_change_of_type_is_followed_through_the_log():
    books = Ledger().after(SetStock(STORE, (limit(sku_key(21), 5000),), ME), lock("a", (21, 0, 1000)), now=SET_OUT_AT)
    books = books.after(
        SetStock(STORE, (Setting(sku_key(21), type=UNLIMITED),), ME), DeductStock(STORE, "a", None, ME),
        now=SET_OUT_AT + 1,
    )  # fmt: skip
    assert books.rules() == []
    assert books.stocks[0].real == 5000


@pytest.mark.parametrize("sold_in_the_morning", [False, True])
def test_an_order_that_grows_after_the_day_has_turned_counts_in_the_period_of_its_lock(sold_in_the_morning):
    turn = business_day(SET_OUT_AT, "Europe/London", 240).ends_at
    cap = ChannelSetting("APP", limit=9000)
    books = Ledger().after(
        SetStock(STORE, (limit(sku_key(21), 50_000, cap),), ME), lock("a", (21, 0, 2000)), now=turn - 1000
    )
    if sold_in_the_morning:
        books = books.after(lock("b", (21, 0, 1000)), now=turn + 500)
    books = books.after(AmendStock(STORE, "a", (Line(21, 0, 5000),), "r1", ME), now=turn + 1000)
    assert books.rules() == []
    books = books.after(UnlockStock(STORE, "a", None, ME), now=turn + 2000)
    assert books.rules() == []
    assert books.channels[0].used == (1000 if sold_in_the_morning else 0)


def test_any_sequence_of_commands_keeps_clean_books():
    draw = random.Random(2)
    books, now = Ledger(), SET_OUT_AT
    for step in range(500):
        now += draw.choice([1, 500, 5000, 30_000, 30_000, HOUR])
        books = books.after(*[_any_command(draw, step) for _ in range(draw.randint(1, 4))], now=now)
        assert books.rules() == []
    kinds = {row.kind for row in books.logs}
    assert kinds >= {Kind.LOCK, Kind.DEDUCT, Kind.UNLOCK, Kind.EXPIRE, Kind.RETURN, Kind.AMEND, Kind.SET}


def _any_command(draw, step):
    order_id, sku = f"o{step - draw.randint(0, 3)}", draw.choice([11, 12, 21])
    lines = (Line(sku, draw.randint(0, 1), draw.randint(1, 4) * 1000, restock=draw.random() < 0.5),)
    whole = draw.choice([lines, None, None])
    return draw.choice([
        lambda: lock(order_id, (sku, 0, draw.randint(1, 4) * 1000), expires_in=draw.randint(1, 900),
                     channel=draw.choice(["POS", "APP"]), partial=draw.random() < 0.3, force=draw.random() < 0.1),
        lambda: lock(order_id, (sku, 0, 1000), (12, 1, 2000)),
        lambda: DeductStock(STORE, order_id, whole, ME, relock=draw.random() < 0.5),
        lambda: DeductStock(STORE, order_id, None, ME, relock=True),
        lambda: UnlockStock(STORE, order_id, lines, ME),
        lambda: UnlockStock(STORE, f"o{step - 8}", None, ME),
        lambda: ReturnStock(STORE, order_id, lines, f"r{draw.random()}", ME),
        lambda: ReturnStock(STORE, order_id, (Line(12, 1, 500, restock=True),), f"r{draw.random()}", ME),
        lambda: AmendStock(STORE, order_id, lines, f"r{draw.random()}", ME),
        lambda: ExpireLocks(STORE),
        lambda: SetStock(STORE, (limit(draw.choice([sku_key(11), sku_key(12), spu_key(1), sku_key(21)]),
                                       draw.randint(10, 90) * 1000, *_any_cap(draw)),), ME),
        lambda: SetStock(STORE, (Setting(sku_key(sku), status=draw.choice([1, 1, 1, 2])),), ME),
        lambda: SetStock(STORE, (Setting(sku_key(sku), type=UNLIMITED),), ME),
    ])()  # fmt: skip


def _any_cap(draw):
    return (ChannelSetting("APP", limit=draw.randint(50, 90) * 1000),) if draw.random() < 0.2 else ()
