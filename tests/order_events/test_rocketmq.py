"""Orders by messages over a real RocketMQ: consuming processes are killed, messages come shuffled and doubled. Every
order ends as it should, every event is answered, and an event's answers are all the same.

That the broker may be killed too is shown in tests/bus, for every consumer."""

import asyncio
import contextlib
import json
import random
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from eightysix.storage.migrate import migrate
from eightysix.storage.open import open_database
from eightysix.sync.bus import BusMessage, BusUnavailable
from eightysix.wire.order_event import ANSWERS_TOPIC
from tests.engine.shop import audit
from tests.sync.condition import until

from .desk import cancelled, message, paid, placed, returned
from .street import ORDER_SERVICE, Marked, Street

STORES = [f"store-{number}" for number in range(6)]
ORDERS = 8
RESULTS = {1: "locked", 2: "deducted", 3: "returned", 4: "refused"}
WHOLE = len(STORES) * ORDERS * len(RESULTS)
SECONDS = 120


class OrderService:
    """Tells what happens, and keeps what it is answered."""

    def __init__(self, bus: Marked) -> None:
        self.bus = bus
        self.answers: dict[tuple[str, str, int], list[Any]] = {}

    async def keep(self, messages: Sequence[BusMessage]) -> None:
        for each in messages:
            answer = json.loads(each.body)
            key = answer["poiId"], answer["order_id"], answer["order_seq"]
            self.answers.setdefault(key, []).append(answer)

    async def tell(self, events: Sequence[dict[str, Any]]) -> None:
        """Publish each, as often as it takes; several stores' at once."""
        by_store: dict[str, list[dict[str, Any]]] = {}
        for event in events:
            by_store.setdefault(event["poiId"], []).append(event)
        await asyncio.gather(*(self._tell_one_store(of_store) for of_store in by_store.values()))

    async def _tell_one_store(self, events: Sequence[dict[str, Any]]) -> None:
        for event in events:
            while True:
                try:
                    await self.bus.publish(message(event))
                    break
                except BusUnavailable:
                    await asyncio.sleep(0.1)

    async def until_answered(self, count: int) -> None:
        await until(lambda: len(self.answers) >= count, SECONDS)


@contextlib.asynccontextmanager
async def workers() -> AsyncIterator[Any]:
    """Starts consuming processes; all are killed at the end."""
    started: list[asyncio.subprocess.Process] = []

    async def start(database_url: str, street: Street) -> asyncio.subprocess.Process:
        arguments = ("-m", "tests.order_events.worker", database_url, street.url, street.mark, *STORES)
        started.append(await asyncio.create_subprocess_exec(sys.executable, *arguments))
        return started[-1]

    try:
        yield start
    finally:
        for process in started:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def what_happens(disorder: random.Random) -> list[dict[str, Any]]:
    """Every order of every store, shuffled and doubled."""
    events = []
    for poi_id in STORES:
        for number in range(ORDERS):
            order_id, at = f"order-{number}", {"poiId": poi_id}
            part = [{"sku_id": 1, "quantity": 1, "restock": True}]
            events += [
                placed(1, order_id, portions=3, **at),
                paid(2, order_id, **at),
                returned(3, order_id, lines=part, **at),
                cancelled(4, order_id, **at),
            ]
    events += disorder.choices(events, k=len(events))
    disorder.shuffle(events)
    return events


async def check(service: OrderService, database_url: str) -> None:
    """Each order has ended as it should, and was told so."""
    assert {key: answers[0]["result"] for key, answers in service.answers.items()} == {
        (poi_id, f"order-{number}", seq): result
        for poi_id in STORES
        for number in range(ORDERS)
        for seq, result in RESULTS.items()
    }
    for answers in service.answers.values():
        assert all(answer == answers[0] for answer in answers), "every repeat has the same answer"
    database = await open_database(database_url, owner="checker")
    try:
        books = await audit(database)
        for poi_id in STORES:
            lines = [(line.state.name, line.quantity, line.returned) for line in books[poi_id].reservations]
            assert lines == [("DEDUCTED", 3_000, 1_000)] * ORDERS
        assert await database.parked_messages.page(None, None, 10) == []
    finally:
        await database.close()


@pytest.mark.timeout(300)
async def test_consumers_are_killed_in_the_middle(postgres_url: str, rocketmq_server: str) -> None:
    await migrate(postgres_url)
    street = Street(rocketmq_server)
    service = OrderService(await street.bus())
    await service.bus.subscribe(ANSWERS_TOPIC, ORDER_SERVICE, service.keep)
    events = what_happens(random.Random(86))
    async with workers() as start:
        first, second = await start(postgres_url, street), await start(postgres_url, street)
        telling = asyncio.create_task(service.tell(events))
        for process, answered in ((first, WHOLE // 8), (second, WHOLE // 2)):
            await service.until_answered(answered)
            process.kill()
            await start(postgres_url, street)
        await telling
        await service.until_answered(WHOLE)
    await check(service, postgres_url)
    await service.bus.close()
