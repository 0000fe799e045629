"""Messages as a broker keeps them and hands them out by the remoting protocol, many in one answer."""

import contextlib
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from eightysix.sync.bus import BusMessage

from .envelope import restored

_MAGIC_2 = -626843477
"""Of a message whose topic's length has two bytes."""

_HEAD = struct.Struct(">iiiiiqqiq")
"""Length, magic, checksum, queue, flag, place in the queue, place in the log, system flag, born at."""

_COMPRESSED, _BORN_V6, _STORED_V6 = 1, 1 << 4, 1 << 5
_GROUP, _CLAIM = "__SHARDINGKEY", "POP_CK"


class Stored(NamedTuple):
    """A message and its place in its queue. `claim` is whose it is now, where the broker has written that into it."""

    message: BusMessage
    queue: int
    place: int
    claim: str


def stored(frame: bytes) -> Iterator[Stored]:
    """What an answer holds. Raises struct.error, ValueError."""
    at = 0
    while at < len(frame):
        length, magic, _, queue, _, place, _, system, _ = _HEAD.unpack_from(frame, at)
        if length < _HEAD.size:
            raise ValueError(f"a message of {length} bytes")
        message, properties = _message(frame, at + _HEAD.size, magic, system)
        yield Stored(message, queue, place, properties.get(_CLAIM, ""))
        at += length


def _message(frame: bytes, at: int, magic: int, system: int) -> tuple[BusMessage, Mapping[str, str]]:
    at += 20 if system & _BORN_V6 else 8
    at += 8  # stored at
    at += 20 if system & _STORED_V6 else 8
    at += 4 + 8  # times delivered, place of its transaction
    body, at = _piece(frame, at, ">i")
    topic, at = _piece(frame, at, ">h" if magic == _MAGIC_2 else ">B")
    described, _ = _piece(frame, at, ">H")
    properties = dict(_pairs(described.decode()))
    if system & _COMPRESSED:  # somebody else's message; we compress nothing
        with contextlib.suppress(zlib.error):  # what isn't is for the handler to put aside, or the queue would stop
            body = zlib.decompress(body, zlib.MAX_WBITS | 32)
    return restored(topic.decode(), body, properties.get(_GROUP, ""), properties), properties


def _piece(frame: bytes, at: int, length: str) -> tuple[bytes, int]:
    (count,) = struct.unpack_from(length, frame, at)
    at += struct.calcsize(length)
    return frame[at : at + count], at + count


def _pairs(described: str) -> Iterator[tuple[str, str]]:
    for pair in described.split("\x02"):
        name, found, value = pair.partition("\x01")
        if found:
            yield name, value
