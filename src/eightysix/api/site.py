"""Everything over HTTP, in Litestar: it routes; reading, authorising and answering are as in the lean layer."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast
from urllib.parse import unquote

from litestar import Litestar, Request, Response
from litestar.background_tasks import BackgroundTask
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from msgspec import inspect

from eightysix.wire.language import Language, preferred
from eightysix.wire.problem import Problem, Rejection
from eightysix.wire.reading import read_query

from . import asyncapi
from .auth import NOBODY, Caller, Doorkeeper
from .body import Bodies, linger
from .docs_page import docs_page
from .endpoint import Call, Endpoint
from .openapi import document
from .orders import Orders
from .query import query_fields
from .reply import ABSENT, Reply, failed, rejected

_Request = Request[Any, Any, Any]
_Answer = Callable[[_Request, bytes, Language], Awaitable[Reply]]


def site(table: Sequence[Endpoint], orders: Orders, doorkeeper: Doorkeeper) -> Litestar:
    """The application."""
    described, messages, bodies = document(table), asyncapi.document(), Bodies()
    return Litestar(
        route_handlers=[
            *_options(table),  # first, or the framework makes its own, which know one method each
            *(_handler(endpoint, orders, doorkeeper, bodies) for endpoint in table),
            _page("/openapi.json", lambda _: (described, "application/json")),
            _page("/asyncapi.json", lambda _: (messages, "application/json")),
            _page("/docs", lambda language: (docs_page(table, language), "text/html; charset=utf-8")),
        ],
        exception_handlers={Exception: _on_exception},
        openapi_config=None,
        logging_config=None,
    )


def _handler(endpoint: Endpoint, orders: Orders, doorkeeper: Doorkeeper, bodies: Bodies) -> HTTPRouteHandler:
    run = endpoint.run
    answer = _verb(run, orders) if isinstance(run, str) else _answer(endpoint, run, doorkeeper)

    async def read(request: _Request, most: int) -> bytes:
        declared = request.headers.get("content-length", "").encode("latin-1")
        return await bodies.read(request.receive, declared, most)

    async def handle(request: _Request) -> Response[bytes]:
        language = _language(request)
        try:
            content = b"" if endpoint.body is None else await read(request, endpoint.most_bytes)
        except Rejection as rejection:
            more = rejection.code is Problem.BODY_TOO_LARGE
            return _response(rejected(rejection, language), BackgroundTask(linger, request.receive) if more else None)
        return _response(await answer(request, content, language))

    return HTTPRouteHandler(_route(endpoint), http_method=endpoint.method, status_code=200)(handle)


def _verb(name: str, orders: Orders) -> _Answer:
    """What answers an order verb: the same functions as in the lean layer."""

    async def answer(request: _Request, content: bytes, language: Language) -> Reply:
        if name == "batch":
            return await orders.batch(content, _authorization(request), language)
        return await orders.verb(name, content, _authorization(request), language)

    return answer


def _answer(endpoint: Endpoint, run: Callable[[Call], Awaitable[Reply]], doorkeeper: Doorkeeper) -> _Answer:
    """What answers any other request: what seems absent is looked for once more, another process may have made it."""
    lists = _list_fields(endpoint.query)

    async def attempt(request: _Request, content: bytes, language: Language, *, counted: bool = False) -> Reply:
        try:
            query = (
                None
                if endpoint.query is None
                else read_query(query_fields(request.scope["query_string"], lists), endpoint.query)
            )
            body = None if endpoint.body is None else endpoint.body.read(content)
            if endpoint.action is None:
                return await run(Call(NOBODY, query, body, language, ""))
            caller = doorkeeper.caller(_authorization(request), 0 if counted else 1).visiting()
            caller.must(endpoint.action)
            reply = await run(Call(caller, query, body, language, _tail(request, endpoint.path)))
            return _bound(reply, caller, endpoint)
        except Rejection as rejection:
            return rejected(rejection, language)
        except Exception as fault:  # noqa: BLE001 - every fault becomes an answer, and is logged there
            return failed(fault, language)

    async def answer(request: _Request, content: bytes, language: Language) -> Reply:
        reply = await attempt(request, content, language)
        if reply.status in ABSENT and endpoint.action is not None and await doorkeeper.catalog.look_again():
            reply = await attempt(request, content, language, counted=reply.status != 401)
        return reply

    return answer


class UnboundError(RuntimeError):
    """An endpoint answered without having asked whether what it is about is the caller's."""


def _bound(reply: Reply, caller: Caller, endpoint: Endpoint) -> Reply:
    """The answer, if the request was bound to the caller's scope on its way; else a bug, and nobody gets to see it."""
    if reply.status < 400 and not caller.reached:
        raise UnboundError(f"{endpoint.method} {endpoint.path}")
    return reply


def _options(table: Sequence[Endpoint]) -> list[HTTPRouteHandler]:
    """OPTIONS for each path, with every method that it takes."""
    methods: dict[str, list[str]] = {}
    for endpoint in table:
        methods.setdefault(_route(endpoint), []).append(endpoint.method)

    def option(path: str, allowed: list[str]) -> HTTPRouteHandler:
        allow = ", ".join([*allowed, "OPTIONS"])

        async def handle() -> Response[bytes]:
            return _response(Reply(204, b"", [(b"allow", allow.encode())]))

        return HTTPRouteHandler(path, http_method="OPTIONS", status_code=200)(handle)

    return [option(path, allowed) for path, allowed in methods.items()]


def _route(endpoint: Endpoint) -> str:
    return endpoint.path.replace("{order_id}", "{order_id:path}").replace("{incident_id}", "{incident_id:str}")


def _page(path: str, content: Callable[[Language], tuple[bytes, str]]) -> HTTPRouteHandler:
    async def handle(request: Request[Any, Any, Any]) -> Response[bytes]:
        body, media_type = content(_language(request))
        return Response(body, media_type=media_type)

    return HTTPRouteHandler(path, http_method="GET", status_code=200)(handle)


def _on_exception(request: _Request, fault: Exception) -> Response[bytes]:
    """What the router itself refuses: an unknown path, a method that a path doesn't take."""
    language = _language(request)
    if not isinstance(fault, HTTPException):
        return _response(failed(fault, language))
    if fault.status_code == 405:
        reply = rejected(Rejection(Problem.METHOD_NOT_ALLOWED, method=request.scope["method"]), language)
        allow = (fault.headers or {}).get("allow", "")
        return _response(reply._replace(headers=[*reply.headers, (b"allow", allow.encode())]))
    return _response(rejected(Rejection(Problem.NOT_FOUND), language))


def _response(reply: Reply, after: BackgroundTask | None = None) -> Response[bytes]:
    headers = {name.decode(): value.decode() for name, value in reply.headers}
    media_type = headers.pop("content-type", None)
    return Response(reply.body, status_code=reply.status, media_type=media_type, headers=headers, background=after)


def _language(request: _Request) -> Language:
    return preferred(request.headers.get("accept-language", "").encode("latin-1"))


def _authorization(request: _Request) -> bytes:
    """Two of them are joined, as HTTP has it, and so nobody's: which one counts is not for the layers to choose."""
    return b", ".join(value for name, value in request.scope["headers"] if name == b"authorization")


def _tail(request: _Request, path: str) -> str:
    """What stands where the path has its parameter, or else its last part, decoded: an id may hold slashes of its own,
    sent as they are or encoded."""
    before, _, parameter = path.partition("{")
    ending = parameter.partition("}")[2].encode()
    found = request.scope["raw_path"].split(b"/", before.count("/"))[-1]
    return unquote(found.removesuffix(ending).decode("latin-1"))


def _list_fields(query: type[Any] | None) -> frozenset[str]:
    if query is None:
        return frozenset()
    fields = cast(inspect.StructType, inspect.type_info(query)).fields
    return frozenset(field.encode_name for field in fields if isinstance(field.type, inspect.ListType))
