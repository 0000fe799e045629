"""Where the queues of a topic are, by the name servers."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from .channel import Channel
from .remoting import SUCCESS, Answer, RemotingFailed

_ROUTE = 105
_TOPIC = 351
_MAIN = "0"
_READABLE, _WRITABLE = 4, 2


class Queue(NamedTuple):
    """One of a topic's, on the broker of a name, at an address. They are in the same order for whoever asks."""

    broker: str
    number: int
    address: str


class Route(NamedTuple):
    """A topic's queues to read from and to write to."""

    readable: Sequence[Queue]
    writable: Sequence[Queue]


class _Broker(msgspec.Struct):
    name: str = msgspec.field(name="brokerName")
    addresses: Mapping[str, str] = msgspec.field(name="brokerAddrs")


class _Queues(msgspec.Struct):
    broker: str = msgspec.field(name="brokerName")
    to_read: int = msgspec.field(name="readQueueNums")
    to_write: int = msgspec.field(name="writeQueueNums")
    permission: int = msgspec.field(name="perm")


class _Route(msgspec.Struct):
    brokers: list[_Broker] = msgspec.field(name="brokerDatas")
    queues: list[_Queues] = msgspec.field(name="queueDatas")


class _Topic(msgspec.Struct):
    attributes: dict[str, str] = {}


_read_route = msgspec.json.Decoder(_Route).decode
_read_topic = msgspec.json.Decoder(_Topic).decode


class Routes:
    """By the name servers `host:port;host:port`, the first of them that answers. Raises RemotingFailed."""

    def __init__(self, name_servers: str) -> None:
        self._name_servers = [address for address in name_servers.split(";") if address]

    async def find(self, topic: str) -> Route:
        """Of the brokers that are up, as far as the name server has noticed."""
        reason = RemotingFailed("no name server is set")
        for address in self._name_servers:
            try:
                return _route(await _asked(address, _ROUTE, {"topic": topic, "acceptStandardJsonOnly": "true"}))
            except RemotingFailed as error:
                reason = error
        raise reason

    async def kind(self, topic: str, address: str) -> str:
        """What the messages of a topic are like, as a broker has been told; empty where it hasn't."""
        answer = await _asked(address, _TOPIC, {"topic": topic})
        try:
            return _read_topic(answer.body).attributes.get("message.type", "")
        except msgspec.MsgspecError as error:
            raise RemotingFailed(f"{address}: a topic that can't be read: {error}") from error


async def _asked(address: str, code: int, fields: Mapping[str, str]) -> Answer:
    channel = await Channel.opened(address)
    try:
        answer = await channel.ask(code, fields)
    finally:
        channel.close()
    if answer.code != SUCCESS:
        raise RemotingFailed(f"{address}: {answer.reason}")
    return answer


def _route(answer: Answer) -> Route:
    try:
        told = _read_route(answer.body)
    except msgspec.MsgspecError as error:
        raise RemotingFailed(f"a route that can't be read: {error}") from error
    at = {broker.name: broker.addresses[_MAIN] for broker in told.brokers if _MAIN in broker.addresses}
    readable, writable = list[Queue](), list[Queue]()
    for queues in sorted(told.queues, key=lambda each: each.broker):
        address = at.get(queues.broker)
        if address is None:
            continue
        if queues.permission & _READABLE:
            readable += [Queue(queues.broker, number, address) for number in range(queues.to_read)]
        if queues.permission & _WRITABLE:
            writable += [Queue(queues.broker, number, address) for number in range(queues.to_write)]
    return Route(readable, writable)
