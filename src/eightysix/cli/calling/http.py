"""A lean HTTP/1.1 client for load: keep-alive connections over asyncio streams, JSON bodies, nothing else.

General clients cost several times the service's own work per request, so a load made with them measures the client.
What it reads is what HTTP allows a server to send: a body by Content-Length, by chunks, or none. Every call is safe to
repeat (the verbs are idempotent), so a broken connection and an answer 429 or 503 are tried again until the deadline.
"""

import asyncio
import ssl
import time
from collections import Counter
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

_HEADER_END = b"\r\n\r\n"
_TRY_AGAIN = (429, 503)
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 2.0
_LARGEST_HEADER_BYTES = 256 * 1024


class Answer(NamedTuple):
    """What the service said. `seconds` is the last attempt's time, without any waiting before it; `cursor` leads to
    what is left of a file."""

    status: int
    body: Any
    seconds: float
    cursor: str | None = None

    @property
    def is_ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def code(self) -> str:
        """The refusal's stable code, or HTTP_<status> where the body has none."""
        found = self.body.get("code") if isinstance(self.body, dict) else None
        return str(found) if found else f"HTTP_{self.status}"

    @property
    def message(self) -> str:
        """The refusal in words."""
        found = self.body.get("message") if isinstance(self.body, dict) else None
        return str(found) if found else str(self.body)


class ServiceAwayError(ConnectionError):
    """The service could not be reached, or was overloaded, until the deadline had passed."""


class HttpClient:
    """Calls one service with one key over at most `connections` connections."""

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        connections: int = 16,
        deadline_seconds: float = 30.0,
        language: str = "en",
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"not an http address: {url}")
        self._host = parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._prefix = parts.path.rstrip("/")
        self._deadline_seconds = deadline_seconds
        lines = [f"Host: {parts.netloc.rpartition('@')[2]}", "Accept: application/json", f"Accept-Language: {language}"]
        if key:
            lines.append(f"Authorization: Bearer {key}")
        self._headers = "".join(f"{line}\r\n" for line in lines)
        self._slots = asyncio.Semaphore(connections)
        self._idle: list[_Connection] = []
        self.repeated: Counter[str] = Counter()
        """How often a call was tried again, by cause (`connection`, or the status)."""

    async def call(
        self, method: str, path: str, body: object = None, *, content_type: str = "application/json"
    ) -> Answer:
        """Send and read one answer; `body` is bytes as they are, anything else as JSON. Raises `ServiceAwayError`."""
        payload = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        head = (
            f"{method} {self._prefix}{path} HTTP/1.1\r\n{self._headers}"
            f"Content-Type: {content_type}\r\nContent-Length: {len(payload)}\r\n\r\n"
        )
        request = head.encode() + payload
        deadline = time.monotonic() + self._deadline_seconds
        pause = _FIRST_PAUSE_SECONDS
        async with self._slots:
            while True:
                answer, wish, cause = await self._attempt(request, deadline)
                if answer is not None:
                    return answer
                self.repeated[cause] += 1
                pause = min(_LONGEST_PAUSE_SECONDS, max(pause * 2, wish))
                if time.monotonic() + pause > deadline:
                    raise ServiceAwayError(f"{self._host}:{self._port} {cause}")
                await asyncio.sleep(pause)

    async def close(self) -> None:
        """Close every idle connection."""
        for connection in self._idle:
            await connection.close()
        self._idle.clear()

    async def _attempt(self, request: bytes, deadline: float) -> tuple[Answer | None, float, str]:
        """An answer, or None with the service's wish for a pause (seconds) and the cause."""
        connection: _Connection | None = None
        try:
            async with asyncio.timeout(max(0.001, deadline - time.monotonic())):
                connection = (
                    self._idle.pop() if self._idle else await _Connection.open(self._host, self._port, self._tls)
                )
                began = time.perf_counter()
                status, headers, content = await connection.exchange(request)
                seconds = time.perf_counter() - began
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError, LookupError, ValueError) as fault:
            if connection is not None:
                await connection.close()
            return None, 0.0, "timeout" if isinstance(fault, TimeoutError) else "connection"
        except BaseException:
            if connection is not None:
                connection.abort()
            raise
        if headers.get("connection", "").lower() == "close":
            await connection.close()
        else:
            self._idle.append(connection)
        if status in _TRY_AGAIN:
            wish = headers.get("retry-after", "0")
            return None, float(wish) if wish.replace(".", "", 1).isdigit() else 0.0, str(status)
        return Answer(status, _decoded(headers, content), seconds, headers.get("x-cursor")), 0.0, ""


class _Connection:
    """One connection; one exchange at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, host: str, port: int, tls: ssl.SSLContext | None) -> "_Connection":
        return cls(*await asyncio.open_connection(host, port, ssl=tls, limit=_LARGEST_HEADER_BYTES))

    async def exchange(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        self._writer.write(request)
        status = 100
        while status < 200:  # an interim answer such as 100 Continue precedes the real one
            head = (await self._reader.readuntil(_HEADER_END)).decode("latin-1")
            first, *lines = head[: -len(_HEADER_END)].split("\r\n")
            status = int(first.split(" ", 2)[1])
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return status, headers, await self._chunks()
        return status, headers, await self._reader.readexactly(int(headers.get("content-length", "0")))

    async def _chunks(self) -> bytes:
        parts = []
        while size := int((await self._reader.readuntil(b"\r\n")).split(b";")[0], 16):
            parts.append(await self._reader.readexactly(size))
            await self._reader.readexactly(2)
        while (await self._reader.readuntil(b"\r\n")) != b"\r\n":
            continue
        return b"".join(parts)

    async def close(self) -> None:
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            # the peer was quicker; the connection is closed either way
            self.abort()

    def abort(self) -> None:
        self._writer.transport.abort()


def _decoded(headers: dict[str, str], content: bytes) -> Any:
    if not content:
        return None
    if "json" in headers.get("content-type", ""):
        return msgspec.json.decode(content)
    return content.decode("utf-8", errors="replace")
