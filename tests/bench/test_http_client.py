"""The load generator against a server that does what the test wants."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from eightysix.cli.benching.http_client import Assignment, ClosedLoop, SteadyLoad
from eightysix.cli.benching.workload import Load

Answer = Callable[[str, dict[str, object]], tuple[int, float]]
"""Path and body to status and seconds of delay."""


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[int]:
    serving: set[asyncio.Task[object] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next(int(line[15:]) for line in head.splitlines() if line.startswith("Content-Length:"))
                body = json.loads(await reader.readexactly(length))
                status, delay = answer(head.split()[1], body)
                await asyncio.sleep(delay)
                writer.write(b"HTTP/1.1 %d X\r\ncontent-length: 2\r\n\r\n{}" % status)
        except asyncio.IncompleteReadError:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]
        await asyncio.gather(*filter(None, serving))


def assignment(port: int, verb: str, clients: int = 4) -> Assignment:
    return Assignment(Load("uniform", verb, clients, 0.3, 7, 20, 5, 0.05), "127.0.0.1", port, "key")


async def test_each_order_is_new_and_names_two_dishes_of_one_store() -> None:
    seen: list[dict[str, object]] = []

    def answer(path: str, body: dict[str, object]) -> tuple[int, float]:
        assert path == "/api/v1/stock/lock"
        seen.append(body)
        return 200, 0.0

    async with server(answer) as port:
        found = await ClosedLoop(assignment(port, "lock")).run()
    assert found.sample.failed == 0
    assert 0 < found.sample.done <= len(seen)
    assert len({body["order_id"] for body in seen}) == len(seen)
    assert len({body["poiId"] for body in seen}) > 10
    for body in seen:
        first, second = body["lines"]
        assert 1 <= first["sku_id"] < second["sku_id"] <= 5


async def test_a_life_is_a_lock_and_then_its_deduct() -> None:
    locked: list[object] = []
    paid: list[object] = []

    def answer(path: str, body: dict[str, object]) -> tuple[int, float]:
        if path.endswith("/lock"):
            locked.append(body["order_id"])
        else:
            assert path.endswith("/deduct")
            assert body["order_id"] in locked
            paid.append(body["order_id"])
        return 200, 0.0

    async with server(answer) as port:
        found = await ClosedLoop(assignment(port, "life")).run()
    assert 0 < found.sample.done <= len(paid) == len(locked)


async def test_what_is_not_200_is_a_failure_and_no_order() -> None:
    async with server(lambda path, body: (409, 0.0)) as port:
        found = await ClosedLoop(assignment(port, "lock")).run()
    assert found.sample.done == 0
    assert found.sample.failed > 0
    assert found.sample.failure == "409 {}"


async def test_a_stall_makes_every_request_late_that_should_have_left_meanwhile() -> None:
    asked = 0

    def answer(path: str, body: dict[str, object]) -> tuple[int, float]:
        nonlocal asked
        asked += 1
        return 200, 0.2 if asked == 220 else 0.0

    async with server(answer) as port:
        found = await SteadyLoad(assignment(port, "life", clients=1), 200).run()
    # 210 requests to warm up and to have something to pay, then 60 for the record; the tenth of those is stalled
    assert asked == 270
    assert found.sample.done == 60
    # the one connection stood still for 200 of 300 ms: 40 requests waited, not one, 100 ms on average
    assert found.sample.latency is not None
    assert found.sample.latency.mean_ms > 40
