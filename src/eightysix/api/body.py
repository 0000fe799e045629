"""Reading a request's body, never more of it than is allowed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from eightysix.wire.problem import Problem, Rejection

Receive = Callable[[], Awaitable[Any]]

MAX_BYTES = 1 << 20
MAX_IMPORT_BYTES = 4 << 20

LINGER_SECONDS = 5.0
"""How long what is left of a refused body is read and thrown away, so that the sender gets to see its 413."""


class CallerLeft(Exception):
    """The connection was closed in the middle of the body."""


async def read_body(receive: Receive, declared: bytes, most: int = MAX_BYTES) -> bytes:
    """The whole body; 413 as soon as it is known to be longer than `most`. `declared` is the Content-Length header."""
    if len(declared) > 15 or (declared.isdigit() and int(declared) > most):
        raise Rejection(Problem.BODY_TOO_LARGE, most=most)
    message = await receive()
    if message["type"] != "http.request":
        raise CallerLeft
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(body) > most:
            raise Rejection(Problem.BODY_TOO_LARGE, most=most)
        return body
    parts, size = [body], len(body)
    while size <= most:
        message = await receive()
        if message["type"] != "http.request":
            raise CallerLeft
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
