"""RocketMQ's official client in a process of its own, as an order service may use it: it speaks to the proxy.

`official.py receive PROXY TOPIC GROUP COUNT` prints what it got, a line of JSON each; `official.py send PROXY TOPIC
COUNT` sends the numbers to two groups in turn. Give it a HOME of its own: it makes a folder there when it is imported.
"""

import itertools
import json
import sys
from typing import Any

from rocketmq import ClientConfiguration, Credentials, FilterExpression, Message, Producer, SimpleConsumer


def receive(configuration: Any, topic: str, group: str, count: int) -> None:
    """So many different ones, acknowledged."""
    consumer = SimpleConsumer(configuration, group, {topic: FilterExpression()}, await_duration=2)
    consumer.startup()
    seen = set()
    while len(seen) < count:
        try:
            messages = consumer.receive(32, 15)
        except Exception as error:  # noqa: BLE001 - its first request often fails
            sys.stderr.write(f"{error!r}\n")
            continue
        for message in messages or ():
            body = message.body.decode()
            seen.add((message.message_group, body))
            told = {"body": body, "group": message.message_group, "keys": list(message.keys)}
            sys.stdout.write(json.dumps(told) + "\n")
            consumer.ack(message)
    consumer.shutdown()


def send(configuration: Any, topic: str, count: int) -> None:
    """One after the other."""
    producer = Producer(configuration)
    producer.startup()
    for number, group in zip(range(count), itertools.cycle(("even", "odd")), strict=False):
        message = Message()
        message.topic, message.body, message.message_group = topic, str(number).encode(), group
        producer.send(message)
    producer.shutdown()


if __name__ == "__main__":
    what, proxy, topic, *rest = sys.argv[1:]
    settings = ClientConfiguration(proxy, Credentials("", ""), request_timeout=5)
    if what == "receive":
        receive(settings, topic, rest[0], int(rest[1]))
    else:
        send(settings, topic, int(rest[0]))
