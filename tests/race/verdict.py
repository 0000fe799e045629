"""What the books say after a race: the engine's and the hand-written service's are judged by the same sums."""

import enum
from collections import defaultdict
from collections.abc import Iterable

import msgspec

from eightysix.core.audit import findings
from eightysix.core.key import StockKey, sku_key, spu_key
from eightysix.core.quantity import UNIT
from eightysix.core.reservation import State
from eightysix.storage.port import AuditStore

from . import sql
from .crew import Outcome
from .load import Load
from .market import POOL, spu_of


class Broken(enum.StrEnum):
    """A promise that a race broke."""

    OVERSOLD = "more is sold and locked than there is"
    COUNTERS = "a counter is not the sum of its orders"
    NEGATIVE = "locked is below zero"
    LIMIT = "a channel has taken more than its limit"
    GUARANTEE = "a channel has not got what it was guaranteed"
    CLOSED_HOLDS = "a cancelled order holds portions"
    ACKNOWLEDGED = "what was acknowledged is not what is stored"
    HELD = "more or less is sold and locked than must be"
    FINDINGS = "the audit finds something"


class BookLine(msgspec.Struct, frozen=True):
    """One order line as it is stored; quantity in thousandths."""

    order_id: str
    stocks: tuple[StockKey, ...]
    channel_code: str
    state: str
    quantity: int


class Channel(msgspec.Struct, frozen=True):
    """What one channel may take of a stock and has taken."""

    key: StockKey
    channel_code: str
    limit: int | None
    guarantee: int
    used: int


class Books(msgspec.Struct, frozen=True):
    """What the database has: `counters` are (there, locked) of each stock."""

    lines: tuple[BookLine, ...]
    counters: dict[StockKey, tuple[int, int]]
    channels: tuple[Channel, ...]
    closed: frozenset[str]
    found: tuple[str, ...] = ()


def of_store(audited: AuditStore) -> Books:
    """The books of a store, with what the audit finds along them."""
    lines = [
        BookLine(
            each.order_id,
            tuple(take.key for take in each.takes if take.counted),
            each.channel_code,
            State(each.state).name,
            each.quantity,
        )
        for each in audited.reservations
    ]
    negative = [f"locked_after {row.locked_after} at seq {row.seq}" for row in audited.logs if row.locked_after < 0]
    return Books(
        tuple(lines),
        {stock.key: (stock.real, stock.locked) for stock in audited.stocks},
        tuple(Channel(each.key, each.channel_code, each.limit, each.guarantee, each.used) for each in audited.channels),
        frozenset(fact.order_id for fact in audited.facts),
        (*map(str, findings(audited)), *negative),
    )


async def of_careless(connection: sql.Sql) -> Books:
    """The books of the hand-written service."""
    lines = [
        BookLine(order_id, _stocks(sku_id), code, state, quantity)
        for order_id, sku_id, code, state, quantity in await connection.rows(
            "SELECT order_id, sku_id, code, state, quantity FROM careless_line"
        )
    ]
    stocks = await connection.rows("SELECT id, there, locked FROM careless_stock WHERE id > 0")
    channels = await connection.rows("SELECT id, code, cap, guarantee, used FROM careless_channel")
    closed = await connection.rows("SELECT order_id FROM careless_closed")
    return Books(
        tuple(lines),
        {_key(row[0]): (row[1], row[2]) for row in stocks},
        tuple(Channel(_key(row[0]), *row[1:]) for row in channels),
        frozenset(row[0] for row in closed),
    )


def _key(stock_id: int) -> StockKey:
    return spu_key(stock_id) if stock_id == POOL else sku_key(stock_id)


def _stocks(sku_id: int) -> tuple[StockKey, ...]:
    spu_id = spu_of(sku_id)
    return (sku_key(sku_id),) if spu_id is None else (sku_key(sku_id), spu_key(spu_id))


def broken(books: Books, load: Load, outcome: Outcome) -> dict[Broken, str]:
    """Every promise that is broken, with its first case."""
    cases = [
        *_sums(books, load),
        *_channels(books),
        *_closed(books),
        *_acknowledged(books, outcome),
        *((Broken.FINDINGS, found) for found in books.found),
    ]
    first: dict[Broken, str] = {}
    for what, case in cases:
        first.setdefault(what, case)
    return first


Cases = Iterable[tuple[Broken, str]]


def _sums(books: Books, load: Load) -> Cases:
    locked: defaultdict[StockKey, int] = defaultdict(int)
    sold: defaultdict[StockKey, int] = defaultdict(int)
    for line in books.lines:
        for key in line.stocks:
            if line.state == "LOCKED":
                locked[key] += line.quantity
            elif line.state == "DEDUCTED":
                sold[key] += line.quantity
    for key, portions in load.portions.items():
        there = portions * UNIT
        held = sold[key] + locked[key]
        if held > there:
            yield Broken.OVERSOLD, f"{key}: {held} of {there}"
        if books.counters[key] != (there - sold[key], locked[key]):
            yield Broken.COUNTERS, f"{key}: {books.counters[key]}, orders say {(there - sold[key], locked[key])}"
        if books.counters[key][1] < 0:
            yield Broken.NEGATIVE, f"{key}: {books.counters[key][1]}"
        if key in load.held and held != load.held[key] * UNIT:
            yield Broken.HELD, f"{key}: {held}, must be {load.held[key] * UNIT}"


def _channels(books: Books) -> Cases:
    taken: defaultdict[tuple[StockKey, str], int] = defaultdict(int)
    for line in books.lines:
        if line.state in {"LOCKED", "DEDUCTED"}:
            for key in line.stocks:
                taken[key, line.channel_code] += line.quantity
    for row in books.channels:
        used = taken[row.key, row.channel_code]
        if row.limit is not None and used > row.limit:
            yield Broken.LIMIT, f"{row}: {used}"
        if used < row.guarantee:
            yield Broken.GUARANTEE, f"{row}: {used}"
        if used != row.used and (row.limit is not None or row.guarantee):
            yield Broken.COUNTERS, f"{row}: {used}"


def _closed(books: Books) -> Cases:
    for line in books.lines:
        if line.order_id in books.closed and line.state == "LOCKED":
            yield Broken.CLOSED_HOLDS, line.order_id


def _acknowledged(books: Books, outcome: Outcome) -> Cases:
    """Acknowledged and stored, both ways: what was locked is there, what is there was acknowledged; paid likewise."""
    done: defaultdict[str, set[str]] = defaultdict(set)
    for answer in outcome.answers:
        if answer.code is None and answer.fault is None:
            done[answer.verb].add(answer.order_id)
    states: defaultdict[str, set[str]] = defaultdict(set)
    for line in books.lines:
        states[line.state].add(line.order_id)
    holding = {line.order_id for line in books.lines if line.quantity}
    paid = states["DEDUCTED"]
    for what, acknowledged, stored in (
        ("locked", done["LockStock"], holding),
        ("paid", done["DeductStock"], paid),
    ):
        if acknowledged != stored:
            yield Broken.ACKNOWLEDGED, f"{what}: {sorted(acknowledged ^ stored)[:5]} of {len(acknowledged)}"
    kept = done["UnlockStock"] & (states["LOCKED"] | paid)
    if kept:
        yield Broken.ACKNOWLEDGED, f"unlocked but kept: {sorted(kept)[:5]}"
