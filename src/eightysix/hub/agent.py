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

from collections.abc import Iterable, Sequence
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
from .rebalancing import LOOK_MOST, Rebalancing
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


ROWS_MOST, FIRST_ROWS_MOST = 100, 500
"""Rows that one command takes over: orders wait for its commit. Before the first orders there may be more."""

_UNTOLD_MOST = 100
"""With more than so many events to tell, the cloud's rows say too little to split anything by them."""

_PROBE_EVENTS = 20
"""Events of an upload that finds out whether the line is back: behind a line that swallows everything a large one would
be waited for long."""

_UNTOLD_MS = 200
"""Until it is looked whether there are fewer."""


def mirrored(store: StoreKey, rows: Sequence[MirrorRow], most: int) -> list[MirrorStock]:
    """Commands that take the rows over, so many each."""
    return [MirrorStock(store, tuple(rows[start : start + most])) for start in range(0, len(rows), most)]


class Agent:
    """One hub's conversation with the cloud, from a start of its process on."""

    def __init__(self, store: StoreKey, side: Side, random: Random, pace: Pace | None = None) -> None:
        self._store = store
        self._side = side
        self._random = random
        self._pace = pace or Pace()
        self._line = Patience(random, self._pace.retry_ms)
        self._under_way: dict[Duty, Call] = {}
        self._due: dict[Duty, int] = {}
        """When each duty comes round by the clock, ms; before the first time it is due."""
        self._rebalance_at = 0
        self._compare_at = 0
        self._asked_after: dict[str, int] = {}
        """Where the journal ended at the latest when each open request was written down."""
        self._compared_seq = 0
        """Where the journal ended when the cloud was asked what the hub holds."""
        self._asked_at_seq = ("", 0)
        """The request that is to go next, and where the journal ended when it was seen first."""
        self._totals: tuple[GrantTotal, ...] | None = None
        """The answer to that, not compared yet."""
        self._cursor: str | None = None
        self._overtaken: Call | None = None
        """A pull under way that started from a cursor which has been given up since."""
        self._unsettled: dict[Duty, str | None] = {Duty.UPLOAD: None, Duty.GRANTS: None}
        """Of what the cloud may have done already and hasn't answered: where its rows stood before that, as far as the
        hub had them. At a start nobody knows."""
        self._store_version: int | None = None
        self._has_all_rows = False
        self._rebalancing = Rebalancing()
        self.is_online = False
        """Whether the last call was answered."""
        self.troubles: dict[Duty, Trouble] = {}

    # what happened

    def streamed(self, row: MirrorRow, prev: str, cursor: str, now: int) -> list[MirrorStock]:
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
        """Whether every row of the cloud was pulled since the start. A hub that never had them doesn't know what there
        is, and mustn't sell."""
        return self._has_all_rows

    def rewind(self) -> None:
        """What an answer meant could not be written: all rows are pulled again."""
        self._has_all_rows = False
        self._go_back(None, tuple(self._unsettled))

    # what is to be done

    def reads_events(self, now: int) -> bool:
        """Whether `next` may need the journal's events."""
        return self._is_free(Duty.UPLOAD, now)

    def reads_stocks(self, now: int) -> tuple[StockKey, ...] | None:
        """Whose holdings `next` may need; None: all."""
        if self._totals is not None:
            return None
        return self._rebalancing.look() if self._rebalances(now) else ()

    def next(self, desk: Desk, now: int) -> Turn:
        """What is to be done now, given the books."""
        self._compare(desk)
        if desk.acked_seq == desk.last_seq:
            self._unsettled.pop(Duty.UPLOAD, None)
        if not desk.requests:
            self._unsettled.pop(Duty.GRANTS, None)
        self._asked_after = {
            each.request_id: self._asked_after.get(each.request_id, desk.last_seq) for each in desk.requests
        }
        calls: list[Call] = []
        for duty in Duty:
            if self._line.failures and self._under_way:
                break  # one call finds out whether the line is back
            call = self._call(duty, desk, now) if self._is_free(duty, now) else None
            if call is not None:
                self._under_way[duty] = call
                calls.append(call)
        return Turn(tuple(self._asked(desk, now)), tuple(calls), self._due_at(desk, now))

    def _is_free(self, duty: Duty, now: int) -> bool:
        return duty not in self._under_way and now >= self._line.until and now >= self._due.get(duty, 0)

    def _call(self, duty: Duty, desk: Desk, now: int) -> Call | None:
        if duty is Duty.GRANTS:
            if desk.requests:
                return self._request(min(desk.requests, key=lambda each: (each.asked_at, each.request_id)), desk)
            if desk.is_clear and now >= self._compare_at:
                self._compared_seq = desk.last_seq
                return MoveGrants(GrantRequest(self._new_id(), (), now))
            return None
        if duty is Duty.UPLOAD:
            if not desk.events:
                return None
            self._unsettled.setdefault(duty, self._cursor)
            events = desk.events[:_PROBE_EVENTS] if self._line.failures else desk.events
            return Upload(self._side.journal_id, desk.acked_seq + 1, desk.chain, events)
        if duty is Duty.PULL:
            return Pull(self._cursor)
        if duty is Duty.STORE:
            return FetchStore(self._store_version)
        if duty is Duty.ORDERS and self._pace.orders_ms is not None:
            return FetchOrders()
        return None

    def _request(self, request: GrantRequest, desk: Desk) -> Call | None:
        """The request, once the cloud has the events of before it: what is given back may have come back with them."""
        gives_back = any(change.delta < 0 for change in request.changes)
        if gives_back and desk.acked_seq < self._asked_after[request.request_id]:
            return None
        self._unsettled.setdefault(Duty.GRANTS, self._cursor)
        return MoveGrants(request)

    def _may_ask(self) -> bool:
        """Only with the cloud there, and its rows: who is cut off would only give away."""
        return (
            self.is_online
            and self._has_all_rows
            and Duty.GRANTS not in self._under_way
            and Duty.GRANTS not in self.troubles
        )

    def _may_go(self, request: GrantRequest, desk: Desk) -> bool:
        """Whether the cloud knows all that led to the request. What the hub gives back may be portions that were sold
        and came back since: told after it, the sale would lower a grant that isn't there any more."""
        if all(change.delta > 0 for change in request.changes):
            return True
        if self._asked_at_seq[0] != request.request_id:
            self._asked_at_seq = (request.request_id, desk.last_seq)  # its own or a later one
        return desk.acked_seq >= self._asked_at_seq[1]

    def _rebalances(self, now: int) -> bool:
        return self._may_ask() and now >= self._rebalance_at

    def _asked(self, desk: Desk, now: int) -> Iterable[HubCommand]:
        """The next request, to be journaled; with the books it comes back to be sent."""
        if desk.requests or not self._rebalances(now):
            return
        if desk.last_seq - desk.acked_seq > _UNTOLD_MOST and not self._rebalancing.is_borrowing:
            self._rebalance_at = now + _UNTOLD_MS
            return
        changes = self._rebalancing.changes(desk.holdings, now)
        is_more = self._rebalancing.is_urgent or len(changes) > LOOK_MOST // 2  # as after a first start
        self._rebalance_at = now if is_more else now + self._pace.rebalance_ms // self._rebalancing.looks_a_round
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

    def _due_at(self, desk: Desk, now: int) -> int:
        """When something is to be done although nothing happens. A call under way ends with its answer, and so does
        whatever waits for it."""
        pace = self._pace
        if self._line.failures and self._under_way:
            return now + pace.pull_ms
        due = [self._due.get(duty, now) for duty in (Duty.PULL, Duty.STORE) if duty not in self._under_way]
        if pace.orders_ms is not None and Duty.ORDERS not in self._under_way:
            due.append(self._due.get(Duty.ORDERS, now))
        due += [at for duty, at in self._due.items() if duty in self.troubles and at > now]
        if self._line.failures:
            due.append(self._line.until)
        if self._may_ask() and not desk.requests:
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
            return self._uploaded(answer)
        if isinstance(answer, Moved) and isinstance(call, MoveGrants):
            return self._moved(call.request, answer, now)
        if isinstance(answer, Pulled):
            self._pulled(call, answer, now)
            if answer.is_reset:
                self._unsettled = dict.fromkeys(self._unsettled)
            forget = [MirrorStock(self._store, (), anew=True)] if answer.is_reset else []
            return [*forget, *self._mirrored(answer.rows)]
        if isinstance(answer, StoreFetched):
            self._store_version = answer.version
            self._due[Duty.STORE] = now + self._pace.store_ms
        if isinstance(answer, OrdersFetched):
            self._due[Duty.ORDERS] = now + (self._pace.orders_ms or 0)
        return []

    def _uploaded(self, answer: Uploaded) -> list[HubCommand]:
        """Rows that came meanwhile were taken over without what the store has set: they are fetched once more."""
        self._settled(Duty.UPLOAD, again=bool(answer.settled))
        return [AckEvents(self._store, answer.last_seq, answer.settled)]

    def _pulled(self, call: Call, answer: Pulled, now: int) -> None:
        if call is self._overtaken:
            self._overtaken = None
            return
        self._cursor = None if answer.is_reset else answer.cursor
        again = answer.has_more or answer.is_reset
        self._has_all_rows = self._has_all_rows or not again
        self._due[Duty.PULL] = now if again else now + self._pace.pull_ms

    def _settled(self, duty: Duty, *, again: bool) -> None:
        """What was asked is answered; with `again` all rows are fetched that came since it was asked."""
        asked = list(self._unsettled)
        before = self._unsettled.pop(duty, None)
        if again:
            self._go_back(before, asked[asked.index(duty) + 1 :] if duty in asked else asked)

    def _go_back(self, cursor: str | None, later: Iterable[Duty]) -> None:
        """Pull from there on. What was asked `later` goes back as far: its own place may be passed over till then."""
        self._unsettled.update(dict.fromkeys(later, cursor))
        self._cursor = cursor
        self._overtaken = self._under_way.get(Duty.PULL)
        self._due[Duty.PULL] = 0

    def _moved(self, request: GrantRequest, answer: Moved, now: int) -> list[HubCommand]:
        if not request.changes:
            self._totals = answer.totals
            self._compare_at = now + self._pace.compare_ms
            return []
        given = tuple(GrantChange(total.key, total.given) for total in answer.totals)
        # of rows that came meanwhile the hub can't tell whether they have what was given
        self._settled(Duty.GRANTS, again=any(change.delta > 0 for change in given))
        self._rebalancing.settled(given)
        return [SettleGrants(self._store, request.request_id, given)]

    def _mirrored(self, rows: tuple[MirrorRow, ...]) -> list[MirrorStock]:
        for row in rows:
            self._rebalancing.saw(row)
        return mirrored(self._store, rows, ROWS_MOST if self._has_all_rows else FIRST_ROWS_MOST)
