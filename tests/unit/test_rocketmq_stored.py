"""Messages as a RocketMQ's broker hands them out, many in one frame."""

import gzip
import struct
import zlib

import pytest

from eightysix.sync.bus import BusMessage
from eightysix.sync.rocketmq.envelope import transported
from eightysix.sync.rocketmq.stored import stored as read

_MAGICS = (-626843481, -626843477)
_COMPRESSED, _V6 = 1, 1 << 4 | 1 << 5


def stored(message: BusMessage, magic: int = _MAGICS[0], system: int = 0) -> bytes:
    """As the broker keeps it."""
    group, properties = transported(message)
    pairs = {"__SHARDINGKEY": group, "UNIQ_KEY": "1"} | properties
    described = "".join(f"{name}\x01{value}\x02" for name, value in pairs.items()).encode()
    host = bytes(20 if system & _V6 else 8)
    topic = message.topic.encode()
    rest = host + bytes(8) + host + bytes(12) + struct.pack(">i", len(message.body)) + message.body
    rest += struct.pack(">B" if magic == _MAGICS[0] else ">h", len(topic)) + topic
    rest += struct.pack(">H", len(described)) + described
    head = struct.Struct(">iiiiiqqiq")
    return head.pack(head.size + len(rest), magic, 0, 3, 0, 7, 70, system, 0) + rest


@pytest.mark.parametrize("magic", _MAGICS)
@pytest.mark.parametrize("system", [0, _V6])
def test_each_of_a_frame_comes_as_it_was_published(magic: int, system: int) -> None:
    sent = [BusMessage("poi_stock", body, group, "k") for body, group in ((b"{}", "6.sesame/1"), (b"x" * 500, "芝麻"))]
    assert [each.message for each in read(b"".join(stored(message, magic, system) for message in sent))] == sent


def test_what_is_compressed_is_restored_and_what_is_not_comes_as_it_is() -> None:
    """Whoever handles it puts it aside; could it not be read, its queue would stand still."""
    sent = (zlib.compress(b"{}"), gzip.compress(b"{}"), gzip.compress(b"{}")[:-9], b"no")
    frame = b"".join(stored(BusMessage("t", body, "g"), system=_COMPRESSED) for body in sent)
    assert [each.message.body for each in read(frame)] == [b"{}", b"{}", sent[2], b"no"]


def test_a_frame_that_is_none_is_refused_and_does_not_go_round_for_ever() -> None:
    with pytest.raises((ValueError, struct.error)):
        list(read(bytes(100)))
