"""What a hub sends to the cloud next, and what an answer means (DESIGN section 7).

Pure: no clock, no chance, no line and no database of its own. Whoever drives it hands in the time, the hub's books and
the answers, carries the calls, and runs the commands on the hub's own engine:

    turn = agent.next(desk, now)
        run turn.commands; send turn.calls; look again after a local change, an answer, and at turn.due_at
    commands = agent.answered(call, answer, now)
        run them, each in its turn, before anything else is asked of the agent; where one can't be, `agent.rewind()`

What the agent knows besides is lost at a crash, and needs no more: whether the line is there, what is under way, the
cursor, how fast is sold. What must not be lost is in the books: events until the cloud has stored them, requests until
they are settled. An answer counts when its commands are committed; whatever was under way before that is sent again,
with the same id and the same bytes.

Deliberately not here: whether a sale is let through (the rules), how much a hub should hold (`core.grant_policy`).
"""

from collections.abc import Iterable
from enum import StrEnum
from random import Random

from eightysix.core.command import AckEvents, AskGrants, HubCommand, MirrorStock, SettleGrants
from eightysix.core.hub import GrantChange, GrantRequest, MirrorRow, Side, held
from eightysix.core.key import StockKey, StoreKey
from eightysix.core.outcome import GrantTotal

from .call import (
    Answer,
    Call,
    Denied,
    FetchOrders,
    FetchStore,
    Lost,
    Moved,
    MoveGrants,
    OrdersFetched,
    Pull,
    Pulled,
    StoreFetched,
    Turn,
    Upload,
    Uploaded,
)
from .desk import Desk
from .pace import Pace
from .patience import Patience
from .rebalancing import CHANGES_MOST, Rebalancing
from .trouble import Trouble, trouble_of


class Duty(StrEnum):
    """What an agent does; of each, one call at a time, in this order."""

    GRANTS = "grants"
    UPLOAD = "upload"
    PULL = "pull"
    STORE = "store"
    ORDERS = "orders"
    TOTALS = "totals"
    """Comparing what the hub holds with what the cloud says; asks by GRANTS."""


_DUTIES: dict[type[Call], Duty] = {
    MoveGrants: Duty.GRANTS,
    Upload: Duty.UPLOAD,
    Pull: Duty.PULL,
    FetchStore: Duty.STORE,
    FetchOrders: Duty.ORDERS,
}


class Agent:
    """One hub's conversation with the cloud, from a start of its process on."""

    def __init__(self, store: StoreKey, side: Side, random: Random, pace: Pace | None = None) -> None:
        self._store = store
        self._side = side
        self._random = random
        self._pace = pace or Pace()
        self._line = Patience(random)
        self._under_way: dict[Duty, Call] = {}
        self._due: dict[Duty, int] = {}
        """When each duty comes round by the clock, ms; before the first time it is due."""
        self._rebalance_at = 0
        self._compare_at = 0
        self._compared_seq = 0
        """Where the journal ended when the cloud was asked what the hub holds."""
        self._totals: tuple[GrantTotal, ...] | None = None
        """The answer to that, not compared yet."""
        self._cursor: str | None = None
        self._store_version: int | None = None
        self._has_all_rows = False
        self._rebalancing = Rebalancing()
        self.is_online = False
        """Whether the last call was answered."""
        self.troubles: dict[Duty, Trouble] = {}

    # what happened

    def streamed(self, row: MirrorRow, prev: str, cursor: str, now: int) -> list[HubCommand]:
        """The cloud's stream told of a row, and goes on at `cursor`. Where it doesn't follow on what the hub has,
        something was missed and is pulled."""
        if prev == self._cursor:
            self._cursor = cursor
        else:
            self._due[Duty.PULL] = now
        return self._mirrored((row,))

    def recalled(self, key: StockKey, quantity: int, now: int) -> None:
        """The cloud had to refuse a sale of what the hub holds."""
        self._rebalancing.recall(key, quantity)
        self._rebalance_at = now

    def borrow(self, key: StockKey, quantity: int, now: int) -> None:
        """A sale here comes short by so much: it is asked for at once."""
        self._rebalancing.borrow(key, quantity)
        self._rebalance_at = now

    def refused(self, request: GrantRequest, now: int) -> None:
        """The request could not be journaled, for sales have overtaken it: another is made of what there is now."""
        self._rebalancing.refused(request.changes)
        self._rebalance_at = now

    def reconnected(self) -> None:
        """The line is back, as whoever holds the stream has noticed: nothing waits any longer, not even for an answer
        to what was asked on the line that failed."""
        if self._line.failures:
            self._under_way.clear()
        self._line.until = 0

    def missed(self, now: int, *, store: bool = False) -> None:
        """Something has changed in the cloud that nothing here has told of; with `store` in the configuration."""
        self._due[Duty.STORE if store else Duty.PULL] = now

    @property
    def cursor(self) -> str | None:
        """Up to where the cloud's rows are known."""
        return self._cursor

    @property
    def has_all_rows(self) -> bool:
        """Whether every row of the cloud was pulled since the start."""
        return self._has_all_rows

    def rewind(self) -> None:
        """What an answer meant could not be written: all rows are pulled again."""
        self._cursor, self._has_all_rows = None, False
        self._due[Duty.PULL] = 0

    # what is to be done

    def reads_events(self, now: int) -> bool:
        """Whether `next` may need the journal's events."""
        return self._is_free(Duty.UPLOAD, now)

    def reads_stocks(self, now: int) -> bool:
        """Whether `next` may need the holdings."""
        return self._totals is not None or self._rebalances(now)

    def next(self, desk: Desk, now: int) -> Turn:
        """What is to be done now, given the books."""
        self._compare(desk)
        calls: list[Call] = []
        for duty in Duty:
            if self._line.failures and self._under_way:
                break  # one call finds out whether the line is back
            call = self._call(duty, desk, now) if self._is_free(duty, now) else None
            if call is not None:
                self._under_way[duty] = call
                calls.append(call)
        return Turn(tuple(self._asked(desk, now)), tuple(calls), self._due_at(now))

    def _is_free(self, duty: Duty, now: int) -> bool:
        return duty not in self._under_way and now >= self._line.until and now >= self._due.get(duty, 0)

    def _call(self, duty: Duty, desk: Desk, now: int) -> Call | None:
        if duty is Duty.GRANTS:
            if desk.requests:
                return MoveGrants(min(desk.requests, key=lambda each: (each.asked_at, each.request_id)))
            if desk.is_clear and now >= self._compare_at:
                self._compared_seq = desk.last_seq
                return MoveGrants(GrantRequest(self._new_id(), (), now))
            return None
        if duty is Duty.UPLOAD:
            if not desk.events:
                return None
            return Upload(self._side.journal_id, desk.acked_seq + 1, desk.chain, desk.events)
        if duty is Duty.PULL:
            return Pull(self._cursor)
        if duty is Duty.STORE:
            return FetchStore(self._store_version)
        if duty is Duty.ORDERS and self._pace.orders_ms is not None:
            return FetchOrders()
        return None

    def _rebalances(self, now: int) -> bool:
        """Only with the cloud there, and its rows: who is cut off would only give away."""
        return (
            self.is_online
            and self._has_all_rows
            and Duty.GRANTS not in self._under_way
            and Duty.GRANTS not in self.troubles
            and now >= self._rebalance_at
        )

    def _asked(self, desk: Desk, now: int) -> Iterable[HubCommand]:
        """The next request, to be journaled; with the books it comes back to be sent."""
        if desk.requests or not self._rebalances(now):
            return
        self._rebalance_at = now + self._pace.rebalance_ms
        changes = self._rebalancing.changes(desk.holdings, now)
        if len(changes) >= CHANGES_MOST:
            self._rebalance_at = now  # there may be more, as after a first start
        if changes:
            yield AskGrants(self._store, GrantRequest(self._new_id(), changes, now))

    def _compare(self, desk: Desk) -> None:
        """Whether both sides agree about what the hub holds; asked at a time when nothing was under way, and worth
        something only where nothing has happened since."""
        totals, self._totals = self._totals, None
        if totals is None or not desk.is_clear or desk.last_seq != self._compared_seq:
            return
        granted = {total.key: total.grant for total in totals}
        if any(granted.get(each.key, 0) != held(each.stock) for each in desk.holdings):
            self.troubles[Duty.TOTALS] = Trouble.TOTALS_DIFFER
        else:
            self.troubles.pop(Duty.TOTALS, None)

    def _new_id(self) -> str:
        return f"{self._random.getrandbits(96):024x}"

    def _due_at(self, now: int) -> int:
        """When something is to be done although nothing happens. A call under way ends with its answer."""
        pace = self._pace
        due = [self._due.get(duty, now) for duty in (Duty.PULL, Duty.STORE) if duty not in self._under_way]
        if pace.orders_ms is not None and Duty.ORDERS not in self._under_way:
            due.append(self._due.get(Duty.ORDERS, now))
        due += [at for duty, at in self._due.items() if duty in self.troubles]
        if self._line.failures:
            due.append(self._line.until)
        if self.is_online:
            due.append(self._rebalance_at)
        return max(now + 1, self._line.until, min(due, default=now + pace.pull_ms))

    # what an answer means

    def answered(self, call: Call, answer: Answer, now: int) -> list[HubCommand]:
        """What the hub has to write down. An answer to what isn't under way any more says nothing."""
        duty = _DUTIES[type(call)]
        if self._under_way.get(duty) is not call:
            return []
        del self._under_way[duty]
        if isinstance(answer, Lost):
            self._under_way.clear()  # what else is on a line that swallows everything would be waited for in vain
            self._line.fail(now, answer.wait_ms)
            self.is_online = False
            return []
        self._line.succeed()
        if not self.is_online:
            self.is_online = True
            self._compare_at = now
            self._due[Duty.PULL] = min(now, self._due.get(Duty.PULL, now))
        if isinstance(answer, Denied):
            self.troubles[duty] = trouble_of(call, answer)
            self._due[duty] = now + self._pace.denied_ms
            return []
        self.troubles.pop(duty, None)
        return self._meaning(call, answer, now)

    def _meaning(self, call: Call, answer: Answer, now: int) -> list[HubCommand]:
        if isinstance(answer, Uploaded):
            return [AckEvents(self._store, answer.last_seq, answer.settled)]
        if isinstance(answer, Moved) and isinstance(call, MoveGrants):
            return self._moved(call.request, answer, now)
        if isinstance(answer, Pulled):
            self._cursor = None if answer.is_reset else answer.cursor
            again = answer.has_more or answer.is_reset
            self._has_all_rows = self._has_all_rows or not again
            self._due[Duty.PULL] = now if again else now + self._pace.pull_ms
            return self._mirrored(answer.rows)
        if isinstance(answer, StoreFetched):
            self._store_version = answer.version
            self._due[Duty.STORE] = now + self._pace.store_ms
        if isinstance(answer, OrdersFetched):
            self._due[Duty.ORDERS] = now + (self._pace.orders_ms or 0)
        return []

    def _moved(self, request: GrantRequest, answer: Moved, now: int) -> list[HubCommand]:
        if not request.changes:
            self._totals = answer.totals
            self._compare_at = now + self._pace.compare_ms
            return []
        given = tuple(GrantChange(total.key, total.given) for total in answer.totals)
        self._rebalancing.settled(given)
        return [SettleGrants(self._store, request.request_id, given)]

    def _mirrored(self, rows: tuple[MirrorRow, ...]) -> list[HubCommand]:
        for row in rows:
            self._rebalancing.saw(row)
        return [MirrorStock(self._store, rows)] if rows else []
