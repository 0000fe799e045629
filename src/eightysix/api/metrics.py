"""The page of metrics: needs no key and names nobody."""

from collections.abc import Awaitable, Callable
from typing import Any

from .reply import Headers, Reply

MEDIA_TYPE = "text/plain; version=0.0.4"
"""The site adds the character set."""

_HEADERS: Headers = [(b"content-type", MEDIA_TYPE.encode())]


class MetricsPage:
    """Answers Prometheus; `page` makes the text."""

    def __init__(self, page: Callable[[], Awaitable[bytes]]) -> None:
        self._page = page

    async def show(self, _: Any) -> Reply:
        return Reply(200, await self._page(), _HEADERS)
