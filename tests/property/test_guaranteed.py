"""What is shown as guaranteed can be sold whatever the other channels do, however greedy they are."""

import random
from collections.abc import Sequence

import pytest

from eightysix.core.availability import available, available_to_each, chain, guaranteed
from eightysix.core.command import Actor, ChannelSetting, DeductStock, Line, LockStock, SetStock, Setting, UnlockStock
from eightysix.core.draft import Draft
from eightysix.core.key import StockKey, sku_key, spu_key
from eightysix.core.outcome import OrderDone
from tests.world.kitchen import Kitchen
from tests.world.menu import BRAND_ID, STORE

ACTOR = Actor("greedy")
CHANNELS = ("POS", "KIOSK", "ONLINE_ORDER", "EMENU")
WHOLE = (1, 2, 3, 4, 5, 6, 8)
"""SKUs whose sales take whole units of every stock."""
FRACTIONS = (5, 7, 9)
"""SKU 9 takes half portions of 5, which is sold whole, and quarters of 7."""
EVERYTHING = 900_000


class Greedy:
    """A kitchen with random guarantees and caps, some of them used, and channels that take what they can."""

    def __init__(self, seed: int, skus: Sequence[int], stocks: Sequence[StockKey], *, covered: bool) -> None:
        self.random = random.Random(seed)
        self.kitchen = Kitchen()
        self.skus = skus
        self.orders = 0
        self.open: list[str] = []
        for key in stocks:
            if self.random.random() < 0.85:
                self.set(key, covered=covered)
        for _ in range(self.random.randrange(4)):
            self.take(self.random.choice(CHANNELS), self.random.choice([1000, 2000, 3000]))
        if not covered:
            for key in stocks:  # less than was guaranteed, or as much as before
                there = self.kitchen.stocks.get(key)
                if there is not None and there.is_limited and self.random.random() < 0.5:
                    real = there.locked + self.random.randrange(0, 6) * 1000
                    self.kitchen.run(SetStock(STORE, (Setting(key, real=real),), ACTOR))

    def set(self, key: StockKey, *, covered: bool) -> None:
        """A limited stock; with `covered` no more is guaranteed than there is."""
        real = self.random.randrange(1, 30) * 1000
        left = real if covered else 2 * real
        channels = []
        for code in self.random.sample(CHANNELS, self.random.randrange(5)):
            guarantee = self.random.randrange(0, left // 1000 + 1) * 1000
            left -= guarantee
            limit = self.random.choice([None, None, self.random.randrange(0, 12) * 1000])
            channels.append(ChannelSetting(code, limit=limit, guarantee=guarantee))
        setting = Setting(key, type=2, status=1, real=real, channels=tuple(channels))
        self.kitchen.run(SetStock(STORE, (setting,), ACTOR))

    def take(self, code: str, quantity: int) -> None:
        """An order of the channel for some dish, in part if there is less."""
        self.orders += 1
        order = f"o{self.orders}"
        line = Line(self.random.choice(self.skus), quantity=quantity)
        if isinstance(self.kitchen.run(LockStock(STORE, order, code, (line,), ACTOR, partial=True)), OrderDone):
            self.open.append(order)

    def others(self, code: str) -> None:
        """Everybody else takes what there is, pays, cancels, takes again."""
        others = [each for each in CHANNELS if each != code]
        for _ in range(self.random.randrange(1, 25)):
            draw = self.random.random()
            if draw < 0.75 or not self.open:
                self.take(self.random.choice(others), self.random.choice([1000, 2000, 5000, EVERYTHING]))
                continue
            order = self.open.pop(self.random.randrange(len(self.open)))
            if any(each.channel_code == code for (name, _), each in self.kitchen.reservations.items() if name == order):
                continue
            end = UnlockStock if draw < 0.85 else DeductStock
            self.kitchen.run(end(STORE, order, None, ACTOR))
        for other in others * 2:
            for _ in self.skus:
                self.take(other, EVERYTHING)

    def shown(self, sku: int, code: str) -> tuple[int | None, int | None]:
        """(guaranteed, possible) of a channel."""
        draft, channel = Draft(self.kitchen.shelf(), ACTOR), self.kitchen.menu.codes[code]
        item = self.kitchen.menu.item(BRAND_ID, 2, sku)
        assert item is not None
        can = available(draft, item, channel)
        return guaranteed(draft, item, channel, can), can.quantity


def check(greedy: Greedy, seed: int) -> None:
    for sku in greedy.skus:
        kept = [greedy.shown(sku, code) for code in CHANNELS]
        left = greedy.kitchen.stocks.get(sku_key(sku))
        if left is not None and left.is_limited:
            assert sum(each or 0 for each, _ in kept) <= max(0, left.left), f"seed {seed}: {sku}"
        for each, possible in kept:
            assert (each is None) == (possible is None)
            assert each is None or possible is None or 0 <= each <= possible, f"seed {seed}: {sku}"
    promises = [(code, sku) for sku in greedy.skus for code in CHANNELS if greedy.shown(sku, code)[0]]
    if not promises:
        return
    code, sku = greedy.random.choice(promises)
    promised, _ = greedy.shown(sku, code)
    greedy.others(code)
    lock = LockStock(STORE, "mine", code, (Line(sku, quantity=promised),), ACTOR)
    outcome = greedy.kitchen.run(lock)
    assert isinstance(outcome, OrderDone), f"seed {seed}: {code} was promised {promised} of {sku}: {outcome}"


@pytest.mark.parametrize("skus", [WHOLE, FRACTIONS])
def test_all_channels_asked_together_are_told_what_each_is_told_alone(skus: Sequence[int]) -> None:
    alike = 0
    for seed in range(100):
        greedy = Greedy(seed, skus, tuple(map(sku_key, skus)), covered=False)
        draft = Draft(greedy.kitchen.shelf(), ACTOR)
        channels = [greedy.kitchen.menu.codes[code] for code in CHANNELS]
        for sku in skus:
            item = greedy.kitchen.menu.item(BRAND_ID, 2, sku)
            assert item is not None
            together = available_to_each(draft, item, channels, chain(item, greedy.kitchen.menu))
            assert together == [available(draft, item, channel) for channel in channels], f"seed {seed}: {sku}"
            alike += all(each is together[0] for each in together)
    assert 0 < alike < 100 * len(skus)


STOCKS = tuple(map(sku_key, (1, 2, 3, 4, 5, 6, 8)))


@pytest.mark.parametrize("start", range(0, 300, 100))
def test_others_never_take_what_is_guaranteed(start: int) -> None:
    for seed in range(start, start + 100):
        check(Greedy(seed, WHOLE, (*STOCKS, spu_key(30)), covered=True), seed)


@pytest.mark.parametrize("start", range(0, 300, 100))
def test_nor_where_more_is_guaranteed_than_there_is(start: int) -> None:
    for seed in range(start, start + 100):
        check(Greedy(seed, WHOLE, (*STOCKS, spu_key(30)), covered=False), seed)


@pytest.mark.parametrize("covered", [True, False])
@pytest.mark.parametrize("start", range(0, 300, 100))
def test_nor_in_fractions_of_a_unit(start: int, *, covered: bool) -> None:
    for seed in range(start, start + 100):
        check(Greedy(seed, FRACTIONS, tuple(map(sku_key, FRACTIONS)), covered=covered), seed)


def test_there_is_something_to_keep() -> None:
    """The runs above promise something often enough to mean something."""
    promised = 0
    for seed in range(100):
        greedy = Greedy(seed, WHOLE, (*STOCKS, spu_key(30)), covered=False)
        promised += sum(bool(greedy.shown(sku, code)[0]) for sku in WHOLE for code in CHANNELS)
    assert promised > 100
