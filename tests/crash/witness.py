"""Compares what the service shows with what it acknowledged; every difference is a complaint, in words."""

import asyncio
from collections import Counter
from collections.abc import Iterable

from eightysix.cli.checking.inspection import inspect_database, read_catalogue
from eightysix.cli.checking.sentence import sentence
from eightysix.storage.open import open_database
from tests.crash.load import Load
from tests.crash.order import Lines, Order, shown
from tests.crash.shop import STOCKS, STORES, Caller

_TOGETHER = 16
_SETTLE_SECONDS = 4.0


class Witness:
    """`seen` counts what was looked at; `complaints` is empty when every promise was kept."""

    def __init__(self, load: Load) -> None:
        self.complaints: list[str] = []
        self.seen: Counter[str] = Counter()
        self._load = load

    async def audit(self, database: str) -> None:
        """What `eightysix check` finds."""
        opened = await open_database(database, owner="crash-audit")
        try:
            inspection = await inspect_database(opened, catalogue=await read_catalogue(database))
        finally:
            await opened.close()
        self.seen["audits"] += 1
        self.complaints += [f"check: {sentence(finding)}" for finding in inspection.findings]

    async def orders(self, caller: Caller, orders: Iterable[Order]) -> None:
        """Each order is as it was acknowledged; what is under way is there as a whole or not at all, and a repeat
        settles which."""
        waiting = list(orders)

        async def look() -> None:
            while waiting:
                await self._order(caller, waiting.pop())

        await asyncio.gather(*(look() for _ in range(_TOGETHER)))

    async def stocks(self, caller: Caller) -> None:
        """What is left of each stock is what the acknowledged orders left: none was applied twice, or halfway."""
        expected: dict[str, dict[tuple[int, int], float]] = {poi_id: dict(STOCKS) for poi_id in STORES}
        for order in self._load.orders:
            for stock, much in order.consumed().items():
                expected[order.poi_id][stock] -= much
        for poi_id in STORES:
            found = await self._settled(caller, poi_id, expected[poi_id])
            self.complaints += [
                f"{poi_id} {stock}: {much} should be left, {found.get(stock)} are"
                for stock, much in expected[poi_id].items()
                if found.get(stock) != much
            ]

    async def _settled(
        self, caller: Caller, poi_id: str, expected: dict[tuple[int, int], float]
    ) -> dict[tuple[int, int], float]:
        """What is left, once the locks of a second are over."""
        deadline = asyncio.get_running_loop().time() + _SETTLE_SECONDS
        while True:
            found = await caller.available(poi_id)
            if found == expected or asyncio.get_running_loop().time() > deadline or not self._waits_for_a_death():
                return found
            await asyncio.sleep(0.05)

    def _waits_for_a_death(self) -> bool:
        return any(order.dies for order in self._load.orders)

    async def _order(self, caller: Caller, order: Order) -> None:
        self.seen["orders"] += 1
        found = shown(await caller.order(order.poi_id, order.order_id))
        if order.under_way is not None and order.under_way.unanswered + order.under_way.refused:
            await self._settle(caller, order, found)
        else:
            self._compare(order, found, order.lines)
            await self._repeat(caller, order)

    async def _settle(self, caller: Caller, order: Order, found: Lines) -> None:
        """An operation without a final answer: before or after, nothing between; its repeat says which it was."""
        operation, before = order.under_way, order.lines
        assert operation is not None
        is_done = _alike(order, found, operation.after)
        if not is_done and not _alike(order, found, before):
            self.complaints.append(f"{order.order_id}: {operation.verb} is half there: {found}")
        if is_done and not operation.unanswered:
            self.complaints.append(f"{order.order_id}: {operation.verb} was answered 503 but done")
        self.seen["unanswered, done" if is_done else "unanswered, not done"] += 1
        status, answer = await caller.verb(operation.verb, operation.body)
        self._load.hear(order, operation, status, answer)
        if status == 200 and answer["replayed"] is not is_done and not order.dies:
            self.complaints.append(f"{order.order_id}: {operation.verb} found {found}, repeated: {answer}")
        self._compare(order, shown(await caller.order(order.poi_id, order.order_id)), order.lines)

    async def _repeat(self, caller: Caller, order: Order) -> None:
        """What was acknowledged last is a replay now, and changes nothing."""
        if order.last is None or order.dies:
            return
        self.seen["repeats"] += 1
        status, answer = await caller.verb(order.last.verb, order.last.body)
        if status != 200 or not answer["replayed"] or answer["state"] != (order.last.answer or {})["state"]:
            self.complaints.append(f"{order.order_id}: {order.last.verb} repeated: {status} {answer}")
        self._compare(order, shown(await caller.order(order.poi_id, order.order_id)), order.lines)

    def _compare(self, order: Order, found: Lines, expected: Lines) -> None:
        if not _alike(order, found, expected):
            self.complaints.append(f"{order.order_id}: acknowledged {expected}, found {found}")


def _alike(order: Order, found: Lines, expected: Lines) -> bool:
    if not order.dies:
        return found == expected
    amounts = [{key: line.quantity for key, line in lines.items()} for lines in (found, expected)]
    return amounts[0] == amounts[1] and {line.state for line in found.values()} <= {"LOCKED", "EXPIRED"}
