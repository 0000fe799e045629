"""The little that is needed of RocketMQ's remoting protocol: one request, one answer, over a connection of its own.

A frame is its length, the header's length (whose top byte names the serialisation, 0 being JSON), the header and a
body. gRPC, which the client library speaks, has no word for making topics and groups.
"""

import itertools
import json
import socket
import struct
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

_HEADER_LENGTH = 0x00FF_FFFF
_FRAME_BYTES_MAX = 16 * 1024 * 1024
_PROTOCOL_VERSION = 477


LENGTHS = 8
"""Bytes that a frame begins with."""


class RemotingFailed(ConnectionError):
    """The server can't be had, or says no; the message has its reason."""


def framed(code: int, opaque: int, fields: Mapping[str, str], body: bytes = b"") -> bytes:
    """A request."""
    header = json.dumps(
        {
            "code": code,
            "language": "PYTHON",
            "version": _PROTOCOL_VERSION,
            "opaque": opaque,
            "flag": 0,
            "extFields": dict(fields),
            "serializeTypeCurrentRPC": "JSON",
        }
    ).encode()
    return struct.pack(">ii", 4 + len(header) + len(body), len(header)) + header + body


def lengths(head: bytes) -> tuple[int, int]:
    """How long the rest of a frame is, by its first bytes, and the header in it. Raises ValueError."""
    total, marked = struct.unpack(">iI", head)
    if not 4 <= total <= _FRAME_BYTES_MAX:
        raise ValueError(f"a frame of {total} bytes")
    return total - 4, marked & _HEADER_LENGTH


class Remoting:
    """A connection to a name server or a broker, `host:port`. Blocks, so use it on a thread. Raises RemotingFailed."""

    def __init__(self, address: str, timeout_seconds: float = 5.0) -> None:
        host, _, port = address.rpartition(":")
        self._address = address
        self._opaque = itertools.count(1)
        try:
            self._socket = socket.create_connection((host, int(port)), timeout_seconds)
        except (OSError, ValueError) as error:
            raise RemotingFailed(f"{address}: {error}") from error

    def call(self, code: int, fields: Mapping[str, str] | None = None, body: bytes = b"") -> bytes:
        """Send a request, answer the body of what comes back."""
        try:
            self._socket.sendall(framed(code, next(self._opaque), fields or {}, body))
            answer, content = self._read()
        except (OSError, ValueError, struct.error) as error:
            raise RemotingFailed(f"{self._address}: {error}") from error
        if answer["code"] != 0:
            raise RemotingFailed(f"{self._address}: request {code}: {answer['code']} {answer.get('remark')}")
        return content

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self) -> tuple[dict[str, Any], bytes]:
        rest, header = lengths(self._exactly(LENGTHS))
        frame = self._exactly(rest)
        return json.loads(frame[:header]), frame[header:]

    def _exactly(self, count: int) -> bytes:
        read = bytearray()
        while len(read) < count:
            part = self._socket.recv(count - len(read))
            if not part:
                raise ConnectionError("the connection was closed")
            read += part
        return bytes(read)
