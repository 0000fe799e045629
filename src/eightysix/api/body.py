"""Reading a request's body, never more of it than is allowed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from eightysix.wire.problem import Problem, Rejection

Receive = Callable[[], Awaitable[Any]]

MAX_BYTES = 1 << 20
MAX_IMPORT_BYTES = 4 << 20

BODY_SECONDS = 15.0
"""How long a body may take, at least; twice that at most."""

LINGER_SECONDS = 5.0
"""How long what is left of a refused body is read and thrown away, so that the sender gets to see its 413."""


class Bodies:
    """Reads bodies, and gives up those that don't come to their end: each holds one of the server's places.

    One timer serves all: every `seconds` the bodies that were there at the last turn as well are ended, so each has
    between one and two times `seconds`. A timer for each would cost a short request a tenth of its time.
    """

    def __init__(self, seconds: float = BODY_SECONDS) -> None:
        self._seconds = seconds
        self._fresh: set[asyncio.Task[Any]] = set()
        self._stale: set[asyncio.Task[Any]] = set()
        self._turning = False

    async def read(self, receive: Receive, declared: bytes, most: int = MAX_BYTES) -> bytes:
        """The whole body; 413 as soon as it is known to be longer than `most`. `declared` is the Content-Length header.

        A body whose chunks are rubbish, whose sender leaves before its end, or that takes too long, is a 400: the
        server can't tell the first two apart, and a sender that still listens must be told something.
        """
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request runs in a task")
        if not self._turning:
            self._turning = True
            asyncio.get_running_loop().call_later(self._seconds, self._turn)
        self._fresh.add(task)
        try:
            return await _whole(receive, declared, most)
        except asyncio.CancelledError:
            if task in self._fresh or task in self._stale:
                raise  # somebody else ends this request
            task.uncancel()
            raise Rejection(Problem.BODY_BROKEN) from None
        finally:
            self._fresh.discard(task)
            self._stale.discard(task)

    def _turn(self) -> None:
        late, self._stale, self._fresh = self._stale, self._fresh, set()
        for task in late:
            task.cancel()
        self._turning = bool(self._stale)
        if self._turning:
            asyncio.get_running_loop().call_later(self._seconds, self._turn)


async def _whole(receive: Receive, declared: bytes, most: int = MAX_BYTES) -> bytes:
    if len(declared) > 15 or (declared.isdigit() and int(declared) > most):
        raise Rejection(Problem.BODY_TOO_LARGE, most=most)
    message = await receive()
    if message["type"] != "http.request":
        raise Rejection(Problem.BODY_BROKEN)
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(body) > most:
            raise Rejection(Problem.BODY_TOO_LARGE, most=most)
        return body
    parts, size = [body], len(body)
    while size <= most:
        message = await receive()
        if message["type"] != "http.request":
            raise Rejection(Problem.BODY_BROKEN)
        part = message.get("body", b"")
        size += len(part)
        parts.append(part)
        if size <= most and not message.get("more_body", False):
            return b"".join(parts)
    raise Rejection(Problem.BODY_TOO_LARGE, most=most)


async def linger(receive: Receive) -> None:
    """After the answer to a body that was too large: throw the rest away for a while before the connection closes."""
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while True:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return
