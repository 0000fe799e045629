"""Drives the agent in a running hub: the books in, commands to the engine, calls over the line, answers back.

One loop does all of it, one thing after the other, so that an answer is committed before the agent is asked anything
else. A crash at any place loses nothing: what counts is in the books (see `agent`).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from time import time
from typing import NamedTuple, Protocol

from eightysix.catalog.catalog import Catalog
from eightysix.core.command import AskGrants, Command, HubCommand, MirrorStock, SettleGrants
from eightysix.core.hub import HubBooks, MirrorRow
from eightysix.core.hub_event import decode_event
from eightysix.core.key import StockKey, StoreKey
from eightysix.core.outcome import Outcome, Refused
from eightysix.core.stock import ChannelStock
from eightysix.engine.days import BusinessDays
from eightysix.engine.fault import EngineFault
from eightysix.engine.observer import BatchReport, Observer
from eightysix.storage.hub_books import HubBooksTable
from eightysix.storage.port import Reader, StorageFault
from eightysix.wire.message import StockState

from .agent import ROWS_MOST, Agent, mirrored
from .call import Answer, Call, Denied, Lost, OrdersFetched, Pulled, StoreFetched
from .cloud_orders import CloudOrders
from .desk import UPLOAD_MOST, Desk, Holding, holdings_of
from .mirror_feed import mirror_row
from .store_copy import take_over

_log = logging.getLogger(__name__)

_GATHER_SECONDS = 0.05
"""What is committed within it is told in one go; nobody waits for it."""

_HEARD_MOST = 1_000
"""Messages of the stream that are looked at in one go."""

_AGAIN_SECONDS = 0.5
"""After the hub's own file couldn't be read or written."""


class Line(Protocol):
    """Carries calls; see `uplink`."""

    async def ask(self, call: Call) -> Answer: ...


class Submit(Protocol):
    """The engine's `submit`."""

    def __call__(self, command: Command, *, background: bool = False) -> "asyncio.Future[Outcome]": ...


class NotWritten(Exception):
    """The rules refuse what the cloud has said."""


class _Answered(NamedTuple):
    """A call that has come back."""

    call: Call
    answer: Answer


class _Heard(NamedTuple):
    """A row that the stream has told of."""

    state: StockState
    prev: str
    cursor: str


class Driver(Observer):
    """The loop, and what wakes it. As an observer of the engine it hears of local changes."""

    def __init__(
        self,
        store: StoreKey,
        agent: Agent,
        line: Line,
        *,
        submit: Submit,
        books: HubBooksTable,
        reader: Reader,
        catalog: Catalog,
        orders: CloudOrders,
        acknowledge: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._store = store
        self.agent = agent
        self._line = line
        self._submit = submit
        self._books = books
        self._reader = reader
        self._catalog = catalog
        self._orders = orders
        self._acknowledge = acknowledge
        self._days = BusinessDays()
        self._inbox: deque[_Answered | _Heard] = deque()
        self._news = asyncio.Event()
        self._is_urgent = False
        self._calls: set[asyncio.Task[None]] = set()
        self._settled: asyncio.Future[None] | None = None
        self.settled_in = asyncio.Event()
        """Every row of the cloud has been taken over, since this start."""
        self.online_since: float | None = None
        """Since when the cloud answers, in seconds since 1970; None while it doesn't."""
        self.offline_since: float | None = time()
        self._streamed_at = time()
        self.listen_again: Callable[[], None] = lambda: None
        """Called where the cloud answers again and the stream hasn't noticed that it was gone."""

    @property
    def is_online(self) -> bool:
        """Whether the cloud answers."""
        return self.agent.is_online

    # what others tell

    def batch_done(self, report: BatchReport) -> None:
        """Something was committed here."""
        if report.changed:
            self._news.set()

    def heard(self, state: StockState, prev: str, cursor: str) -> None:
        """See `listener.Hearing`."""
        self._inbox.append(_Heard(state, prev, cursor))
        self._wake()

    def recalled(self, key: StockKey, quantity: int) -> None:
        """See `listener.Hearing`."""
        self.agent.recalled(key, quantity, _now())
        self._wake()

    def connected(self) -> None:
        """See `listener.Hearing`."""
        self._streamed_at = time()
        self.agent.reconnected()
        self.agent.missed(_now())
        self._wake()

    def missed(self, *, store: bool = False) -> None:
        """See `listener.Hearing`."""
        self.agent.missed(_now(), store=store)
        self._wake()

    async def borrow(self, short: Iterable[tuple[StockKey, int]], seconds: float) -> bool:
        """Ask the cloud for what a sale comes short by; whether anything was settled within the time."""
        if self._settled is None or self._settled.done():
            self._settled = asyncio.get_running_loop().create_future()
        settled = self._settled
        for key, quantity in short:
            self.agent.borrow(key, quantity, _now())
        self._wake()
        await asyncio.wait((settled,), timeout=seconds)
        return settled.done()

    def _wake(self) -> None:
        self._is_urgent = True
        self._news.set()

    # the loop

    async def run(self) -> None:
        """Until it is cancelled. Calls under way are given up then: each may be sent again."""
        try:
            while True:
                try:
                    due_at = await self._round()
                except (StorageFault, EngineFault, NotWritten) as fault:
                    _log.warning("what the cloud has said can't be written down: %s", fault)
                    due_at = await self._begin_again()
                except Exception:  # noqa: BLE001 - were this loop to end, nothing would be told to the cloud any more
                    _log.exception("the conversation with the cloud has a fault")
                    due_at = await self._begin_again()
                await self._rest(due_at)
        finally:
            for task in self._calls:
                task.cancel()
            await asyncio.gather(*self._calls, return_exceptions=True)

    async def _begin_again(self) -> int:
        """Whatever was meant is asked for once more, after a while."""
        self.agent.rewind()
        await asyncio.sleep(_AGAIN_SECONDS)
        return _now()

    async def _round(self) -> int:
        """Take over what has come, then do what is to be done; until when there is nothing more."""
        self._news.clear()
        self._is_urgent = False
        while self._inbox:
            one = self._inbox[0]
            if isinstance(one, _Answered):
                self._inbox.popleft()
                await self._take(one)
            else:
                for part in mirrored(self._store, self._told_rows(), ROWS_MOST):
                    await self._run(part)
        now = _now()
        turn = self.agent.next(await self._desk(now), now)
        for command in turn.commands:
            await self._run(command)
        for call in turn.calls:
            task = asyncio.create_task(self._carry(call))
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)
        if turn.commands:
            self._wake()  # what was journaled is sent
        return turn.due_at

    async def _rest(self, due_at: int) -> None:
        wait = max(0.0, (due_at - _now()) / 1000)
        try:
            async with asyncio.timeout(wait):
                await self._news.wait()
        except TimeoutError:
            return
        if not self._is_urgent:
            await asyncio.sleep(_GATHER_SECONDS)

    async def _carry(self, call: Call) -> None:
        try:
            answer = await self._line.ask(call)
        except Exception as error:  # noqa: BLE001 - a bug in the line must not end the conversation
            _log.exception("a call of the cloud failed: %s", type(call).__name__, exc_info=error)
            answer = Lost()
        self._inbox.append(_Answered(call, answer))
        self._wake()

    def _told_rows(self) -> tuple[MirrorRow, ...]:
        """The rows that the stream has told of and that come next, each as it was told last: with a journal uploaded a
        stock is told of many times."""
        rows: dict[StockKey, MirrorRow] = {}
        count = 0
        while self._inbox and isinstance(heard := self._inbox[0], _Heard) and count < _HEARD_MOST:
            self._inbox.popleft()
            count += 1
            now = _now()
            try:
                row = mirror_row(heard.state, now)
            except (ValueError, KeyError) as error:
                _log.warning("a row of the cloud's stream can't be read: %s", error)
                continue
            for command in self.agent.streamed(row, heard.prev, heard.cursor, now):
                rows |= {each.stock.key: each for each in command.rows}
        return tuple(rows.values())

    async def _take(self, one: _Answered) -> None:
        """Write down what an answer means."""
        commands = self.agent.answered(one.call, await self._kept(one.answer), _now())
        self._look_at_the_line()
        for command in commands:
            await self._run(command)
        if isinstance(one.answer, Pulled) and self.agent.has_all_rows:
            self.settled_in.set()
            if self._acknowledge is not None and self.agent.cursor is not None:
                await self._acknowledge(self.agent.cursor)

    async def _kept(self, answer: Answer) -> Answer:
        """The answer, once what it carries besides rows is where it belongs; Denied where it can't be brought there."""
        if isinstance(answer, StoreFetched) and answer.body is not None:
            try:
                await take_over(self._catalog, answer.body)
            except StorageFault as fault:
                _log.warning("the store's copy can't be kept: %s", fault)
                return Denied("UNWRITTEN")
        elif isinstance(answer, OrdersFetched):
            self._orders.replace(answer.body)
        return answer

    def _look_at_the_line(self) -> None:
        if self.agent.is_online and self.online_since is None:
            if self.offline_since is not None and self._streamed_at < self.offline_since:
                self.listen_again()
            self.online_since, self.offline_since = time(), None
            _log.info("the cloud answers")
        elif not self.agent.is_online and self.offline_since is None:
            self.online_since, self.offline_since = None, time()
            _log.warning("the cloud doesn't answer; the store sells on from what the hub holds")

    async def _run(self, command: HubCommand) -> None:
        """Run a command of the agent's. Raises EngineFault or NotWritten: what it meant isn't written down then."""
        outcome = await self._submit(command, background=True)
        if isinstance(outcome, Refused):
            if isinstance(command, MirrorStock):
                raise NotWritten(f"rows were refused: {outcome.code}")
            # a request that sales have overtaken, or a journal that was put back: the agent asks anew
            _log.warning("%s was refused: %s %s", type(command).__name__, outcome.code, outcome.field)
            if isinstance(command, AskGrants):
                self.agent.refused(command.request, _now())
        if isinstance(command, SettleGrants) and self._settled is not None and not self._settled.done():
            self._settled.set_result(None)

    # the books

    async def _desk(self, now: int) -> Desk:
        """What the agent reads. Holdings come first: whatever is sold meanwhile is in the books that follow."""
        keys = self.agent.reads_stocks(now)
        holdings: tuple[Holding, ...] = ()
        if keys is None or keys:
            holdings = await self._holdings(keys, now)
        books = await self._open_books()
        events: tuple[bytes, ...] = ()
        chain = books.chain
        if books.last_seq > books.acked_seq and self.agent.reads_events(now):
            found = await self._books.events(self._store, books.acked_seq, UPLOAD_MOST)
            events = tuple(entry.body for entry in found)
            chain = decode_event(events[0]).prev if events else chain
        return Desk(books.last_seq, books.acked_seq, chain, events, tuple(books.requests.values()), holdings)

    async def _open_books(self) -> HubBooks:
        books = await self._books.books(self._store)
        if books is None:
            raise StorageFault("the hub's books are gone")
        return books

    async def _holdings(self, keys: Sequence[StockKey] | None, now: int) -> tuple[Holding, ...]:
        catalogue = self._catalog.current
        rows = await self._reader.store_rows(self._store, keys)
        await asyncio.sleep(0)  # a large menu keeps the event loop for milliseconds; orders go between
        channels: dict[StockKey, list[ChannelStock]] = {}
        for row in rows.channels:
            channels.setdefault(row.key, []).append(row)
        day = self._days.of(self._store, now, catalogue)
        holdings = holdings_of(self._store, rows.stocks, channels, catalogue, day)
        await asyncio.sleep(0)
        return holdings


def _now() -> int:
    return int(time() * 1000)
