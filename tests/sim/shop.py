"""One store: the cloud's side of it, its hub, the line between them, its guests and staff."""

from collections.abc import Callable, Sequence
from random import Random

from eightysix.core.audit import findings
from eightysix.core.calendar import ScheduleEntry
from eightysix.core.command import Actor, Command, LockStock, RunTimers, SetStock, Setting, WriteOffHub
from eightysix.core.hub import Side
from eightysix.core.outcome import BlockedBy, Code, Outcome, Refused
from eightysix.core.restore import is_due
from eightysix.core.restore_rule import RestoreRule
from eightysix.core.stock import LIMITED, RestoreTo
from eightysix.hub import call as calls
from tests.world.kitchen import Kitchen
from tests.world.menu import BRAND_ID, STORE

from .auditor import Auditor, Broken, key_of
from .climate import Climate
from .cloud_end import CloudEnd
from .guests import Guests
from .hub_end import HubEnd
from .line import Line
from .model import LIMITED_STOCKS
from .story import Story, short
from .timeline import Timeline

POI = "1"


class Shop:
    """Everything of one store. Its chances are its own, so that it runs alike whatever other stores there are."""

    def __init__(self, timeline: Timeline, seed: str, number: int, climate: Climate, story: Story) -> None:
        self._timeline = timeline
        self._random = Random(f"{seed} store {number}")
        self.number = number
        self.climate = climate
        self._story = story
        self.cloud = CloudEnd(timeline, self._random, climate)
        self.auditor = Auditor(timeline, self.cloud.kitchen, climate)
        self.cloud.watch = self._cloud_committed
        self._published = 0
        self.hubs: list[HubEnd] = []
        """Those that were replaced, and last the one that sells."""
        self._open()
        self.guests = Guests(self, self._random, climate, story)

    @property
    def hub(self) -> HubEnd:
        """The store's hub."""
        return self.hubs[-1]

    @property
    def random(self) -> Random:
        return self._random

    def _open(self) -> None:
        """The stocks are set, a rule says when they come back, and the hub is paired."""
        kitchen = self.cloud.kitchen
        for (brand_id, poi_id), store in list(kitchen.menu.stores.items()):
            kitchen.menu.stores[brand_id, poi_id] = type(store)(brand_id, poi_id, "Atlantic/Reykjavik")
        if self.climate.restore_minutes is not None:
            entries = tuple(ScheduleEntry((), minute) for minute in range(0, 1440, self.climate.restore_minutes))
            restore_to = RestoreTo.KEEP if self.climate.keeps else RestoreTo.PLAN
            often = RestoreRule(BRAND_ID, "often", entries, restore_to=restore_to, since_at=self._timeline.now)
            self.cloud.rules = (often,)
            kitchen.menu.set_rules(*self.cloud.rules)
        portions = self._random.choice([4, 8, 15]) if self.climate.scarce else 60
        settings = tuple(
            Setting(key_of(stock), type=LIMITED, real=portions * 1000, plan=portions * 1000) for stock in LIMITED_STOCKS
        )
        self.cloud.batch([SetStock(STORE, settings, Actor("office"))])
        self.pair()

    def pair(self) -> None:
        """A hub takes up its work."""
        number = len(self.hubs) + 1
        side = Side(f"hub-{number}", f"journal-{number}")
        line = Line(self._timeline, self._random, self.climate, self.number)
        hub = HubEnd(self._timeline, self._random, self.climate, line, side, self._story, self.number)
        menu = hub.kitchen.menu
        menu.stores = dict(self.cloud.kitchen.menu.stores)
        menu.set_rules(*self.cloud.rules)
        hub.send = self._carry
        hub.watch = lambda commands, outcomes: self.auditor.hub_committed(hub, commands, outcomes)
        self.cloud.kitchen.menu.hubs[POI] = side.hub_id
        self.hubs.append(hub)
        self.auditor.paired(hub)
        hub.start()

    def replace_hub(self) -> None:
        """A person gives the hub up: it may be gone, or only cut off."""
        old = self.hub
        command = WriteOffHub(STORE, old.side.hub_id, Actor("office"), "stolen")
        [outcome] = self.cloud.batch([command])
        self._story.tell(self.number, "cloud: {} is written off -> {}", old.side.hub_id, short(outcome))
        self.pair()

    def _carry(self, hub: HubEnd, call: calls.Call, answered: Callable[[calls.Answer], None]) -> None:
        """Bring a call to the cloud, and what it answers back."""

        def arrive() -> None:
            answer = self.cloud.answer(hub.side, call)
            self.publish()
            if answer is not None:
                hub.line.send(lambda: answered(answer))

        hub.line.send(arrive)

    def publish(self) -> None:
        """Tell the hub of what was committed in the cloud since."""
        since, self._published = self._published, len(self.cloud.kitchen.outbox)
        for row, prev, cursor in self.cloud.published(since):
            self.hub.line.send(lambda row=row, prev=prev, cursor=cursor: self.hub.streamed(row, prev, cursor))  # type: ignore[misc]

    def _cloud_committed(self, commands: Sequence[Command], outcomes: Sequence[Outcome]) -> None:
        self.auditor.cloud_committed(commands, outcomes)
        for command, outcome in zip(commands, outcomes, strict=True):
            if isinstance(command, LockStock) and isinstance(outcome, Refused) and outcome.code is Code.OUT_OF_STOCK:
                self._recall(outcome)

    def _recall(self, refused: Refused) -> None:
        """What was short here may be free at the hub."""
        for line in refused.lines:
            stock = None if line.blocker is None else self.cloud.kitchen.stocks.get(line.blocker)
            if line.blocked_by is BlockedBy.QUANTITY and stock is not None and stock.grant > 0:
                wanted, key = max(1000, line.requested or 0), stock.key
                self.hub.line.send(lambda key=key, wanted=wanted: self.hub.recalled(key, wanted))  # type: ignore[misc]

    def tick(self) -> None:
        """What is due by the clock, on both sides; each by its own."""
        cloud = self.cloud.kitchen
        if _is_due(cloud, self._timeline.now):
            self.cloud.batch([RunTimers(STORE)])
            self.publish()
        for hub in self.hubs:
            if hub.agent is not None and hub.is_ready and _is_due(hub.kitchen, hub.now):
                hub.batch([RunTimers(STORE)])
                hub.wake()

    def audit(self) -> None:
        """What the product itself says of its books."""
        for kitchen in (self.cloud.kitchen, *(hub.kitchen for hub in self.hubs)):
            found = findings(kitchen.books(), kitchen.menu)
            if found:
                raise Broken(f"the product's audit: {found}")

    def heal(self) -> None:
        """From now on nothing fails any more."""
        self.cloud.crash = 0
        for hub in self.hubs:
            hub.line.heal()
            hub.crash = 0
            hub.start()


def _is_due(kitchen: Kitchen, now: int) -> bool:
    return is_due(kitchen.timer, STORE, kitchen.menu, max(now, kitchen.head.last_at))
