"""Topics and groups of consumers on RocketMQ's brokers: made where they are missing, the same where they are there."""

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from eightysix.sync.topics import Kind, Topic

from .remoting import Remoting, RemotingFailed

_MAKE_TOPIC = 17
_CLUSTER = 106
_MAKE_GROUP = 200
_DELETE_GROUP = 207
_LAG = 208

_QUEUES = 8
"""Of a topic on each broker. Each is consumed by one at a time, so this bounds how many consume side by side."""

_RETRIES_MAX = 1_000_000_000
"""RocketMQ moves what was tried more often to a topic where nobody looks. We try for ever: parking is ours to do."""

_READ_AND_WRITE = "6"


def group_name(topic: str, consumers: str) -> str:
    """What RocketMQ calls a group of consumers. It wants all members of a group to have the same topics."""
    return re.sub(r"[^%a-zA-Z0-9_-]", "_", f"{consumers}-{topic}")  # a host's name has dots


class Administration:
    """Of the brokers that the name servers (`host:port;host:port`) know. Blocks. Raises RemotingFailed."""

    def __init__(self, name_servers: str) -> None:
        self._name_servers = [address for address in name_servers.split(";") if address]

    def set_up(self, topics: Iterable[Topic]) -> None:
        """Make the topics and their durable groups, which begin with the oldest message."""
        with self._brokers() as brokers:
            for broker in brokers:
                for topic in topics:
                    _make_topic(broker, topic)
                    for consumers in topic.consumers:
                        _make_group(broker, topic.name, consumers, topic.kind, from_the_oldest=True)

    def make_group(self, topic: str, consumers: str, kind: Kind) -> None:
        """Make a group that begins with what comes next."""
        with self._brokers() as brokers:
            for broker in brokers:
                _make_group(broker, topic, consumers, kind, from_the_oldest=False)

    def delete_group(self, topic: str, consumers: str) -> None:
        """Delete the group and how far it came."""
        with self._brokers() as brokers:
            for broker in brokers:
                broker.call(_DELETE_GROUP, {"groupName": group_name(topic, consumers), "cleanOffset": "true"})

    def lag(self, topic: str, consumers: str) -> int:
        """How many messages the group hasn't consumed."""
        fields = {"consumerGroup": group_name(topic, consumers), "topic": topic}
        total = 0
        with self._brokers() as brokers:
            for broker in brokers:
                text = broker.call(_LAG, fields).decode()  # its maps have objects as keys: no JSON
                for there, consumed in re.findall(r'"brokerOffset":(\d+),"consumerOffset":(-?\d+)', text):
                    total += int(there) - max(int(consumed), 0)
        return total

    @contextlib.contextmanager
    def _brokers(self) -> Iterator[Sequence[Remoting]]:
        with contextlib.ExitStack() as stack:
            yield [stack.enter_context(Remoting(address)) for address in self._addresses()]

    def _addresses(self) -> list[str]:
        """Of every broker that takes writes; asked of the first name server that answers."""
        reason = RemotingFailed("no name server is set")
        for name_server in self._name_servers:
            try:
                with Remoting(name_server) as connection:
                    text = connection.call(_CLUSTER).decode()
            except RemotingFailed as error:
                reason = error
                continue
            found = re.findall(r'"brokerAddrs":\{"?0"?:"([^"]+)"', text)  # keys are bare numbers: no JSON
            if found:
                return sorted(set(found))
            reason = RemotingFailed(f"{name_server}: no broker has come up yet")
        raise reason


class OwnGroup(msgspec.Struct, frozen=True):
    """A group that lives as long as its one member. What a killed process leaves behind costs the brokers a line."""

    administration: Administration
    topic: str
    consumers: str
    kind: Kind

    def make(self) -> None:
        """Before the member begins. Raises RemotingFailed."""
        self.administration.make_group(self.topic, self.consumers, self.kind)

    def delete(self) -> None:
        """After it has ended. Raises RemotingFailed."""
        self.administration.delete_group(self.topic, self.consumers)


def _make_topic(broker: Remoting, topic: Topic) -> None:
    broker.call(
        _MAKE_TOPIC,
        {
            "topic": topic.name,
            "defaultTopic": "TBW102",
            "readQueueNums": str(_QUEUES),
            "writeQueueNums": str(_QUEUES),
            "perm": _READ_AND_WRITE,
            "topicFilterType": "SINGLE_TAG",
            "topicSysFlag": "0",
            "order": "false",
            "attributes": f"+message.type={topic.kind}",
        },
    )


def _make_group(broker: Remoting, topic: str, consumers: str, kind: Kind, *, from_the_oldest: bool) -> None:
    group = {
        "groupName": group_name(topic, consumers),
        "consumeEnable": True,
        "consumeMessageOrderly": kind is Kind.FIFO,
        "consumeFromMinEnable": from_the_oldest,
        "retryMaxTimes": _RETRIES_MAX,
    }
    broker.call(_MAKE_GROUP, body=json.dumps(group).encode())
