"""What answers at a hub: the order verbs and streams in front as everywhere, its status page, and the rest behind."""

from collections.abc import Awaitable, Callable

from eightysix.api.body import Receive
from eightysix.api.lean import Asgi, Lean, Scope, Send
from eightysix.api.orders import Orders
from eightysix.api.reply import JSON_HEADERS, Reply, failed, json_reply
from eightysix.api.stream import Streams
from eightysix.wire.language import preferred

from .page import status_page
from .status import HubStatus

PATH = "/hub"

_HTML = [(b"content-type", b"text/html; charset=utf-8"), (b"cache-control", b"no-store")]


class HubFront(Lean):
    """The lean layer, with the status page beside it. The page needs no key: it is for whoever stands in the store."""

    def __init__(
        self, orders: Orders, streams: Streams, site: Asgi, status: Callable[[], Awaitable[HubStatus]]
    ) -> None:
        super().__init__(orders, streams, site)
        self._status = status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] in {"GET", "HEAD"}:
            reply = await self._page(dict(scope["headers"]))
            body = b"" if scope["method"] == "HEAD" else reply.body
            await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
            await send({"type": "http.response.body", "body": body})
            return
        await super().__call__(scope, receive, send)

    async def _page(self, headers: dict[bytes, bytes]) -> Reply:
        language = preferred(headers.get(b"accept-language", b""))
        try:
            status = await self._status()
        except Exception as fault:  # noqa: BLE001 - every fault becomes an answer, and is logged there
            return failed(fault, language)
        if wants_html(headers.get(b"accept", b"").decode("latin-1")):
            return Reply(200, status_page(status, language), _HTML)
        return json_reply(status)._replace(headers=[*JSON_HEADERS, (b"cache-control", b"no-store")])


def wants_html(accept: str) -> bool:
    """Whether the reader names HTML before JSON, as browsers do; programs say nothing, or JSON."""
    html, json = accept.find("text/html"), accept.find("application/json")
    return html >= 0 and (json < 0 or html < json)
