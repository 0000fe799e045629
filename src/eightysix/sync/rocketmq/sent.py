"""Messages as a broker takes them by the remoting protocol, alone or many of one queue in one request."""

import itertools
import os
import struct
import time
import uuid

import msgspec

from eightysix.sync.bus import BusMessage

from .envelope import transported

ALONE, TOGETHER = 310, 320
"""Codes of the requests."""

_PRODUCERS = "eightysix"
_GROUP, _KEYS, _ID, _DUE = "__SHARDINGKEY", "KEYS", "UNIQ_KEY", "TIMER_DELIVER_MS"
_EPOCH = 1_609_459_200
"""From which RocketMQ 5 counts the seconds in an id: 2021."""

_process = f"01{uuid.getnode():012X}{os.getpid() & 0xFFFF:04X}"
_numbers = itertools.count()


class Sent(msgspec.Struct, frozen=True):
    """A message's body and properties. `by_itself`: it can't be sent with others."""

    body: bytes
    properties: str
    by_itself: bool

    @property
    def size(self) -> int:
        """About how many bytes it takes in a request."""
        return len(self.body) + len(self.properties)


def sent(message: BusMessage) -> Sent:
    """As it is to be sent."""
    group, properties = transported(message)
    properties[_ID] = f"{_process}{int(time.time()) - _EPOCH:08X}{next(_numbers) & 0xFFFF_FFFF:08X}"
    if group:
        properties[_GROUP] = group
    if message.key:
        properties[_KEYS] = message.key
    if message.deliver_at is not None:
        properties[_DUE] = str(message.deliver_at)
    return Sent(message.body, _described(properties), message.deliver_at is not None)


def header(topic: str, queue: int, *, properties: str, is_batch: bool) -> dict[str, str]:
    """Of a request; its names are one letter each. Of a batch each message has its own properties."""
    return {
        "a": _PRODUCERS,
        "b": topic,
        "c": "TBW102",
        "d": "4",
        "e": str(queue),
        "f": "0",
        "g": str(time.time_ns() // 1_000_000),
        "h": "0",
        "i": properties,
        "j": "0",
        "k": "false",
        "m": "true" if is_batch else "false",
    }


def together(messages: list[Sent]) -> bytes:
    """The body of a batch: of each its length, three numbers that the broker makes itself, its body, its properties."""
    parts = []
    for message in messages:
        properties = message.properties.encode()
        length = 22 + len(message.body) + len(properties)
        parts += [
            struct.pack(">iiiii", length, 0, 0, 0, len(message.body)),
            message.body,
            struct.pack(">H", len(properties)),
            properties,
        ]
    return b"".join(parts)


def _described(properties: dict[str, str]) -> str:
    return "".join(f"{name}\x01{value}\x02" for name, value in properties.items())
