"""A line on httpx's pool of connections, for threads."""

from contextlib import suppress
from typing import Self

import httpx

from .request import Arrived, Broken, Reply, Request
from .trace import Trace
from .transport import Stream

FAULTS = (httpx.HTTPError, httpx.StreamError, OSError)
"""What a network does to a request, as httpx raises it."""


class HttpxLine:
    """`http` is used as it is set up (proxies, certificates), and closed with the line."""

    @classmethod
    def to(cls, url: str, connections: int) -> Self:
        """A line to an address. All its connections may stay open: a client that was busy will be again. The stream of
        a store takes one too."""
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=30.0)
        return cls(httpx.Client(base_url=url, limits=limits))

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def send(self, request: Request, seconds: float) -> Reply | Broken:
        trace = Trace()
        try:
            answer = self._http.send(self._built(request, seconds, trace))
        except FAULTS as fault:
            return trace.broken(fault)
        return Reply(answer.status_code, headers_of(answer), answer.content)

    def open(self, request: Request, seconds: float) -> tuple[Reply | Broken, Stream | None]:
        trace = Trace()
        try:
            answer = self._http.send(self._built(request, seconds, trace), stream=True)
            if not answer.is_success:
                return Reply(answer.status_code, headers_of(answer), _whole(answer)), None
        except FAULTS as fault:
            return trace.broken(fault), None
        return Reply(answer.status_code, headers_of(answer)), HttpxStream(answer)

    def close(self) -> None:
        self._http.close()

    def _built(self, request: Request, seconds: float, trace: Trace) -> httpx.Request:
        built = self._http.build_request(
            request.method, request.target, headers=list(request.headers), content=request.body or None,
            timeout=httpx.Timeout(seconds),
        )  # fmt: skip
        built.extensions["trace"] = trace
        return built


class HttpxStream:
    """The rest of an answer."""

    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer
        self._bytes = answer.iter_raw()

    def read(self, seconds: float) -> bytes | Broken:
        self._answer.request.extensions["timeout"]["read"] = seconds
        try:
            return next(self._bytes, b"")
        except FAULTS as fault:
            return Broken(Arrived.PERHAPS, f"{type(fault).__name__}: {fault}")

    def close(self) -> None:
        with suppress(*FAULTS):
            self._answer.close()


def _whole(answer: httpx.Response) -> bytes:
    try:
        return answer.read()
    finally:
        answer.close()


def headers_of(answer: httpx.Response) -> dict[str, str]:
    """The headers, names in small letters."""
    return dict(answer.headers)
