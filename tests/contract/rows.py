"""Random rows that the database must take and give back as they were."""

import json
from typing import Any

import msgspec
from hypothesis import strategies as st

from eightysix.core.change import (
    Alert,
    DueLock,
    Head,
    Incident,
    Journal,
    Kind,
    LogRow,
    OrderFact,
    OutboxRow,
    RequestRecord,
    StoreChanges,
    Timer,
)
from eightysix.core.hub import Hub
from eightysix.core.key import StockKey
from eightysix.core.quantity import MAX_QUANTITY
from eightysix.core.reservation import Reservation, State, Take
from eightysix.core.stock import LIMITED, UNLIMITED, ChannelStock, Stock

_PRINTABLE = st.characters(exclude_categories=("C", "Z"), include_characters=" 🍜菜Aa'\"\\%_")
quantities = st.integers(0, MAX_QUANTITY) | st.sampled_from([0, 1, 999, 1000, MAX_QUANTITY])
instants = st.integers(0, 32_503_680_000_000)
sequences = st.integers(1, 2**53 - 1)
statuses = st.sampled_from([1, 2])
stock_keys = st.builds(StockKey, statuses, st.integers(1, 2**53 - 1))


def idents(length: int = 64) -> st.SearchStrategy[str]:
    """Identifiers of 1 to `length` printable characters, often of full length."""
    return st.text(_PRINTABLE, min_size=1, max_size=length) | st.text(_PRINTABLE, min_size=length, max_size=length)


texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=200)
json_texts = st.dictionaries(texts, texts | st.integers() | st.none(), max_size=3).map(json.dumps)


@st.composite
def stocks(draw: st.DrawFn, key: StockKey) -> Stock:
    """Any stock that keeps the CHECKs; `real` may be negative where `oversold` covers it."""
    kind = draw(statuses)
    locked, grant, oversold = draw(quantities), draw(quantities), draw(quantities)
    least = locked + grant - oversold if kind == LIMITED else -MAX_QUANTITY
    real = draw(st.integers(max(least, -MAX_QUANTITY), max(least, MAX_QUANTITY)))
    return Stock(
        key, status=draw(statuses), type=kind, manual=draw(st.booleans()), plan=draw(quantities), real=real,
        locked=locked, grant=grant, oversold=oversold, version=draw(sequences), settings_version=draw(sequences),
        updated_at=draw(instants), auto_restore_type=draw(st.sampled_from([0, 1, 2])),
        auto_restore_at=draw(st.none() | instants), epoch_at=draw(instants),
        restore_to=draw(st.sampled_from([1, 2, 3])), auto_restore_from=draw(instants),
        restored_slot=draw(st.integers(0, 2**40)), filled_slot=draw(st.integers(0, 2**40)), refilled_at=draw(instants),
        allocation=draw(st.sampled_from([0, 1, 2])),
        settings_real=draw(st.none() | st.integers(-MAX_QUANTITY, MAX_QUANTITY)),
        low=draw(st.none() | quantities), is_low=draw(st.booleans()),
    )  # fmt: skip


@st.composite
def channel_stocks(draw: st.DrawFn, key: StockKey, channel_code: str) -> ChannelStock:
    return ChannelStock(
        key, channel_code, status=draw(statuses), type=draw(st.sampled_from([UNLIMITED, LIMITED])),
        limit=draw(st.none() | quantities), guarantee=draw(quantities), weight=draw(st.integers(0, 2**31 - 1)),
        period_at=draw(instants), used=draw(quantities), released_at=draw(instants),
        low=draw(st.none() | quantities), is_low=draw(st.booleans()),
    )  # fmt: skip


takes = st.builds(Take, statuses, st.integers(1, 2**53 - 1), ratio=st.integers(1, 10**9), counted=st.booleans())


@st.composite
def reservations(draw: st.DrawFn, order_id: str, sku_id: int, line_no: int) -> Reservation:
    """Any line, with takes of its own SKU alone, of nothing, or of several stocks."""
    quantity = draw(quantities)
    returned = draw(st.integers(0, quantity))
    own = st.builds(lambda counted: (Take(2, sku_id, counted=counted),), st.booleans())
    return Reservation(
        order_id, sku_id, line_no, channel_code=draw(idents()), state=draw(st.sampled_from(State)),
        requested=draw(quantities), quantity=quantity, locked_at=draw(instants), expires_at=draw(instants),
        takes=draw(own | st.lists(takes, max_size=4).map(tuple)), returned=returned,
        restocked=draw(st.integers(0, returned)), revision=draw(sequences), log_seq=draw(st.none() | sequences),
        hub_id=draw(st.none() | idents()),
    )  # fmt: skip


@st.composite
def log_rows(draw: st.DrawFn, seq: int) -> LogRow:
    signed = st.integers(-MAX_QUANTITY, MAX_QUANTITY)
    return LogRow(
        seq, draw(stock_keys), draw(st.sampled_from(Kind)), quantity=draw(signed),
        real_before=draw(st.none() | signed), real_after=draw(signed), locked_before=draw(st.none() | quantities),
        locked_after=draw(quantities), order_id=draw(st.none() | idents()), channel_code=draw(st.none() | idents()),
        actor=draw(idents(128)), source=draw(idents(16)), event_id=draw(st.none() | idents()),
        happened_at=draw(st.none() | instants), at=draw(instants), reason=draw(st.none() | texts),
        content=draw(st.none() | json_texts), stock_prev=draw(st.none() | sequences),
        order_prev=draw(st.none() | sequences),
    )  # fmt: skip


@st.composite
def incidents(draw: st.DrawFn, seq: int) -> Incident:
    return Incident(
        seq, kind=draw(idents(32)), key=draw(stock_keys), quantity=draw(quantities),
        order_id=draw(st.none() | idents()), actor=draw(idents(128)), reason=draw(st.none() | texts),
        opened_at=draw(instants), hub_id=draw(st.none() | idents()), resolved_at=draw(st.none() | instants),
        resolved_by=draw(st.none() | idents(128)), how=draw(st.none() | idents(16)),
        resolution=draw(st.none() | texts),
    )  # fmt: skip


@st.composite
def resolved(draw: st.DrawFn, incident: Incident) -> Incident:
    """The same incident with an end."""
    return msgspec.structs.replace(
        incident, resolved_at=draw(instants), resolved_by=draw(idents(128)), how=draw(idents(16)),
        resolution=draw(texts),
    )  # fmt: skip


@st.composite
def hubs(draw: st.DrawFn, hub_id: str) -> Hub:
    at_risk = draw(st.dictionaries(stock_keys.map(lambda key: f"{key[0]}/{key[1]}"), quantities, max_size=3))
    return Hub(hub_id, draw(st.none() | instants), at_risk, draw(sequences))


@st.composite
def alerts(draw: st.DrawFn, seq: int, channel_code: str) -> Alert:
    return Alert(
        seq, channel_code, kind=draw(idents(32)), key=draw(stock_keys), quantity=draw(quantities),
        threshold=draw(quantities), raised_at=draw(instants),
    )  # fmt: skip


@st.composite
def timers(draw: st.DrawFn, revision: int) -> Timer:
    told = draw(st.integers(0, 2**58 - 1))
    return Timer(draw(st.none() | instants), draw(sequences), draw(instants), revision, told, draw(sequences))


@st.composite
def journals(draw: st.DrawFn, device_id: str, journal_id: str) -> Journal:
    return Journal(
        device_id, journal_id, draw(sequences), draw(instants), draw(st.none() | json_texts), draw(st.none() | idents())
    )


heads = st.builds(Head, seq=sequences, outbox_seq=sequences, last_at=instants)
requests = st.builds(
    RequestRecord, idents(), st.binary(min_size=32, max_size=32), json_texts.map(str.encode), instants
)  # fmt: skip
facts = st.builds(OrderFact, idents(), instants)
dues = st.builds(DueLock, instants, idents())
outboxes = st.builds(OutboxRow, sequences, sequences, stock_keys, instants)


def _few(strategy: st.SearchStrategy[Any], *, by: Any = lambda row: row) -> st.SearchStrategy[list[Any]]:
    return st.lists(strategy, max_size=4, unique_by=by)


@st.composite
def new_store_rows(draw: st.DrawFn) -> StoreChanges:
    """A store's first rows, of every kind."""
    stock_list = [draw(stocks(key)) for key in draw(_few(stock_keys))]
    channel_keys = draw(_few(st.tuples(st.sampled_from([s.key for s in stock_list]), idents()))) if stock_list else []
    lines = draw(_few(st.tuples(idents(), st.integers(1, 2**53 - 1), st.integers(0, 9_999))))
    return StoreChanges(
        head_before=Head(),
        head=draw(heads),
        stocks=[(None, stock) for stock in stock_list],
        channels=[(None, draw(channel_stocks(key, code))) for key, code in channel_keys],
        reservations=[(None, draw(reservations(*line))) for line in lines],
        facts=draw(_few(facts, by=lambda row: row.order_id)),
        requests=draw(_few(requests, by=lambda row: row.request_id)),
        logs=[draw(log_rows(seq)) for seq in draw(_few(sequences))],
        outbox=draw(_few(outboxes, by=lambda row: row.seq)),
        incidents=[draw(incidents(seq)) for seq in draw(_few(sequences))],
        due_added=draw(_few(dues, by=lambda row: (row.due_at, row.order_id))),
        due_removed=[],
        alerts=[draw(alerts(*key)) for key in draw(_few(st.tuples(sequences, st.just("") | idents())))],
        timer=draw(st.none() | st.tuples(st.none(), timers(1))),
        journals=[(None, draw(journals(*key))) for key in draw(_few(st.tuples(idents(), idents())))],
        hubs=[(None, draw(hubs(hub_id))) for hub_id in draw(_few(idents()))],
    )


@st.composite
def rewritten(draw: st.DrawFn, first: StoreChanges) -> StoreChanges:
    """The same rows with every field that isn't a key or a guard's counter drawn anew."""
    return StoreChanges(
        head_before=first.head,
        head=draw(heads),
        stocks=[(old, draw(stocks(old.key))) for _, old in first.stocks],
        channels=[(old, draw(channel_stocks(old.key, old.channel_code))) for _, old in first.channels],
        reservations=[
            (old, draw(reservations(old.order_id, old.sku_id, old.line_no))) for _, old in first.reservations
        ],
        facts=[],
        requests=[],
        logs=[],
        outbox=[],
        incidents=[],
        due_added=[],
        due_removed=first.due_added[1:],
        timer=None if first.timer is None else (first.timer[1], draw(timers(2))),
        journals=[(old, draw(journals(*old.key))) for _, old in first.journals],
        hubs=[(old, draw(hubs(old.hub_id))) for _, old in first.hubs],
        resolved=[draw(resolved(incident)) for incident in first.incidents if incident.resolved_at is None],
    )


def describe(row: msgspec.Struct) -> str:
    """A sort key that depends on every field."""
    return repr(msgspec.structs.astuple(row))
