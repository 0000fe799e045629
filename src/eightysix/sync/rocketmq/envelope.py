"""How a message of the port travels as one of RocketMQ's, whose groups are short and whose keys hold no space."""

import hashlib
from collections.abc import Mapping

from eightysix.sync.bus import BusMessage

_GROUP_BYTES_MAX = 63
"""What a proxy takes unless told otherwise."""

_DIGEST_CHARACTERS = 48

_GROUP = "eightysix-group"
_KEY = "eightysix-key"


def transported(message: BusMessage) -> tuple[str, dict[str, str]]:
    """The group that the broker sees, and the properties that restore what it doesn't."""
    properties = {_KEY: message.key} if message.key else {}
    group = message.group
    if not group or (group.isascii() and len(group) <= _GROUP_BYTES_MAX):
        return group, properties
    properties[_GROUP] = group
    return hashlib.sha256(group.encode()).hexdigest()[:_DIGEST_CHARACTERS], properties


def restored(topic: str, body: bytes, group: str, properties: Mapping[str, str]) -> BusMessage:
    """The message as it was published. The time of a delayed one has passed and isn't told."""
    return BusMessage(topic, body, properties.get(_GROUP, group), properties.get(_KEY, ""))
