"""A hub's process: its kitchen, which a restart finds as it was last committed, and its agent, which it forgets."""

from collections.abc import Callable, Sequence
from random import Random

from eightysix.core.command import Command
from eightysix.core.hub import MirrorRow, Side
from eightysix.core.hub_event import decode_event
from eightysix.core.instant import business_day
from eightysix.core.key import StockKey
from eightysix.core.outcome import Outcome, Refused
from eightysix.core.stock import ChannelStock
from eightysix.hub import call as calls
from eightysix.hub.agent import Agent
from eightysix.hub.desk import UPLOAD_MOST, Desk, holdings_of
from eightysix.hub.pace import Pace
from tests.world.hub_kitchen import HubKitchen
from tests.world.menu import STORE

from .climate import MINUTE, Climate
from .line import Line
from .story import Story, short
from .timeline import Timeline

Send = Callable[["HubEnd", calls.Call, Callable[[calls.Answer], None]], None]


class HubEnd:
    """One hub of one store."""

    def __init__(
        self, timeline: Timeline, random: Random, climate: Climate, line: Line, side: Side, story: Story, store: int
    ) -> None:
        self._timeline = timeline
        self._random = random
        self._climate = climate
        self._story = story
        self._store = store
        self._pace = Pace(
            pull_ms=climate.pull_ms,
            store_ms=3 * climate.pull_ms,
            orders_ms=None,
            rebalance_ms=climate.pull_ms // 4,
            compare_ms=10 * climate.pull_ms,
            retry_ms=max(2_000, climate.gap_ms),
        )
        self.line = line
        self.side = side
        self.skew = random.randint(-climate.skew, climate.skew)
        self.crash = climate.crash
        self.kitchen = HubKitchen(timeline.now + self.skew, side=side)
        self.agent: Agent | None = None
        """None: the process is down."""
        self._had_all_rows = False
        """Written down: a restart knows it."""
        self.lives = 0
        """How often it was started."""
        self._wakes_at: int | None = None
        self.send: Send = lambda _hub, _call, _answered: None
        self.watch: Callable[[Sequence[Command], Sequence[Outcome]], None] = lambda _commands, _outcomes: None
        """Sees every committed batch."""
        self.counted: dict[tuple[int, int], int] = {}
        """How much more a setting under way says is there, by stock."""

    @property
    def now(self) -> int:
        """By the hub's clock."""
        return self._timeline.now + self.skew

    @property
    def is_ready(self) -> bool:
        """Whether it is up and has ever had all rows of the cloud: before that it doesn't sell."""
        return self.agent is not None and self._had_all_rows

    def start(self) -> None:
        """A new life of the process, on what was committed."""
        if self.agent is not None:
            return
        self.lives += 1
        self.agent = Agent(STORE, self.side, self._random, self._pace)
        self._wakes_at = None
        self.wake()

    def die(self, for_ms: int) -> None:
        """The process is gone, and with it all that wasn't committed; it comes back."""
        self._story.tell(self._store, "{} crashes for {} s", self.side.hub_id, for_ms // 1000)
        self.agent = None
        if self._random.random() < 0.3:
            self.skew = self._random.randint(-self._climate.skew, self._climate.skew)  # the clock was set
        self._timeline.plan(for_ms, self.start, self._store)

    def crashes(self) -> bool:
        """Whether the process dies here."""
        if self._random.random() >= self.crash:
            return False
        self.die(self._random.choice([500, 20_000, 10 * MINUTE]))
        return True

    def batch(self, commands: Sequence[Command]) -> list[Outcome]:
        """Decide and commit."""
        self.kitchen.now = self.now
        outcomes = self.kitchen.batch(commands)
        self.watch(commands, outcomes)
        return outcomes

    def wake(self) -> None:
        """Let the agent do what is to be done."""
        agent = self.agent
        if agent is None:
            return
        turn = agent.next(self._desk(agent), self.now)
        for call in turn.calls:
            self._send(agent, call)
        for command in turn.commands:
            outcomes = self.batch([command])
            self._story.tell(self._store, "{}: {} -> {}", self.side.hub_id, _Words(command), _Words(outcomes[0]))
            if self.crashes():
                return
        if turn.commands:
            self.wake()
        else:
            self._sleep(turn.due_at)

    def streamed(self, row: MirrorRow, prev: str, cursor: str) -> None:
        """A message of the cloud's stream has arrived."""
        if self.agent is not None:
            self._write(self.agent.streamed(row, prev, cursor, self.now))
            self.wake()

    def recalled(self, key: StockKey, quantity: int) -> None:
        """The cloud asks for some back."""
        if self.agent is not None:
            self.agent.recalled(key, quantity, self.now)
            self.wake()

    def _desk(self, agent: Agent) -> Desk:
        kitchen = self.kitchen
        events: tuple[bytes, ...] = ()
        if agent.reads_events(self.now):
            events = tuple(body for _, (_, body) in sorted(kitchen.events.items())[:UPLOAD_MOST])
        requests = tuple(kitchen.requests_open.values())
        chain = decode_event(events[0]).prev if events else ""
        if agent.reads_stocks(self.now) == ():
            return Desk(kitchen.last_seq, kitchen.acked_seq, chain, events, requests)
        channels: dict[StockKey, list[ChannelStock]] = {}
        for (key, _), row in kitchen.channels.items():
            channels.setdefault(key, []).append(row)
        day = business_day(self.now, "UTC", 240)
        holdings = holdings_of(STORE, kitchen.stocks.values(), channels, kitchen.menu, day)
        return Desk(kitchen.last_seq, kitchen.acked_seq, chain, events, requests, holdings)

    def _send(self, agent: Agent, call: calls.Call) -> None:
        """Send a call; whatever comes first counts, its answer or that there is none."""
        open_calls = {id(call)}

        def answered(answer: calls.Answer) -> None:
            if self.agent is not agent or id(call) not in open_calls:
                return  # of an earlier life, or too late
            open_calls.clear()
            if not isinstance(answer, calls.Lost) or not isinstance(call, calls.Pull | calls.FetchStore):
                self._story.tell(self._store, "{}: {} -> {}", self.side.hub_id, _Words(call), _Words(answer))
            if self.crashes():
                return
            if isinstance(answer, calls.StoreFetched) and answer.body is not None:
                self.kitchen.menu.set_rules(*answer.body)
            self._write(agent.answered(call, answer, self.now))
            if self.agent is agent:
                self._had_all_rows = self._had_all_rows or agent.has_all_rows
                self.wake()

        self.send(self, call, answered)
        self._timeline.plan(self._climate.answer_ms, lambda: answered(calls.Lost()), self._store)

    def _write(self, commands: Sequence[Command]) -> None:
        for command in commands:
            [outcome] = self.batch([command])
            assert not isinstance(outcome, Refused), f"{command}: {outcome}"
            if self.crashes():
                return

    def _sleep(self, due_at: int) -> None:
        """Wake at `due_at` by the hub's clock, unless it wakes before that in any case."""
        at = max(due_at - self.skew, self._timeline.now + 1)
        if self._wakes_at is not None and self._timeline.now < self._wakes_at <= at:
            return
        self._wakes_at = at
        agent = self.agent

        def wake() -> None:
            if self.agent is agent and self._wakes_at == at:
                self.wake()

        self._timeline.plan(at - self._timeline.now, wake, self._store)


class _Words:
    """A value that is put into words only when the story is read."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __format__(self, _spec: str) -> str:
        value = self._value
        if isinstance(value, calls.Upload):
            return f"uploads {value.seq} to {value.seq + len(value.events) - 1}"
        if isinstance(value, calls.Pulled):
            return f"{len(value.rows)} rows up to {value.cursor}"
        told = short(value)
        return (
            str(value) if told in ("AskGrants", "SettleGrants", "MoveGrants", "Moved", "Uploaded", "Denied") else told
        )
