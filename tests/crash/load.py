"""A seeded load: customers who send one operation after another, and remember what they were told."""

import asyncio
import random
from collections import Counter
from itertools import count

from tests.crash.order import Operation, Order
from tests.crash.shop import STORES, Caller
from tests.crash.wire import NoAnswer

_AGAIN_SECONDS = 0.05
_SHORT = {"lock", "amend"}
"""The verbs that may be refused for lack of stock."""


class Load:
    """All orders there ever were. `complaints` are answers that should not have been given."""

    def __init__(self, seed: int, customers: int = 32) -> None:
        self.orders: list[Order] = []
        self.told: Counter[str] = Counter()
        self.complaints: list[str] = []
        self._customers = customers
        self._seed = seed
        self._numbers = count()
        self._waiting: list[Order] = []
        self._news = asyncio.Event()

    async def run(self, caller: Caller, stop: asyncio.Event) -> None:
        """Order until `stop` is set or the service is gone; an order cut short goes on at the next run."""
        self._waiting = [order for order in self.orders if order.next() is not None]
        await asyncio.gather(*(self._customer(caller, stop) for _ in range(self._customers)))

    async def acknowledged(self, wanted: int) -> None:
        """Return when that many more operations are done."""
        await self.heard("200", wanted)

    async def heard(self, answer: str, wanted: int) -> None:
        """Return when that many more calls came to `answer`."""
        goal = self.told[answer] + wanted
        async with asyncio.timeout(60):
            while self.told[answer] < goal:
                self._news.clear()
                await self._news.wait()

    def hear(self, order: Order, operation: Operation, status: int, answer: dict[str, object]) -> None:
        """Take in the answer to what `order` has under way."""
        self.told[str(status)] += 1
        self._news.set()
        name = f"{order.order_id} {operation.verb}"
        if status == 200:
            if answer["replayed"] and not operation.unanswered:
                self.complaints.append(f"{name}: a replay of what was never done: {answer}")
            order.accept(answer)
        elif status == 503:
            operation.refused += 1
        elif status == 409 and answer["code"] == "OUT_OF_STOCK" and operation.verb in _SHORT:
            order.refuse()
        else:
            self.complaints.append(f"{name}: {status} {answer}")
            order.refuse()

    async def _customer(self, caller: Caller, stop: asyncio.Event) -> None:
        while not stop.is_set():
            order = self._waiting.pop() if self._waiting else self._order()
            while not stop.is_set() and (operation := order.next()) is not None:
                try:
                    status, answer = await caller.verb(operation.verb, operation.body)
                except NoAnswer:
                    operation.unanswered += 1
                    self.told["no answer"] += 1
                    return
                self.hear(order, operation, status, answer)
                if status == 503:
                    await asyncio.sleep(_AGAIN_SECONDS)

    def _order(self) -> Order:
        number = next(self._numbers)
        chance = random.Random(f"{self._seed}/{number}")
        order = Order(f"o{number}", chance.choice(STORES), chance)
        self.orders.append(order)
        return order
