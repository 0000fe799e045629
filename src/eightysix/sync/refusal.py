"""What no bus takes, so that a message which one bus refuses is refused by every other."""

import re
from functools import lru_cache

from .bus import BusMessage, MessageRefused

BODY_BYTES_MAX = 4 * 1024 * 1024
"""RocketMQ's limit, which its brokers have unless told otherwise."""

NAME_CHARACTERS_MAX = 255
"""Of a group or a key. Two ids of 64 characters and what separates them are well below."""

_TOPIC = re.compile(r"[%a-zA-Z0-9_-]{1,127}")


@lru_cache(maxsize=64)
def _is_topic(name: str) -> bool:
    return _TOPIC.fullmatch(name) is not None


def refuse(message: BusMessage) -> None:
    """Raise MessageRefused for a message that no bus takes, with the reason."""
    if not _is_topic(message.topic):
        raise MessageRefused(f"{message.topic!r} can't be the name of a topic")
    if not message.body:
        raise MessageRefused("a message without a body")
    if len(message.body) > BODY_BYTES_MAX:
        raise MessageRefused(f"a body of {len(message.body)} bytes; the most is {BODY_BYTES_MAX}")
    for what, name in (("group", message.group), ("key", message.key)):
        if len(name) > NAME_CHARACTERS_MAX:
            raise MessageRefused(f"a {what} of {len(name)} characters; the most is {NAME_CHARACTERS_MAX}")
        if name.isspace():
            raise MessageRefused(f"a {what} of nothing but spaces")
        if not name.isprintable():
            raise MessageRefused(f"{name!r} can't be a {what}: it has characters that can't be printed")
    if message.group and message.deliver_at is not None:
        raise MessageRefused("a delayed message has no group: order and delay exclude each other")
