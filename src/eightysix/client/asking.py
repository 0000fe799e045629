"""How the calls of one endpoint or another are put together; how safe one is to send again, its path tells."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

from eightysix.wire.answer import ENCODER

from .attempts import attempts
from .call import Call
from .request import Reply
from .series import Series
from .setup import Setup
from .step import Give, Steps
from .table import safety_of

T = TypeVar("T")


class Page(Protocol):
    """An answer that may go on. `cursor` leads to the next one and is None on the last."""

    @property
    def cursor(self) -> str | None: ...


P = TypeVar("P", bound=Page)


def get(name: str, path: str, read: Callable[[Reply], T], query: Iterable[tuple[str, str | None]] = ()) -> Call[T]:
    """A question. Fields of `query` without a value are left out."""
    fields = tuple((field, value) for field, value in query if value is not None)
    return Call(name=name, method="GET", path=path, safety=safety_of("GET", path), read=read, query=fields)


def post(
    name: str,
    path: str,
    body: Any,
    read: Callable[[Reply], T],
    *,
    request_id: str | None = None,
    endpoint: str | None = None,
) -> Call[T]:
    """What is told or asked for in a body. `endpoint` is the path as the table has it, where an id stands in it."""
    return Call(
        name=name, method="POST", path=path, safety=safety_of("POST", endpoint or path), read=read,
        body=ENCODER.encode(body), request_id=request_id,
    )  # fmt: skip


def pages(ask: Callable[[str | None], Call[P]], parts: Callable[[P], Iterable[T]]) -> Series[T]:
    """The parts of all pages, in order; `ask` is the call for the page at a cursor."""

    def steps(setup: Setup) -> Steps[None]:
        cursor: str | None = None
        while True:
            page = yield from attempts(ask(cursor), setup)
            for each in parts(page):
                yield Give(each)
            cursor = page.cursor
            if cursor is None:
                return

    return Series(steps)
