"""What comes from a RocketMQ's broker, as messages of the port."""

import gzip
from typing import Any

import pytest

from eightysix.sync.rocketmq.client import load
from eightysix.sync.rocketmq.requests import Requests

BODY = b'{"type": "order.placed"}'
ZIPPED = gzip.compress(BODY)


@pytest.mark.parametrize(("sent", "told"), [(ZIPPED, BODY), (b"no gzip", b"no gzip"), (ZIPPED[:-9], ZIPPED[:-9])])
def test_what_is_said_to_be_compressed_and_is_not_comes_as_it_is(sent: bytes, told: bytes) -> None:
    """Whoever handles it puts it aside; could it not be received, its queue would stand still."""
    library = load()
    message: Any = library.wire.SendMessageRequest().messages.add()
    message.topic.name, message.body = "order_events", sent
    message.system_properties.body_encoding = library.wire.Encoding.GZIP
    requests = Requests.__new__(Requests)
    requests._library = library
    received = requests._received(message)
    assert received.message.body == told
