"""RocketMQ's remoting protocol: requests and answers as frames, and a connection for those who can wait.

A frame is its length, the header's length (whose top byte names the serialisation, 0 being JSON), the header and a
body. An answer has the `opaque` of its request.
"""

import itertools
import socket
import struct
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import msgspec

_HEADER_LENGTH = 0x00FF_FFFF
_FRAME_BYTES_MAX = 16 * 1024 * 1024
_PROTOCOL_VERSION = 477

REQUEST_SECONDS = 3.0
"""For which an answer is waited for."""

SUCCESS = 0

LENGTHS = 8
"""Bytes that a frame begins with."""


class RemotingFailed(ConnectionError):
    """The server can't be had, or says no; the message has its reason."""


class Answer(msgspec.Struct):
    """What a server says to the request with this `opaque`. `flag` is odd, or it is a request of the server's own."""

    code: int
    opaque: int
    flag: int = 0
    remark: str | None = None
    fields: dict[str, str] = msgspec.field(name="extFields", default_factory=dict)
    body: bytes = b""

    @property
    def reason(self) -> str:
        """Why it says no."""
        return f"{self.code} {self.remark}"


class _Request(msgspec.Struct):
    code: int
    opaque: int
    fields: Mapping[str, str] = msgspec.field(name="extFields")
    language: str = "PYTHON"
    version: int = _PROTOCOL_VERSION
    flag: int = 0
    serialization: str = msgspec.field(name="serializeTypeCurrentRPC", default="JSON")


_write_header = msgspec.json.Encoder().encode
_read_header = msgspec.json.Decoder(Answer, strict=False).decode


def framed(code: int, opaque: int, fields: Mapping[str, str], body: bytes = b"") -> bytes:
    """A request."""
    header = _write_header(_Request(code, opaque, fields))
    return struct.pack(">ii", 4 + len(header) + len(body), len(header)) + header + body


def lengths(head: bytes | bytearray, at: int = 0) -> tuple[int, int]:
    """How long the rest of a frame is, by its first bytes, and the header in it. Raises ValueError."""
    total, marked = struct.unpack_from(">iI", head, at)
    header = marked & _HEADER_LENGTH
    if not 4 + header <= total <= _FRAME_BYTES_MAX:
        raise ValueError(f"a frame of {total} bytes with a header of {header}")
    return total - 4, header


def answered(frame: bytes, header: int) -> Answer:
    """By the rest of a frame. Raises ValueError."""
    try:
        answer = _read_header(frame[:header])
    except msgspec.MsgspecError as error:
        raise ValueError(f"a header that can't be read: {error}") from error
    answer.body = frame[header:]
    return answer


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
            rest, header = lengths(self._exactly(LENGTHS))
            answer = answered(self._exactly(rest), header)
        except (OSError, ValueError, struct.error) as error:
            raise RemotingFailed(f"{self._address}: {error}") from error
        if answer.code != SUCCESS:
            raise RemotingFailed(f"{self._address}: request {code}: {answer.reason}")
        return answer.body

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _exactly(self, count: int) -> bytes:
        read = bytearray()
        while len(read) < count:
            part = self._socket.recv(count - len(read))
            if not part:
                raise ConnectionError("the connection was closed")
            read += part
        return bytes(read)
