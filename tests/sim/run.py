"""One run: some stores, a bad time, and then all is well again."""

from random import Random

from .auditor import Broken
from .climate import MINUTE, SECOND, Climate, Size, climate, size
from .shop import Shop
from .story import Story
from .timeline import Timeline

AUDIT_EACH = 40
"""Happenings between two audits by the product's own rules."""

STEPS_MOST = 50_000
"""A run with more steps has found two sides that keep each other busy."""


class Failed(Exception):
    """A run found something. `store` is where, `story` what happened there last."""

    def __init__(self, seed: int, store: int, why: str, story: list[str]) -> None:
        super().__init__(f"seed {seed}, store {store}: {why}")
        self.seed = seed
        self.store = store
        self.why = why
        self.story = story


class Run:
    """The seed says everything; `stores` and `actions` cut the run short, each store goes as it would have anyway."""

    def __init__(self, seed: int, stores: list[int] | None = None, actions: int | None = None) -> None:
        self.seed = seed
        random = Random(seed)
        drawn = size(random)
        self.size = Size(drawn.stores, drawn.actions if actions is None else min(actions, drawn.actions))
        self.climate: Climate = climate(random)
        self._timeline = Timeline()
        self._story = Story(self._timeline)
        self.steps = 0
        self.healed_ms = 0
        self._numbers = range(self.size.stores) if stores is None else stores
        self._shops: dict[int, Shop] = {}
        self._busy = 0

    def go(self) -> None:
        """Run it all; raises Failed."""
        store = self._numbers[0]
        self._busy = len(self._numbers)
        try:
            for store in self._numbers:
                self._shops[store] = Shop(self._timeline, f"{self.seed}", store, self.climate, self._story)
                self._plan_action(self._shops[store], self.size.actions)
            if self.climate.outage:
                self._timeline.plan(20 * SECOND, self._cut_all)
            while self._busy:
                happening = self._timeline.step()
                assert happening is not None
                store = self._numbers[0] if happening.store is None else happening.store
                happening.what()
                self._look(happening.store)
            for store in self._shops:
                self._shops[store].auditor.check_orders()
            self._heal()
        except Failed:
            raise
        except Exception as error:
            kind = "" if isinstance(error, Broken) else f"{type(error).__name__}: "
            raise Failed(self.seed, store, f"{kind}{error}", self._story.lines(store)) from error

    def _cut_all(self) -> None:
        """The cloud is away for everybody."""
        for shop in self._shops.values():
            shop.hub.line.cut(60 * SECOND)

    def _plan_action(self, shop: Shop, left: int) -> None:
        if not left:
            self._busy -= 1
            return

        def act() -> None:
            shop.guests.act()
            self._plan_action(shop, left - 1)

        gap_ms = self.climate.gap_ms if shop.random.random() < 0.95 else max(self.climate.gap_ms, 12 * MINUTE)
        self._timeline.plan(shop.random.randint(1, gap_ms), act, shop.number)

    def _look(self, store: int | None) -> None:
        self.steps += 1
        if self.steps > STEPS_MOST:
            raise Broken("it never ends")
        for number in self._shops if store is None else (store,):
            shop = self._shops[number]
            shop.auditor.check()
            if self.steps % AUDIT_EACH == 0:
                shop.audit()

    def _heal(self) -> None:
        """From now on nothing fails and nobody does anything: both sides must come to agree."""
        self._story.tell(None, "all is well again")
        healed_at = self._timeline.now
        for shop in self._shops.values():
            shop.heal()
        differs: dict[int, str] = dict.fromkeys(self._shops, "not looked at yet")
        ticked_at, agreed_at = 0, healed_at
        while True:
            for number, shop in self._shops.items():
                if number not in differs and not shop.auditor.is_news:
                    continue
                why = shop.auditor.disagreement()
                differs.pop(number, None)
                if why is not None:
                    differs[number] = why
            if not differs and self._timeline.now - healed_at > self.climate.delay:
                break  # and nothing old is on its way any more
            agreed_at = self._timeline.now if differs else agreed_at
            if differs and self._timeline.now - healed_at > self.climate.agreed_ms:
                store, why = next(iter(differs.items()))
                raise Failed(self.seed, store, f"still no agreement: {why}", self._story.lines(store))
            happening = self._timeline.step()
            assert happening is not None
            happening.what()
            if self._timeline.now - ticked_at > SECOND:
                ticked_at = self._timeline.now
                for shop in self._shops.values():
                    shop.tick()
            self._look(happening.store)
        self.healed_ms = agreed_at - healed_at
        for shop in self._shops.values():
            shop.auditor.check_orders()
            shop.audit()
