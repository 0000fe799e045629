"""Carries one request to an endpoint: to a checked address, in time, and reads no more of the answer than needed.

TLS is verified against the name in the URL; redirects are answers like others and not followed. Connections are kept
for a few seconds, each endpoint's apart, so that nobody shares one and a dead endpoint holds only its own.
"""

import asyncio
import ssl
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import httpcore
import msgspec

from .address import Addresses, AddressRefused

BODY_BYTES_MAX = 16_384
"""Of an answer's body; what is longer is cut off with its connection."""

_KEEP_SECONDS = 4.0
"""Less than servers usually keep an idle connection, or a request might meet its end."""

_BROKEN = (httpcore.ReadError, httpcore.WriteError, httpcore.RemoteProtocolError)


class Timeouts(msgspec.Struct, frozen=True):
    """In seconds: until a connection is there, and for everything."""

    connect: float = 5.0
    total: float = 15.0


class Answer(msgspec.Struct, frozen=True):
    """What came of a request: a status, or the `error` that stood in its way. `retry_after` in seconds."""

    status: int | None
    error: str | None
    took_ms: int
    body: bytes = b""
    retry_after: int = 0

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def reason(self) -> str | None:
        """Why it isn't delivered."""
        if self.is_delivered:
            return None
        if self.status is None:
            return self.error
        return "redirects are not followed" if 300 <= self.status < 400 else f"status {self.status}"


class Courier:
    """One endpoint's connections, `connections` at most."""

    def __init__(self, addresses: Addresses, timeouts: Timeouts, connections: int, tls: ssl.SSLContext) -> None:
        self._addresses = addresses
        self._timeouts = timeouts
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=_KEEP_SECONDS,
            network_backend=_Checked(addresses),
        )

    async def post(self, url: str, headers: list[tuple[bytes, bytes]], body: bytes) -> Answer:
        """Send it; whatever goes wrong is in the answer."""
        began = time.monotonic()
        try:
            self._addresses.read(url)
            async with asyncio.timeout(self._timeouts.total):
                try:
                    status, after, content = await self._send(url, headers, body)
                except _BROKEN:  # as a kept connection does whose other end has just closed it
                    status, after, content = await self._send(url, headers, body)
        except TimeoutError:
            return Answer(None, f"no answer within {self._timeouts.total:g} s", _since(began))
        except AddressRefused as refused:
            return Answer(None, refused.why, _since(began))
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError, ValueError) as error:
            return Answer(None, _told(error), _since(began))
        return Answer(status, None, _since(began), content, after)

    @property
    def is_open(self) -> bool:
        return bool(self._pool.connections)

    async def close(self) -> None:
        """Close the connections; the next request opens another."""
        await self._pool.aclose()

    async def _send(self, url: str, headers: list[tuple[bytes, bytes]], body: bytes) -> tuple[int, int, bytes]:
        limits: dict[str, Any] = {"timeout": {"connect": self._timeouts.connect}}
        async with self._pool.stream(
            "POST", _as_read(url), headers=headers, content=body, extensions=limits
        ) as response:
            content = bytearray()
            async for part in response.aiter_stream():
                content += part
                if len(content) >= BODY_BYTES_MAX:
                    break
            return response.status, _retry_after(response.headers), bytes(content[:BODY_BYTES_MAX])


class _Checked(httpcore.AsyncNetworkBackend):
    """Connects to an address that was checked, whatever a second look at the name would find. The name stays what the
    certificate is verified against."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's own
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """The first of the host's addresses that answers, all within `timeout`; one that is silent leaves the others
        their share of it."""
        fault: Exception = httpcore.ConnectError("no address")
        try:
            async with asyncio.timeout(timeout) as limit:
                found = await self._addresses.of(host, port)
                for at, address in enumerate(found):
                    share = _share(limit.when(), len(found) - at)
                    try:
                        return await self._network.connect_tcp(address, port, share, local_address, socket_options)
                    except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                        fault = error
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"no connection within {timeout:g} s") from None
        raise fault

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def _as_read(url: str) -> httpcore.URL:
    """The URL in the parts that were looked at, its path to the last letter: the library drops what follows a `;`."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return httpcore.URL(scheme=parts.scheme, host=parts.hostname or "", port=parts.port, target=target)


def _share(until: float | None, parts: int) -> float | None:
    """One of so many parts of the time that is left until then, in seconds."""
    return None if until is None else max(0.0, until - asyncio.get_running_loop().time()) / parts


def _told(error: Exception) -> str:
    """Kinds of errors, and what the TLS library found: the rest of their texts names addresses."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate isn't valid: {cause.verify_message}"[:200]
        cause = cause.__cause__ or cause.__context__
    return {
        httpcore.ConnectError: "no connection",
        httpcore.ConnectTimeout: "no connection in time",
        httpcore.ReadError: "the connection broke",
        httpcore.WriteError: "the connection broke",
        httpcore.RemoteProtocolError: "the answer isn't HTTP",
        httpcore.LocalProtocolError: "the URL can't be asked for",
    }.get(type(error), type(error).__name__)


def _retry_after(headers: Iterable[tuple[bytes, bytes]]) -> int:
    value = next((value for name, value in headers if name.lower() == b"retry-after"), b"")
    return int(value) if value.isdigit() and len(value) < 8 else 0


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
