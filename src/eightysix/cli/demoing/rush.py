"""The lunch rush: guests of several channels order, pay, change their mind or walk away; the kitchen cooks again."""

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from eightysix.cli.calling.setup import limited, set_stock
from eightysix.client import AsyncClient, ClientError, Refused

from .menu import DemoDish

CHANNELS = ("POS", "KIOSK", "EMENU", "ONLINE_ORDER", "DELIVERY")
_CHANNEL_WEIGHTS = (30, 20, 15, 20, 15)
_LINES = ((1, 2, 3, 4, 5), (25, 35, 22, 12, 6))
_HOLD_SECONDS = 20
_THINKING_SECONDS = (0.5, 8.0)
_COOKING_SECONDS = (15.0, 40.0)
_PAID, _CANCELLED = 0.82, 0.12
_RETURNED = 0.02
_GUESTS_AT_ONCE = 2000


class Rush:
    """Runs until it is told to stop. `counts` has orders by what became of them, `sold_out` the dishes by store."""

    def __init__(
        self, client: AsyncClient, brand_id: str, pois: Sequence[str], dishes: Sequence[DemoDish], rate: float
    ) -> None:
        self._client, self._brand_id, self._pois, self._rate = client, brand_id, pois, rate
        self._dishes = {(dish.object_type, dish.object_id): dish for dish in dishes}
        self._sellable = [dish for dish in dishes if dish.object_type == 2]
        self._appetites = [dish.appetite for dish in self._sellable]
        self._draw = random.Random()  # noqa: S311 - guests, not secrets
        self._run = f"{int(time.time()):x}"
        self._guests: set[asyncio.Task[None]] = set()
        self._cooking: set[tuple[str, int, int]] = set()
        self._recent: deque[float] = deque()
        self.counts: Counter[str] = Counter()
        self.sold_out: dict[str, list[DemoDish]] = {poi_id: [] for poi_id in pois}
        self.fault: Exception | None = None

    @property
    def orders_a_second(self) -> float:
        """Locks answered within the last five seconds, by second."""
        now = time.monotonic()
        while self._recent and self._recent[0] < now - 5:
            self._recent.popleft()
        return len(self._recent) / 5

    async def run(self, stopped: asyncio.Event) -> None:
        """Let guests in at the given rate until `stopped`; then let those inside finish."""
        began, number = time.monotonic(), 0
        kitchen = asyncio.create_task(self._watch_the_shelf(stopped))
        while not stopped.is_set():
            due = int((time.monotonic() - began) * self._rate)
            for _ in range(min(due - number, _GUESTS_AT_ONCE - len(self._guests))):
                self._let_in(self._guest(f"{self._run}-{number}"))
                number += 1
            await asyncio.sleep(0.02)
            if self.fault is not None:
                stopped.set()
        for guest in self._guests:
            guest.cancel()
        await asyncio.gather(kitchen, *self._guests, return_exceptions=True)

    def _let_in(self, guest: Any) -> None:
        task = asyncio.create_task(guest)
        self._guests.add(task)
        task.add_done_callback(self._left)

    def _left(self, task: asyncio.Task[None]) -> None:
        self._guests.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None and self.fault is None:
            self.fault = fault if isinstance(fault, Exception) else RuntimeError(str(fault))

    async def _guest(self, order_id: str) -> None:
        draw = self._draw
        poi_id = draw.choice(self._pois)
        order = (self._brand_id, poi_id), order_id
        channel = draw.choices(CHANNELS, _CHANNEL_WEIGHTS)[0]
        count = draw.choices(*_LINES)[0]
        wanted = {dish.object_id: draw.choices((1, 2, 3), (75, 20, 5))[0] for dish in self._chosen(count)}
        try:
            await self._client.lock(*order, channel, wanted, expires_in=_HOLD_SECONDS)
        except Refused:
            self.counts["refused"] += 1
            return
        finally:
            self._recent.append(time.monotonic())
        self.counts["locked"] += 1
        await asyncio.sleep(draw.uniform(*_THINKING_SECONDS))
        mood = draw.random()
        if mood < _PAID:
            await self._pay(order, wanted)
        elif mood < _PAID + _CANCELLED:
            with suppress(Refused):
                await self._client.unlock(*order, reason="guest")
                self.counts["cancelled"] += 1
        else:
            self.counts["unpaid"] += 1

    def _chosen(self, count: int) -> list[DemoDish]:
        return self._draw.choices(self._sellable, self._appetites, k=count)

    async def _pay(self, order: tuple[tuple[str, str], str], wanted: dict[int, int]) -> None:
        try:
            await self._client.deduct(*order)
        except Refused:
            self.counts["too late"] += 1
            return
        self.counts["paid"] += 1
        if self._draw.random() < _RETURNED:
            sku_id, portions = next(iter(wanted.items()))
            with suppress(Refused):
                await self._client.return_(*order, {sku_id: portions}, reason="cold")
                self.counts["returned"] += 1

    async def _watch_the_shelf(self, stopped: asyncio.Event) -> None:
        """Every second: what is sold out; a limited dish that is gets cooked again after a while."""
        while not stopped.is_set():
            for poi_id in self._pois:
                try:
                    gone = await self._gone(poi_id)
                except ClientError as fault:
                    self.fault = fault
                    return
                self.sold_out[poi_id] = gone
                for dish in gone:
                    key = (poi_id, dish.object_type, dish.object_id)
                    if dish.portions is not None and key not in self._cooking:
                        self._cooking.add(key)
                        self._let_in(self._cook(poi_id, dish))
            try:
                await asyncio.wait_for(stopped.wait(), 1.0)
            except TimeoutError:
                continue

    async def _gone(self, poi_id: str) -> list[DemoDish]:
        try:
            items = (await self._client.availability((self._brand_id, poi_id), "POS")).items
        except Refused:
            return []
        keys = [(item.object_type, item.object_id) for item in items if not item.sellable]
        return [self._dishes[key] for key in keys if key in self._dishes]

    async def _cook(self, poi_id: str, dish: DemoDish) -> None:
        await asyncio.sleep(self._draw.uniform(*_COOKING_SECONDS))
        batch = limited(dish.object_id, dish.portions or 0, object_type=dish.object_type)
        await set_stock(self._client, self._brand_id, poi_id, [batch])
        self._cooking.discard((poi_id, dish.object_type, dish.object_id))
        self.counts["cooked"] += 1
