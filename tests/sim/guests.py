"""What guests and staff do in one store: orders online and at the counter, settings, counts; and what breaks."""

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from msgspec import UNSET

from eightysix.core.change import Kind
from eightysix.core.command import (
    Actor,
    AmendStock,
    ChannelSetting,
    Command,
    DeductStock,
    ExpireLocks,
    Line,
    LockStock,
    ReturnStock,
    SetStock,
    Setting,
    TellVerb,
    UnlockStock,
)
from eightysix.core.outcome import Code, Outcome, Refused
from eightysix.core.reservation import State
from tests.world.kitchen import Kitchen
from tests.world.menu import STORE

from .auditor import Broken, counted, key_of
from .climate import Climate
from .model import LIMITED_STOCKS
from .story import Story, short

if TYPE_CHECKING:
    from .hub_end import HubEnd
    from .shop import Shop

GUEST = Actor("guest")
STAFF = Actor("staff")
SKUS = (1, 1, 2, 3, 4, 6)
IN_STORE = ("POS", "POS", "KIOSK")


class Guests:
    """Draws one action at a time."""

    def __init__(self, shop: "Shop", random: Random, climate: Climate, story: Story) -> None:
        self._shop = shop
        self._random = random
        self._climate = climate
        self._story = story
        self._orders = 0
        self._requests = 0
        self._again: list[tuple[bool, Command]] = []
        """What somebody who got no answer will ask once more; True: of the hub."""

    def act(self) -> None:
        """One action."""
        shop, random = self._shop, self._random
        shop.tick()
        if random.random() < self._climate.cut and shop.hub.line.is_up:
            for_ms = random.randint(1, self._climate.cut_ms)
            self._story.tell(shop.number, "the line is cut for {} s", for_ms // 1000)
            shop.hub.line.cut(for_ms)
        shop.hub.crashes()
        draw = random.random()
        if self._again and draw < 0.2:
            at_hub, command = self._again.pop()
            self._ask(at_hub, command)
        elif draw < 0.42:
            self._ask(False, self._verb("ONLINE_ORDER", self._shop.cloud.kitchen, None))
        elif draw < 0.79:
            self._ask(True, self._verb(random.choice(IN_STORE), shop.hub.kitchen, shop.hub.side.hub_id))
        elif draw < 0.93:
            self._setting(random.random() < 0.5)
        else:
            random.choice(self._rare())()

    def _rare(self) -> list[Callable[[], None]]:
        rare = [self._misplaced, self._sweep, self._unlock_by_hub]
        if not self._climate.calm:
            rare += [self._forced, self._low_count, self._deduct_by_hub, self._old_hub, self._old_hub, self._replaced]
        return rare

    # orders

    def _ask(self, at_hub: bool, command: Command) -> Outcome | None:
        """Ask one side; None where no answer came."""
        shop = self._shop
        if at_hub:
            return self._ask_hub(command)
        if shop.cloud.crashes():
            self._once_more(False, command)
            return None
        [outcome] = shop.cloud.batch([command])
        shop.publish()
        self._story.tell(shop.number, "cloud: {} -> {}", _Asked(command), _Answered(outcome))
        if shop.cloud.crashes():
            self._once_more(False, command)
        return outcome

    def _once_more(self, at_hub: bool, command: Command) -> None:
        """No answer came. A count would be an old one by the time it is asked for again, and may be less than is
        promised since: in a calm run staff count anew."""
        if self._climate.calm and isinstance(command, SetStock) and any(map(_counts, command.settings)):
            return
        self._again.append((at_hub, command))

    def _ask_hub(self, command: Command, hub: "HubEnd | None" = None) -> Outcome | None:
        end = self._shop.hub if hub is None else hub
        if not end.is_ready:
            return None
        before = {stock: row.real for stock in LIMITED_STOCKS if (row := end.kitchen.stocks.get(key_of(stock)))}
        if isinstance(command, SetStock):
            end.counted = {
                stock: counted(setting, before[stock]) - before[stock]
                for setting in command.settings
                if (stock := (setting.key.object_type, setting.key.object_id)) in before
            }
        [outcome] = end.batch([command])
        self._story.tell(
            self._shop.number,
            "{}: {} -> {}",
            end.side.hub_id,
            _Asked(command),
            _Answered(outcome),
        )
        if end.crashes():
            self._once_more(True, command)
            return None
        end.wake()
        return outcome

    def _verb(self, channel: str, kitchen: Kitchen, hub_id: str | None) -> Command:
        """A lock more often than not, else a verb on one of the last orders of this side."""
        random = self._random
        mine = [line for line in list(kitchen.reservations.values())[-12:] if line.channel_code == channel or hub_id]
        mine = [line for line in mine if hub_id is not None or line.hub_id is None]
        if not mine or random.random() < 0.5:
            return self._lock(channel, "h" if hub_id else "c")
        line = random.choice(mine)
        draw = random.random()
        one = (Line(line.sku_id, line.line_no, random.choice([1000, line.quantity or 1000])),)
        lines = None if random.random() < 0.5 else one
        if line.state is State.LOCKED and draw < 0.65:
            relock = random.random() < 0.4
            return DeductStock(STORE, line.order_id, lines, GUEST, relock)
        if line.state is State.DEDUCTED and draw < 0.65:
            back = Line(line.sku_id, line.line_no, 1000, restock=random.random() < 0.6)
            return ReturnStock(STORE, line.order_id, (back,), self._request(), GUEST)
        if draw < 0.8:
            more = (Line(line.sku_id, line.line_no, random.choice([0, 1000, 2000, 4000])),)
            return AmendStock(STORE, line.order_id, more, self._request(), GUEST, random.choice([None, 60]))
        if draw < 0.95:
            return UnlockStock(STORE, line.order_id, lines, GUEST)
        again = Line(line.sku_id, line.line_no, line.requested)
        return LockStock(STORE, line.order_id, line.channel_code, (again,), GUEST)

    def _lock(self, channel: str, prefix: str, *, force: bool = False) -> LockStock:
        random = self._random
        self._orders += 1
        skus = {random.choice(SKUS): random.choice([1000, 1000, 2000, 3000]) for _ in range(random.choice([1, 1, 2]))}
        lines = tuple(Line(sku, 0, quantity) for sku, quantity in skus.items())
        partial = not force and random.random() < 0.2
        hold = random.choice([5, 60, 900])
        reason = "on the counter" if force else None
        return LockStock(STORE, f"{prefix}{self._orders}", channel, lines, GUEST, hold, partial, force, reason)

    def _request(self) -> str:
        self._requests += 1
        return f"r{self._requests}"

    # staff

    def _setting(self, at_hub: bool) -> None:
        """What staff set; in a calm run never to less than is promised."""
        random = self._random
        stock = random.choice(LIMITED_STOCKS)
        key = key_of(stock)
        kitchen = self._shop.hub.kitchen if at_hub else self._shop.cloud.kitchen
        row = kitchen.stocks.get(key)
        if row is None:
            return
        draw = random.random()
        if draw < 0.35:
            status = random.choice([1, 1, 2])
            manual = {"manual": True} if status == 2 else {}
            setting = Setting(key, kind=Kind.EIGHTY_SIX, status=status, **manual)  # type: ignore[arg-type]
        elif draw < 0.6:
            setting = Setting(key, kind=Kind.ADD, quantity=random.choice([1000, 3000]))
        elif draw < 0.85:
            # less is there than was believed: it is taken from what is free
            lost = random.choice([0, 1000, 2000])
            real = row.real - min(lost, max(0, row.left)) + random.choice([0, 0, 2000])
            kind = random.choice([Kind.COUNT, Kind.SET])
            real = max(0, real)
            setting = Setting(key, real=real) if kind is Kind.SET else Setting(key, kind=kind, quantity=real)
        else:
            limit = random.choice([None, 4000, 20_000])
            code = random.choice(["POS", "ONLINE_ORDER"])
            setting = Setting(key, channels=(ChannelSetting(code, limit=limit),))
        if row.real < 0 and setting.kind is not Kind.EIGHTY_SIX:
            return
        self._ask(at_hub, SetStock(STORE, (setting,), STAFF, "counted"))

    # rare things

    def _misplaced(self) -> None:
        """What the store has to decide is asked of the cloud."""
        lock = self._lock("POS", "x")
        outcome = self._ask(False, lock)
        _expect(outcome, Code.USE_HUB)
        theirs = [line for line in self._shop.cloud.kitchen.reservations.values() if line.hub_id is not None]
        theirs = [line for line in theirs if line.hub_id == self._shop.hub.side.hub_id]
        if theirs:
            order_id = self._random.choice(theirs).order_id
            _expect(self._ask(False, DeductStock(STORE, order_id, None, GUEST)), Code.ORDER_AT_HUB)

    def _sweep(self) -> None:
        self._ask(self._random.random() < 0.5, ExpireLocks(STORE))

    def _unlock_by_hub(self) -> None:
        self._by_hub(UnlockStock)

    def _deduct_by_hub(self) -> None:
        self._by_hub(DeductStock)

    def _by_hub(self, verb: type[DeductStock] | type[UnlockStock]) -> None:
        """A verb on an order of the cloud, asked in the store while it is cut off."""
        live = [
            line
            for line in self._shop.cloud.kitchen.reservations.values()
            if line.hub_id is None and line.state is State.LOCKED
        ]
        if live:
            self._ask_hub(TellVerb(STORE, verb(STORE, self._random.choice(live).order_id, None, STAFF)))

    def _forced(self) -> None:
        self._ask(True, self._lock("POS", "f", force=True))

    def _low_count(self) -> None:
        """Counted to be less than is promised, maybe."""
        key = key_of(self._random.choice(LIMITED_STOCKS))
        at_hub = self._random.random() < 0.5
        setting = Setting(key, kind=Kind.COUNT, quantity=self._random.choice([0, 1000, 2000]))
        self._ask(at_hub, SetStock(STORE, (setting,), STAFF, "counted"))

    def _replaced(self) -> None:
        if len(self._shop.hubs) < 3:
            self._shop.replace_hub()

    def _old_hub(self) -> None:
        """A hub that was replaced sells on, as long as it doesn't know."""
        if len(self._shop.hubs) > 1:
            old = self._random.choice(self._shop.hubs[:-1])
            self._ask_hub(self._verb("POS", old.kitchen, old.side.hub_id), old)


def _counts(setting: Setting) -> bool:
    return setting.real is not UNSET or setting.kind is Kind.COUNT


def _expect(outcome: Outcome | None, code: Code) -> None:
    if outcome is not None and not (isinstance(outcome, Refused) and outcome.code is code):
        raise Broken(f"{short(outcome)} instead of {code}")


class _Asked:
    """A command that is put into words only when the story is read."""

    def __init__(self, command: Command) -> None:
        self._command = command

    def __format__(self, _spec: str) -> str:
        command = self._command
        name = type(command).__name__
        if isinstance(command, (LockStock, DeductStock, UnlockStock, ReturnStock, AmendStock)):
            lines = ", ".join(f"{each.sku_id}:{each.quantity}" for each in command.lines or ())
            forced = " forced" if isinstance(command, LockStock) and command.force else ""
            return f"{name} {command.order_id} {lines}{forced}"
        if isinstance(command, SetStock):
            [setting, *_] = command.settings
            told = {
                each: value
                for each in ("status", "real", "quantity", "channels")
                if (value := getattr(setting, each)) != () and not repr(value).startswith("UNSET")
            }
            return f"{setting.kind.name} {tuple(setting.key)} {told}"
        return f"{name}"


class _Answered:
    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome

    def __format__(self, _spec: str) -> str:
        return short(self._outcome)
