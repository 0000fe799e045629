"""How many messages a bus takes a second, and how long they are on their way from `publish` to their handler.

Publisher and consumer are this one process, as relay and gateway are in `serve`. Run ``python bench/bus.py [--bus URL]
[--messages 20000] [--groups 1000] [--bytes 500] [--rate 1000]``; without a URL it is the bus within a process, with one
a RocketMQ on which it makes a topic of its own. ``--rate 0`` publishes as fast as it goes, one message of each group at
a time; latencies then say how long the queue was.
"""

import argparse
import asyncio
import json
import secrets
import time
from collections import defaultdict
from collections.abc import Sequence

import uvloop

from eightysix.sync.bus import Bus, BusMessage, BusUnavailable
from eightysix.sync.bus_url import addresses, open_bus
from eightysix.sync.rocketmq.rocketmq import RocketMQ
from eightysix.sync.topics import Kind, Topic

PATIENCE_SECONDS = 60


async def opened(url: str, topic: Topic) -> Bus:
    """The bus with the topic."""
    if not url:
        return await open_bus(url)
    bus = RocketMQ(addresses(url), [topic])
    await bus.set_up()
    return bus


async def measured(options: argparse.Namespace) -> dict[str, object]:
    """One run."""
    topic = Topic(f"bench_{secrets.token_hex(4)}", Kind.FIFO, ("bench",))
    bus = await opened(options.bus, topic)
    ways, got = list[float](), defaultdict[str, list[int]](list)
    padding = b" " + b"x" * options.bytes

    async def handle(messages: Sequence[BusMessage]) -> None:
        now = time.perf_counter()
        for message in messages:
            number, sent_at, _ = message.body.split(b" ")
            got[message.group].append(int(number))
            ways.append(now - float(sent_at))

    await bus.subscribe(topic.name, "bench", handle)
    await bus.publish(BusMessage(topic.name, f"0 {time.perf_counter()}".encode() + padding, "first"))
    await _until(lambda: bool(ways))
    ways.clear()
    began, each = time.perf_counter(), options.messages // options.groups

    async def store(group: int) -> None:
        for number in range(each):
            if options.rate:
                due = began + (number * options.groups + group) / options.rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
            body = f"{number} {time.perf_counter()}".encode() + padding
            await _published(bus, BusMessage(topic.name, body, f"6.sesame/{group}"))

    await asyncio.gather(*map(store, range(options.groups)))
    sent = time.perf_counter() - began
    await _until(lambda: len(ways) >= each * options.groups)
    received = time.perf_counter() - began
    await bus.close()
    ways.sort()
    del got["first"]
    return {
        "bus": options.bus.partition(":")[0] or "in process",
        "messages": len(ways),
        "sent_per_s": round(len(ways) / sent),
        "received_per_s": round(len(ways) / received),
        "p50_ms": round(ways[len(ways) // 2] * 1000, 1),
        "p99_ms": round(ways[int(len(ways) * 0.99)] * 1000, 1),
        "max_ms": round(ways[-1] * 1000, 1),
        "in_order": all(list(dict.fromkeys(numbers)) == list(range(each)) for numbers in got.values()),
    }


async def _published(bus: Bus, message: BusMessage) -> None:
    while True:
        try:
            await bus.publish(message)
        except BusUnavailable:
            await asyncio.sleep(0.1)
        else:
            return


async def _until(condition) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if condition():
                return
            await asyncio.sleep(0.005)


def main() -> None:
    """Measure, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bus", default="", metavar="URL")
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--groups", type=int, default=1_000)
    parser.add_argument("--bytes", type=int, default=500)
    parser.add_argument("--rate", type=float, default=1_000, help="messages a second; 0: as fast as it goes")
    print(json.dumps(uvloop.run(measured(parser.parse_args()))))


if __name__ == "__main__":
    main()
