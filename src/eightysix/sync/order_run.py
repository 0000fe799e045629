"""Events of one store, brought forward together: the next is done, what is early waits, what can't be done is parked.

In each round the next event of every order is submitted, all at once, and written down with its answer before any event
after it is looked at. So at most one event of an order can have changed stocks without being written down, and its
command, run again after a crash, comes to the same.

Two processes may be at the same order, as when a bus gives a group to another consumer. Both may run the same command,
which the rules replay; one writes its row first, the other's write fails, looks again and answers what is written.
Where one stood still for so long that its command came to something else, the event is parked for somebody to look at.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Any, Protocol

import msgspec

from eightysix.core.command import Command
from eightysix.core.key import StoreKey
from eightysix.core.outcome import Code, OrderDone, Outcome, Refused
from eightysix.engine import EngineFault
from eightysix.storage.message_parked import ParkedKey
from eightysix.storage.order_event import EventState, OrderEventRow, OrderEventTable
from eightysix.storage.port import GuardFailed
from eightysix.wire.language import Language
from eightysix.wire.message import group_of
from eightysix.wire.order_event import ANSWERS_TOPIC, event_answer, read_event
from eightysix.wire.parked_event import Because, ParkedReason, because, rejected
from eightysix.wire.problem import Rejection

from .bus import Bus, BusMessage, MessageRefused
from .order_ledger import (
    TOO_OLD,
    Arrived,
    OrderLedger,
    Place,
    done_row,
    is_too_old,
    settled_row,
    waiting_row,
)
from .order_parking import Parking, answer_key, event_key

_TRIES = 5

_NOWHERE = frozenset({Code.BRAND_NOT_FOUND, Code.STORE_NOT_FOUND})
_UNKNOWN = _NOWHERE | {Code.CHANNEL_NOT_FOUND, Code.ITEM_NOT_FOUND}
"""What another process may just have made."""

Submit = Callable[[Command], Awaitable[Outcome]]


class Known(Protocol):
    """The catalogue, as far as it is asked here."""

    @property
    def current(self) -> Any: ...

    async def look_again(self) -> bool:
        """Whether there is something new."""
        ...


class Means(msgspec.Struct, frozen=True):
    """What every run works with. `done` counts events by what they were answered; `repeats` and `early` arrivals."""

    bus: Bus
    submit: Submit
    catalog: Known
    table: OrderEventTable
    parking: Parking
    language: Language
    done: Counter[str]
    arrivals: Counter[str]


class _Turn(msgspec.Struct, frozen=True):
    """An event whose turn it is; `row` where it waited."""

    arrived: Arrived
    row: OrderEventRow | None


class Processed(msgspec.Struct, frozen=True):
    """What a run came to: what was put aside, and how far the orders are."""

    parked: set[ParkedKey]
    ledgers: dict[str, OrderLedger]


class _StoreUnknown(Exception):
    """The catalogue doesn't know the store, or not any more."""


class StoreRun:
    """One run; used once."""

    def __init__(
        self, means: Means, store: StoreKey, arrived: Sequence[Arrived], order_ids: Collection[str] = ()
    ) -> None:
        self._means = means
        self._store = store
        self._pending: dict[str, list[Arrived]] = defaultdict(list)
        for each in arrived:
            self._pending[each.event.order_id].append(each)
        self._order_ids = {*order_ids, *self._pending}
        self._now = 0
        self._answers: dict[tuple[str, int], OrderEventRow] = {}
        self._unwritten: dict[tuple[str, int], tuple[Arrived, str]] = {}
        self._stopped: set[str] = set()
        self._held_up: dict[str, EngineFault] = {}
        self._ledgers: dict[str, OrderLedger] = {}
        self._parked: set[ParkedKey] = set()

    async def run(self) -> Processed:
        """Bring the orders forward, then answer. Raises what may pass: then nothing that isn't done is lost, as long as
        the messages are delivered again."""
        for at in range(_TRIES):
            try:
                await self._bring_forward()
                break
            except GuardFailed:  # somebody else is at these orders
                if at == _TRIES - 1:
                    raise
        await self._answer()
        for fault in self._held_up.values():
            raise fault
        return Processed(self._parked, self._ledgers)

    async def _bring_forward(self) -> None:
        await self._load()
        known = await self._store_is_known()
        while True:
            turns = [turn for order_id in self._ledgers for turn in await self._turns(order_id, known=known)]
            if not turns:
                break
            await self._do(turns)
        early = [each for order_id, left in self._pending.items() if order_id not in self._held_up for each in left]
        if early:
            # two of the same number: the second is compared with the first once that is written
            rows = {(each.event.order_id, each.event.order_seq): each for each in reversed(early)}
            await self._means.table.add([waiting_row(each, self._now) for each in rows.values()])
            self._means.arrivals["early"] += len(rows)
            for each in rows.values():
                self._pending[each.event.order_id].remove(each)
            await self._bring_forward()  # what they wait for may have been done meanwhile

    async def _load(self) -> None:
        self._now, rows = await self._means.table.load(self._store, self._order_ids)
        by_order: dict[str, list[OrderEventRow]] = {order_id: [] for order_id in sorted(self._order_ids)}
        for row in rows:
            by_order[row.order_id].append(row)
        self._ledgers = {order_id: OrderLedger(of_order) for order_id, of_order in by_order.items()}
        for ledger in self._ledgers.values():
            for row in ledger.decided:
                self._answers[row.order_id, row.order_seq] = row
        await self._compare()

    async def _compare(self) -> None:
        """Where another process wrote the answer to what was done here, tell somebody if that came to another."""
        for (order_id, order_seq), (arrived, answer) in tuple(self._unwritten.items()):
            row = self._ledgers[order_id].row(order_seq)
            if row is None or not row.is_done:
                continue
            del self._unwritten[order_id, order_seq]
            said, came_to = (_decode_answer(each or "").result for each in (row.answer, answer))
            if said != came_to:
                await self._park(arrived, because(Because.EVENT_DONE_TWICE, said=said, came_to=came_to))

    async def _store_is_known(self) -> bool:
        catalog, store = self._means.catalog, self._store
        if catalog.current.store(store.brand_id, store.poi_id) is not None:
            return True
        await catalog.look_again()
        return catalog.current.store(store.brand_id, store.poi_id) is not None

    async def _turns(self, order_id: str, *, known: bool) -> list[_Turn]:
        """The order's event whose turn it is, if it is here. What arrived and can be told at once is."""
        ledger = self._ledgers[order_id]
        found: Arrived | None = None
        for each in tuple(self._pending.get(order_id, ())):
            place = ledger.place(each.event, self._now)
            if isinstance(place, ParkedReason):
                self._pending[order_id].remove(each)
                await self._park(each, place)
            elif place in {Place.REPEAT, Place.WAITS}:
                self._pending[order_id].remove(each)
                row = ledger.row(each.event.order_seq)
                if place is Place.REPEAT and row is not None:
                    self._means.arrivals["repeated"] += 1
                    self._answers[order_id, row.order_seq] = row
            elif place is Place.NEXT and found is None:
                found = each
        if not known or order_id in self._stopped or order_id in self._held_up:
            return []
        if found is not None:
            return [_Turn(found, None)]
        waiting = ledger.next_waiting
        return [] if waiting is None else await self._waited(waiting)

    async def _waited(self, row: OrderEventRow) -> list[_Turn]:
        """The turn of an event that waited, unless it can't be done any more."""
        try:
            event = read_event(row.body.encode())
        except Rejection as rejection:  # this program reads more strictly than the one that kept it
            await self._stop(row, rejected(rejection))
            return []
        if is_too_old(event, self._now):
            await self._stop(row, TOO_OLD)
            return []
        return [_Turn(Arrived(event, row.body), row)]

    async def _do(self, turns: Sequence[_Turn]) -> None:
        """Submit these, no two of one order, and write down what they came to."""
        outcomes = await asyncio.gather(*(self._decided(turn.arrived) for turn in turns), return_exceptions=True)
        added: list[tuple[_Turn, OrderEventRow]] = []
        settled: list[tuple[_Turn, OrderEventRow]] = []
        for turn, outcome in zip(turns, outcomes, strict=True):
            order_id = turn.arrived.event.order_id
            if isinstance(outcome, str):
                self._unwritten[order_id, turn.arrived.event.order_seq] = turn.arrived, outcome
                if turn.row is None:
                    added.append((turn, done_row(turn.arrived, self._now, outcome)))
                else:
                    settled.append((turn, settled_row(turn.row, outcome)))
            elif isinstance(outcome, _StoreUnknown):
                self._stopped.add(order_id)
            elif isinstance(outcome, EngineFault) and outcome.retryable:
                self._held_up[order_id] = outcome
            elif isinstance(outcome, Exception):
                await self._fail(turn, outcome)
            else:  # somebody ends this task
                raise outcome
        if added:
            await self._means.table.add([row for _, row in added])
            self._written(added)
        if settled:
            await self._means.table.settle([row for _, row in settled])
            self._written(settled)
            await self._means.parking.drop([event_key(row.store, row.event_id, row.digest) for _, row in settled])

    async def _decided(self, arrived: Arrived) -> str:
        """The answer to the event's command."""
        event = arrived.event
        outcome = await self._means.submit(event.command)
        if isinstance(outcome, Refused) and outcome.code in _UNKNOWN and await self._means.catalog.look_again():
            outcome = await self._means.submit(event.command)
        if isinstance(outcome, Refused) and outcome.code in _NOWHERE:
            raise _StoreUnknown
        if not isinstance(outcome, (OrderDone, Refused)):
            raise TypeError(f"{type(outcome).__name__} is no outcome of an order")
        return event_answer(event, outcome, self._means.language).decode()

    def _written(self, turns: Iterable[tuple[_Turn, OrderEventRow]]) -> None:
        for turn, row in turns:
            self._ledgers[row.order_id].put(row)
            self._answers[row.order_id, row.order_seq] = row
            del self._unwritten[row.order_id, row.order_seq]
            if turn.row is None:
                self._pending[row.order_id].remove(turn.arrived)
            self._means.done[_decode_answer(row.answer or "").result] += 1

    async def _fail(self, turn: _Turn, error: Exception) -> None:
        """What fails whenever it is tried: parked, and kept in its place, so that it can be done after all."""
        row = turn.row
        if row is None:
            row = waiting_row(turn.arrived, self._now)
            await self._means.table.add([row])
            self._pending[row.order_id].remove(turn.arrived)
            self._ledgers[row.order_id].put(row)
        await self._stop(row, failed(error))

    async def _stop(self, row: OrderEventRow, reason: ParkedReason) -> None:
        """The event that waits can't be done now; those after it wait on."""
        self._stopped.add(row.order_id)
        self._parked.add(await park_waiting(self._means, row, reason))
        self._ledgers[row.order_id].put(msgspec.structs.replace(row, state=EventState.OVERDUE))

    async def _park(self, arrived: Arrived, reason: ParkedReason) -> None:
        event = arrived.event
        key = event_key(self._store, event.event_id, event.digest)
        self._parked.add(await self._means.parking.put_body(key, self._store, arrived.body, reason))

    async def _answer(self) -> None:
        """Publish what was decided, then note that what waited has its answer."""
        for row in self._answers.values():
            answer = row.answer or ""
            message = BusMessage(ANSWERS_TOPIC, answer.encode(), group_of(self._store), row.order_id)
            try:
                await self._means.bus.publish(message)
            except MessageRefused as refused:
                key = answer_key(row.store, row.event_id, row.digest)
                reason = because(Because.ANSWER_REFUSED, why=str(refused))
                self._parked.add(await self._means.parking.put_body(key, self._store, answer, reason))
        decided = [row for row in self._answers.values() if row.state is EventState.DECIDED]
        if decided:
            await self._means.table.move(decided, EventState.DONE)


async def park_waiting(means: Means, row: OrderEventRow, reason: ParkedReason) -> ParkedKey:
    """Park an event that waits, and note that somebody was told. It is done all the same once it can be."""
    key = event_key(row.store, row.event_id, row.digest)
    await means.parking.put_body(key, row.store, row.body, reason)
    await means.table.move([row], EventState.OVERDUE)
    return key


def failed(error: Exception) -> ParkedReason:
    """The reason for what fails whenever it is tried."""
    return because(Because.EVENT_FAILED, why=f"{type(error).__name__}: {error}"[:300])


class _Answer(msgspec.Struct):
    """What is asked of an answer."""

    result: str
    order_id: str


_decode_answer = msgspec.json.Decoder(_Answer).decode


def order_of(answer: bytes) -> str:
    """The order that an answer is about."""
    return _decode_answer(answer).order_id
