"""A store's changes as server-sent events, answered before the framework: an idle stream must cost little.

Who may follow what is asked as for every call, and asked again for as long as the stream lasts. What the server hands
on to a receiver that doesn't read is bounded by the kernel: `send` then waits, and the gateway ends the stream.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from eightysix.catalog.catalog import Catalog
from eightysix.core.key import StoreKey
from eightysix.sync.gateway import Gateway
from eightysix.sync.stream import Stream
from eightysix.wire.cursor import Cursor, read_cursor
from eightysix.wire.following import StreamQuery
from eightysix.wire.language import Language, preferred
from eightysix.wire.problem import Problem, Rejection
from eightysix.wire.reading import read_query

from .auth import Action, Caller, Doorkeeper
from .body import Receive
from .endpoint import Call
from .query import query_fields
from .reply import ABSENT, Headers, Reply, failed, rejected
from .scope import store_named

PATH = "/api/v1/poi/stock/stream"

MEDIA_TYPE = "text/event-stream"

_HEADERS: Headers = [
    (b"content-type", MEDIA_TYPE.encode()),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # proxies of that family hold events back otherwise
]

Send = Callable[[Any], Awaitable[None]]


class _Asked:
    """What a request for a stream says."""

    def __init__(self, scope: MutableMapping[str, Any]) -> None:
        self.query: bytes = scope["query_string"]
        self.authorization = self.last_event_id = b""
        accept_language = b""
        for header, value in scope["headers"]:
            if header == b"authorization":
                self.authorization = self.authorization + b", " + value if self.authorization else value
            elif header == b"last-event-id":
                self.last_event_id = value
            elif header == b"accept-language":
                accept_language = value
        self.language = preferred(accept_language) if accept_language else Language.ENGLISH


class Streams:
    """Answers requests for streams."""

    def __init__(self, gateway: Gateway, catalog: Catalog, doorkeeper: Doorkeeper) -> None:
        self.gateway = gateway
        self._catalog = catalog
        self._doorkeeper = doorkeeper

    async def serve(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer a request, and follow the store until the receiver leaves or the stream is ended."""
        asked = _Asked(scope)
        scope.clear()  # a stream lasts for hours, its headers are no longer needed
        try:
            opened = await self._admit(asked)
        except Rejection as rejection:
            await _send(send, rejected(rejection, asked.language))
            return
        stream, cursor, follow = opened
        language = asked.language
        del asked, opened
        with self.gateway.joined(stream):
            await _run(stream, cursor, _Exchange(receive, send), language, follow=follow)

    async def once(self, call: Call) -> Reply:
        """GET through the framework: what there is, in one piece, without following."""
        query: StreamQuery = call.query
        stream, cursor = self._stream(call.caller, query, b"")
        events: list[bytes] = []

        async def emit(content: bytes) -> None:
            events.append(content)

        with self.gateway.joined(stream):
            await stream.run(cursor, emit, follow=False)
        return Reply(200, b"".join(events), _HEADERS)

    async def _admit(self, asked: _Asked) -> tuple[Stream, Cursor | None, bool]:
        """What seems absent is looked for once more: another process may have made it a moment ago."""
        try:
            return self._opened(asked, 1)
        except Rejection as rejection:
            status = rejected(rejection, asked.language).status
            if status not in ABSENT or not await self._catalog.look_again():
                raise
            return self._opened(asked, 1 if status == 401 else 0)

    def _opened(self, asked: _Asked, calls: int) -> tuple[Stream, Cursor | None, bool]:
        query = read_query(query_fields(asked.query), StreamQuery)
        caller = self._doorkeeper.caller(asked.authorization, calls).visiting()
        caller.must(Action.FOLLOW)
        return *self._stream(caller, query, asked.last_event_id), query.follow

    def _stream(self, caller: Caller, query: StreamQuery, last_event_id: bytes) -> tuple[Stream, Cursor | None]:
        store = store_named(caller, self._catalog.current, query.brand_id, query.poi_id)
        cursor = query.cursor()
        if last_event_id:
            cursor = read_cursor(last_event_id.decode("latin-1"), "Last-Event-ID")
        device_id = query.device()
        gateway = self.gateway
        if not gateway.is_open or gateway.streams >= gateway.limits.streams:
            raise Rejection(Problem.OVERLOADED)
        return Stream(store, device_id, self._welcome(caller, store), gateway.catching_up, gateway.counts), cursor

    def _welcome(self, caller: Caller, store: StoreKey) -> Callable[[], bool]:
        def welcome() -> bool:
            return (
                self._doorkeeper.still(caller, Action.FOLLOW, store.brand_id, store.poi_id)
                and self._catalog.current.store(store.brand_id, store.poi_id) is not None
            )

        return welcome


class _Exchange:
    """The two directions of one request."""

    __slots__ = ("_receive", "_send", "has_begun")

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.has_begun = False

    async def emit(self, content: bytes) -> None:
        if not self.has_begun:
            self.has_begun = True
            await self._send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await self._send({"type": "http.response.body", "body": content, "more_body": True})

    async def refuse(self, reply: Reply) -> None:
        await _send(self._send, reply)

    async def end(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def gone(self, stream: Stream) -> None:
        """End the stream when its receiver has left."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        stream.close()


async def _run(stream: Stream, cursor: Cursor | None, exchange: _Exchange, language: Language, *, follow: bool) -> None:
    leaving = asyncio.create_task(exchange.gone(stream))
    try:
        await stream.run(cursor, exchange.emit, follow=follow)
        await exchange.end()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if not stream.is_closed or task is None or task.uncancel():
            raise
    except Exception as fault:  # noqa: BLE001 - every fault becomes an answer, and is logged there
        reply = failed(fault, language)
        if not exchange.has_begun:
            await exchange.refuse(reply)
    finally:
        leaving.cancel()


async def _send(send: Send, reply: Reply) -> None:
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
    await send({"type": "http.response.body", "body": reply.body})
