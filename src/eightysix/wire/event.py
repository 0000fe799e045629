"""Server-sent events, as they stand on the wire."""

import msgspec


class SentEvent(msgspec.Struct, frozen=True, gc=False):
    """One event of the stream; `data` is JSON, as /asyncapi.json describes it by the event's name."""

    id: str
    event: str
    data: str


HEARTBEAT = b":\n\n"
"""A comment: it says that the connection lives."""

READY = "ready"
RESET = "reset"
CURRENT = "current"
NUDGE = "nudge"

encode = msgspec.json.Encoder().encode


def frame(cursor: str, event: str, data: bytes) -> bytes:
    """One event; `data` is JSON and so has no line breaks, `cursor` is what the receiver resumes from."""
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (cursor.encode(), event.encode(), data)
