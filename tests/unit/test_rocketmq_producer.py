"""What a producer makes of the answers of a RocketMQ's brokers, played here by a server of the test's own."""

import asyncio
import contextlib
import json
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from eightysix.sync.bus import BusMessage, BusUnavailable, MessageRefused
from eightysix.sync.rocketmq import channel
from eightysix.sync.rocketmq.producer import Producer
from eightysix.sync.rocketmq.remoting import lengths
from eightysix.sync.rocketmq.routes import Routes
from eightysix.sync.rocketmq.sent import TOGETHER

_ROUTE, _TOPIC = 105, 351
_ILLEGAL, _BUSY, _NOT_FLUSHED, _NOT_COPIED = 13, 2, 10, 12
SILENT = -1


class Broker:
    """A name server and a broker in one, with one queue. `judge` says the code of each message, or of each request."""

    def __init__(self, judge: Callable[[bytes], int]) -> None:
        self.judge = judge
        self.requests: list[list[bytes]] = []
        self.port = 0
        self.open = asyncio.Event()
        self.open.set()
        self.asked = asyncio.Event()
        self.writers: list[asyncio.StreamWriter] = []
        self.serving: set[asyncio.Task[None] | None] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        self.serving.add(asyncio.current_task())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                rest, header = lengths(await reader.readexactly(8))
                frame = await reader.readexactly(rest)
                request = json.loads(frame[:header])
                code, body = await self.answer(request, frame[header:])
                if code == SILENT:
                    continue
                told = json.dumps({"code": code, "opaque": request["opaque"], "flag": 1}).encode()
                writer.write(struct.pack(">ii", 4 + len(told) + len(body), len(told)) + told + body)
        writer.close()

    async def answer(self, request: dict, body: bytes) -> tuple[int, bytes]:
        if request["code"] == _ROUTE:
            at = {"brokerName": "a", "brokerAddrs": {"0": f"127.0.0.1:{self.port}"}}
            queues = {"brokerName": "a", "readQueueNums": 1, "writeQueueNums": 1, "perm": 6}
            return 0, json.dumps({"brokerDatas": [at], "queueDatas": [queues]}).encode()
        if request["code"] == _TOPIC:
            return 0, b'{"attributes": {"message.type": "FIFO"}}'
        self.asked.set()
        await self.open.wait()
        bodies = list(_bodies(body)) if request["code"] == TOGETHER else [body]
        self.requests.append(bodies)
        return max((self.judge(each) for each in bodies), key=abs), b""


def _bodies(batch: bytes):
    at = 0
    while at < len(batch):
        length, _, _, _, size = struct.unpack_from(">iiiii", batch, at)
        yield batch[at + 20 : at + 20 + size]
        at += length


@asynccontextmanager
async def producing(judge: Callable[[bytes], int] = lambda _: 0) -> AsyncIterator[tuple[Producer, Broker]]:
    broker = Broker(judge)
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    broker.port = server.sockets[0].getsockname()[1]
    producer = Producer(Routes(f"127.0.0.1:{broker.port}"))
    try:
        yield producer, broker
    finally:
        await producer.close()
        server.close()
        await server.wait_closed()
        await asyncio.wait(broker.serving)


def message(body: bytes, group: str = "1") -> BusMessage:
    return BusMessage("poi_stock", body, group)


async def _publish_beside(producer: Producer, broker: Broker, *bodies: bytes) -> list[BaseException | None]:
    """While the queue waits for another message's answer; what came of each."""
    broker.open.clear()
    first = asyncio.create_task(producer.publish(message(b"first")))
    await broker.asked.wait()
    others = [asyncio.create_task(producer.publish(message(each, f"g{each!r}"))) for each in bodies]
    await asyncio.sleep(0.01)
    broker.open.set()
    await first
    return await asyncio.gather(*others, return_exceptions=True)


async def test_what_comes_while_a_queue_is_asked_goes_together_in_its_order() -> None:
    async with producing() as (producer, broker):
        assert await _publish_beside(producer, broker, b"1", b"2", b"3") == [None] * 3
    assert broker.requests == [[b"first"], [b"1", b"2", b"3"]]


async def test_of_those_that_go_together_only_who_is_to_blame_is_refused() -> None:
    async with producing(lambda body: _ILLEGAL if body == b"2" else 0) as (producer, broker):
        results = await _publish_beside(producer, broker, b"1", b"2", b"3")
    assert [type(each) for each in results] == [type(None), MessageRefused, type(None)]
    assert broker.requests == [[b"first"], [b"1", b"2", b"3"], [b"1"], [b"2"], [b"3"]]


@pytest.mark.parametrize("code", [_BUSY, _NOT_FLUSHED, _NOT_COPIED])
async def test_published_means_stored_as_the_broker_is_set_up_to(code: int) -> None:
    async with producing(lambda _: code) as (producer, _):
        with pytest.raises(BusUnavailable, match=str(code)):
            await producer.publish(message(b"{}"))


async def test_a_broker_that_keeps_silent_is_given_up_and_asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel.Channel.ask, "__defaults__", (b"", 0.2))
    async with producing(lambda body: SILENT if body == b"1" else 0) as (producer, broker):
        with pytest.raises(BusUnavailable, match="no answer"):
            await producer.publish(message(b"1"))
        await producer.publish(message(b"2"))
    assert broker.requests == [[b"1"], [b"2"]]


async def test_a_connection_that_was_lost_is_made_again() -> None:
    async with producing() as (producer, broker):
        await producer.publish(message(b"1"))
        for writer in broker.writers:
            writer.close()
        await asyncio.sleep(0.01)
        await producer.publish(message(b"2"))
    assert broker.requests == [[b"1"], [b"2"]]


async def test_who_has_given_up_is_left_out() -> None:
    async with producing() as (producer, broker):
        broker.open.clear()
        first = asyncio.create_task(producer.publish(message(b"1")))
        await broker.asked.wait()
        second = asyncio.create_task(producer.publish(message(b"2", "2")))
        await asyncio.sleep(0.01)
        second.cancel()
        broker.open.set()
        await first
    assert broker.requests == [[b"1"]]
