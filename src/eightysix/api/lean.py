"""The order verbs, batch and streams, answered in front of the framework: they are nearly all of the traffic.

Everything that a request costs in Python besides the engine is in this file, `orders` and the wire's types. Any other
path, and any other method on these paths, goes to the framework; a test sends the same requests through both.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from eightysix.wire.language import Language, preferred
from eightysix.wire.problem import Problem, Rejection

from .body import Bodies, Receive, linger
from .orders import VERBS, Orders
from .reply import Reply, rejected
from .stream import PATH, Streams

Scope = MutableMapping[str, Any]
Send = Callable[[Any], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

_PATHS = {f"/api/v1/stock/{name}": name for name in (*VERBS, "batch")}


class Lean:
    """An ASGI application in front of another."""

    def __init__(self, orders: Orders, streams: Streams, site: Asgi) -> None:
        self._orders = orders
        self.streams = streams
        self.site = site
        self._bodies = Bodies()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = _PATHS.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if name is None:
            if scope["path"] == PATH and scope["type"] == "http" and scope["method"] == "GET":
                await self.streams.serve(scope, receive, send)
            else:
                await self.site(scope, receive, send)
            return
        authorization = accept_language = length = b""
        for header, value in scope["headers"]:
            if header == b"authorization":
                authorization = authorization + b", " + value if authorization else value  # two are nobody's
            elif header == b"content-length":
                length = value
            elif header == b"accept-language":
                accept_language = value
        language = preferred(accept_language) if accept_language else Language.ENGLISH
        try:
            body = await self._bodies.read(receive, length)
        except Rejection as rejection:
            await _send(send, rejected(rejection, language))
            if rejection.code is Problem.BODY_TOO_LARGE:
                await linger(receive)
            return
        if name == "batch":
            reply = await self._orders.batch(body, authorization, language)
        else:
            reply = await self._orders.verb(name, body, authorization, language)
        await _send(send, reply)


async def _send(send: Send, reply: Reply) -> None:
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
    await send({"type": "http.response.body", "body": reply.body})
