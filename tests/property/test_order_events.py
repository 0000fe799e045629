"""Repeated, late and out-of-order messages end as one clean sequence of HTTP calls does, whatever it was.

Both sides run on the real engine and a real SQLite file, in a store each. The clean side makes the calls of HTTP, in
order. The other side tells the same as events, shuffled and doubled. Then the stocks, the reservations and the last
answers must be the same. Between two segments of a sequence time passes, or somebody else sets stock; a message may
come again in any later segment, for the first time only in its own.
"""

import json
import random
import tempfile
import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eightysix.core.command import Actor, Command, SetStock, Setting, UnlockStock
from eightysix.core.key import sku_key
from eightysix.core.outcome import Outcome
from eightysix.engine import Engine
from eightysix.storage.migrate import migrate
from eightysix.storage.open import open_database
from eightysix.storage.order_event import EventState
from eightysix.storage.port import AuditStore
from eightysix.sync import order_run
from eightysix.sync.bus import BusMessage
from eightysix.sync.local_bus import LocalBus
from eightysix.sync.order_events import OrderEvents
from eightysix.sync.order_ledger import OrderLedger, Place
from eightysix.wire.answer import ENCODER, outcome_answer
from eightysix.wire.language import Language
from eightysix.wire.order import DeductBody, LockBody, ReturnBody, UnlockBody
from eightysix.wire.order_event import ANSWERS_TOPIC, ReadEvent
from tests.engine.clocked import Clock, Clocked
from tests.engine.shop import BRAND, audit, stock, store
from tests.order_events.desk import NOW, Market, message

HTTP = {"placed": LockBody, "paid": DeductBody, "cancelled": UnlockBody, "returned": ReturnBody}
DONE = {"placed": "locked", "paid": "deducted", "cancelled": "unlocked", "returned": "returned"}
REFUND = {"ORDER_CANCELLED", "ALREADY_UNLOCKED", "ORDER_NOT_FOUND", "LOCK_EXPIRED", "LOCK_EXPIRED_NO_STOCK"}
SKUS_EACH = 2
ORDERS = 4
PORTIONS = 6
HOLD_SECONDS = 900
EXAMPLES = settings.default.max_examples // 2
"""Each makes some dozens of commits."""

Fields = dict[str, Any]


class Told(msgspec.Struct, frozen=True):
    """One thing that an order tells: the verb, and its fields."""

    order: int
    kind: str
    fields: Fields


class Passing(msgspec.Struct, frozen=True):
    """What happens between two segments: time passes, and somebody sets the stock of a SKU."""

    seconds: int
    sku: int | None
    real: int


class Segment(msgspec.Struct, frozen=True):
    """What is told, and what happens then."""

    told: list[Told]
    then: Passing


LIVES = (
    ("placed", "paid", "returned", "returned"),
    ("placed", "paid", "returned", "paid"),
    ("placed", "placed", "paid", "paid", "cancelled", "returned"),
    ("placed", "cancelled", "paid", "placed"),
    ("cancelled", "placed", "paid", "returned"),
    ("paid", "placed", "returned", "paid"),
)
"""What orders go through, from the usual to the odd."""


def _lines(skus: Sequence[int], *, quantities: bool, restock: bool = False) -> st.SearchStrategy[Any]:
    fields: dict[str, Any] = {"sku_id": st.sampled_from(skus), "line_no": st.sampled_from([0, 0, 0, 1])}
    if quantities:
        fields["quantity"] = st.integers(1, 3) | st.integers(1, PORTIONS + 2)
    if restock:
        fields["restock"] = st.booleans()
    return st.lists(st.fixed_dictionaries(fields), min_size=1, max_size=3)


def _told(order: int, kind: str, skus: Sequence[int]) -> st.SearchStrategy[Told]:
    """One event, as sensible as the life that it is part of; mostly about the whole order."""
    rarely = st.integers(0, 3).map(lambda number: number == 0)
    if kind == "placed":
        fields: dict[str, Any] = {"channel_code": st.just("ONLINE_ORDER"), "lines": _lines(skus, quantities=True)}
        some = {"partial": rarely, "expires_in": st.sampled_from([60, HOLD_SECONDS])}
    elif kind == "paid":
        fields = {}
        some = {"lines": _lines(skus, quantities=False) | _lines(skus, quantities=True), "relock": st.just(False)}
    else:
        fields = {}
        some = {"lines": _lines(skus, quantities=True, restock=True)} if kind == "returned" else {}
    chosen = st.lists(st.sampled_from(sorted(some)), unique=True, max_size=1) if some else st.just([])
    return chosen.flatmap(lambda names: st.fixed_dictionaries({**fields, **{name: some[name] for name in names}})).map(
        lambda drawn: Told(order, kind, drawn)
    )


@st.composite
def sequences(draw: st.DrawFn, *, private: bool) -> list[Told]:
    """Some orders' lives, one event after the other; `private`: each order has dishes of its own."""
    lives: dict[int, list[Told]] = {}
    for order in range(draw(st.integers(1, ORDERS))):
        skus = list(range(order * SKUS_EACH + 1, (order + 1) * SKUS_EACH + 1) if private else range(1, SKUS_EACH + 1))
        kinds = draw(st.sampled_from(LIVES))[: draw(st.integers(1, 6))]
        lives[order] = [draw(_told(order, kind, skus)) for kind in kinds]
    turns = draw(st.permutations([order for order, life in lives.items() for _ in life]))
    return [lives[order].pop(0) for order in turns]


@st.composite
def stories(draw: st.DrawFn) -> list[Segment]:
    """A sequence in segments."""
    passing = st.builds(
        Passing,
        seconds=st.sampled_from([0, 100, 1_000, 1_000]),
        sku=st.sampled_from([None, 1, 1, 2, 2, *range(3, ORDERS * SKUS_EACH + 1)]),
        real=st.sampled_from([0, 0, 1, PORTIONS]),
    )
    story, told = [], []
    for each in draw(sequences(private=True)):
        told.append(each)
        if draw(st.booleans()):
            story.append(Segment(told, draw(passing)))
            told = []
    return [*story, Segment(told, draw(passing))]


class Side(msgspec.Struct):
    """One of the two stores, and what was answered there last, by (order, number)."""

    poi_id: str
    answers: dict[tuple[str, int], Any] = {}


class Court:
    """Both sides, on one engine whose clock is moved."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder}/court.db"
        self.market = Market(())
        self.clock = Clock()
        self.bus = LocalBus()
        self.executed: list[Command] = []
        self.repeated = 0

    async def open(self) -> None:
        await migrate(self.url)
        self.database = await open_database(self.url, owner=uuid.uuid4().hex)
        self.engine = Engine(Clocked(self.database, self.clock), self.market)  # type: ignore[arg-type]
        await self.engine.start()
        self.events = OrderEvents(self.bus, self._submit, self.market, self.database)
        await self.bus.subscribe(ANSWERS_TOPIC, "order service", self._answered)

    async def close(self) -> None:
        await self.bus.close()
        await self.engine.stop()
        await self.database.close()

    async def _submit(self, command: Command) -> Outcome:
        self.executed.append(command)
        return await self.engine.submit(command)

    async def _answered(self, messages: Sequence[BusMessage]) -> None:
        for each in messages:
            answer = json.loads(each.body)
            key = answer["order_id"], answer["order_seq"]
            said = answer["result"], comparable(answer["body"])
            if key in self.side.answers:
                self.repeated += 1
                assert self.side.answers[key] == said, "a repeat has the same answer"
            self.side.answers[key] = said

    async def new_side(self) -> Side:
        """A store of its own, a few portions of each dish in it."""
        side = Side(uuid.uuid4().hex[:12])
        self.market._stores.update(Market([side.poi_id])._stores)
        await self.engine.submit(stock(side.poi_id, PORTIONS, sku_ids=range(1, ORDERS * SKUS_EACH + 1)))
        return side

    async def pass_on(self, side: Side, then: Passing) -> None:
        self.clock.ahead_ms += then.seconds * 1000
        if then.sku is not None:
            setting = Setting(sku_key(then.sku), real=then.real * 1000)
            await self.engine.submit(SetStock(store(side.poi_id), (setting,), Actor("somebody")))

    async def clean(self, side: Side, story: Sequence[Segment]) -> None:
        """The sequence by calls of HTTP, one after the other."""
        numbers: dict[int, int] = {}
        for segment in story:
            for told in segment.told:
                numbers[told.order] = number = numbers.get(told.order, 0) + 1
                await self.call(side, told, number)
            await self.pass_on(side, segment.then)
        await self._end(side)

    async def call(self, side: Side, told: Told, number: int) -> None:
        """What the event says, as a call of HTTP."""
        order_id = f"order-{told.order}"
        fields = {"brandId": BRAND, "poiId": side.poi_id, "order_id": order_id, **told.fields}
        if told.kind == "paid":
            fields.setdefault("relock", True)
        if told.kind == "returned":
            fields["request_id"] = f"{order_id}-{number}"
        body = msgspec.json.decode(msgspec.json.encode(fields), type=HTTP[told.kind])
        outcome = await self.engine.submit(body.command(Actor("http")))
        status, answer = outcome_answer(outcome, Language.ENGLISH)
        code = getattr(answer, "code", None)
        refusal = "refund_needed" if told.kind == "paid" and code in REFUND else "refused"
        result = DONE[told.kind] if status == 200 else refusal
        side.answers[order_id, number] = result, comparable(json.loads(ENCODER.encode(answer)))

    async def told(self, side: Side, story: Sequence[Segment], disorder: random.Random) -> None:
        """The sequence by events: those of a segment shuffled, and any of them again, then and later."""
        self.side = side
        numbers: dict[int, int] = {}
        before: list[BusMessage] = []
        for segment in story:
            fresh = []
            for told in segment.told:
                numbers[told.order] = number = numbers.get(told.order, 0) + 1
                fresh.append(message(event_of(side, told, number)))
            before += fresh
            handed = fresh + disorder.choices(before, k=disorder.randrange(len(before) + 1))
            disorder.shuffle(handed)
            while handed:
                together = disorder.randrange(1, 4)
                await self.events.handle(handed[:together])
                del handed[:together]
            await self.pass_on(side, segment.then)
        await self._end(side)

    async def _end(self, side: Side) -> None:
        """Have what is due by now released, on both sides alike."""
        await self.engine.submit(UnlockStock(store(side.poi_id), "end", None, Actor("somebody")))

    async def agree(self, one: Side, other: Side) -> None:
        """Both stores and both sides' answers are the same."""
        books = await audit(self.database)
        assert facts(books[one.poi_id]) == facts(books[other.poi_id])
        assert one.answers == other.answers
        _, rows = await self.database.order_events.load(store(other.poi_id), [f"order-{at}" for at in range(ORDERS)])
        assert {row.state for row in rows} <= {EventState.DONE}
        assert await self.database.parked_messages.page(None, store(other.poi_id), 1) == []


def event_of(side: Side, told: Told, number: int) -> Fields:
    """The event of what is told."""
    order_id = f"order-{told.order}"
    return {
        "type": f"order.{told.kind}", "event_id": f"{order_id}-{number}", "occurred_at": NOW,
        "brandId": BRAND, "poiId": side.poi_id, "order_id": order_id, "order_seq": number, **told.fields,
    }  # fmt: skip


def comparable(answer: Any) -> Any:
    """Without the instant, which no two runs share."""
    return {name: value is not None if name == "expires_at" else value for name, value in answer.items()}


def facts(found: AuditStore) -> Any:
    """What both sides must have alike: no sequence values, no instants."""
    return (
        sorted((row.key, row.status, row.type, row.real, row.locked, row.oversold) for row in found.stocks),
        sorted(
            (row.order_id, row.line, row.channel_code, row.state, row.requested, row.quantity, row.returned,
             row.restocked, row.takes)
            for row in found.reservations
        ),
        sorted(fact.order_id for fact in found.facts),
        sorted((each.kind, each.key, each.quantity) for each in found.incidents),
    )  # fmt: skip


@pytest.fixture(scope="module")
async def court() -> AsyncIterator[Court]:
    with tempfile.TemporaryDirectory() as folder:
        opened = Court(Path(folder))
        await opened.open()
        yield opened
        await opened.close()


@given(story=stories(), seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=EXAMPLES)
async def test_any_delivery_ends_as_the_clean_sequence(court: Court, story: list[Segment], seed: int) -> None:
    """Orders here don't compete, so that the order in which different orders arrive makes no difference."""
    by_http, by_events = await court.new_side(), await court.new_side()
    await court.clean(by_http, story)
    await court.told(by_events, story, random.Random(seed))
    await court.agree(by_http, by_events)


@given(told=sequences(private=False), seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=EXAMPLES)
async def test_orders_that_compete_end_as_some_clean_sequence(court: Court, told: list[Told], seed: int) -> None:
    """Who comes first gets the last portion. So the calls are made in the order in which the events were carried out,
    in which each order's own stand in their order."""
    by_events, by_http = await court.new_side(), await court.new_side()
    court.executed.clear()
    await court.told(by_events, [Segment(told, Passing(0, None, 0))], random.Random(seed))
    of_order: dict[int, list[Told]] = {}
    for each in told:
        of_order.setdefault(each.order, []).append(each)
    numbers = dict.fromkeys(of_order, 0)
    for command in tuple(court.executed):
        order = int(command.order_id.removeprefix("order-"))  # type: ignore[union-attr]
        await court.call(by_http, of_order[order][numbers[order]], numbers[order] + 1)
        numbers[order] += 1
    assert numbers == {order: len(of_this) for order, of_this in of_order.items()}, "each is carried out once"
    await court._end(by_http)
    await court.agree(by_http, by_events)


async def test_a_consumer_that_doesn_t_wait_would_be_found_out(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: without the wait for `order_seq` some deliveries end otherwise."""

    class Hasty(OrderLedger):
        def place(self, event: ReadEvent, now: int) -> Any:
            known = self.row(event.order_seq)
            return Place.NEXT if known is None else super().place(event, now)

    story = [
        Segment(
            [
                Told(0, "placed", {"channel_code": "ONLINE_ORDER", "lines": [{"sku_id": 1, "quantity": 2}]}),
                Told(0, "paid", {}),
                Told(0, "returned", {}),
            ],
            Passing(0, None, 0),
        )
    ]
    monkeypatch.setattr(order_run, "OrderLedger", Hasty)
    ended_otherwise = 0
    for seed in range(12):
        by_http, by_events = await court.new_side(), await court.new_side()
        await court.clean(by_http, story)
        try:
            await court.told(by_events, story, random.Random(seed))
            await court.agree(by_http, by_events)
        except AssertionError:
            ended_otherwise += 1
    assert ended_otherwise > 3
