"""Calls that have no verb of their own here: the administration, files, whatever a newer service has."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from eightysix.wire.answer import ENCODER

from .call import Call, Safety
from .reading import as_it_is, as_type
from .request import Reply
from .table import BY_REQUEST_ID, safety_of

T = TypeVar("T")

Query = Mapping[str, str] | Iterable[tuple[str, str]]

_read_any = as_type(Any)


def ask(
    method: str,
    path: str,
    body: Any = None,
    *,
    query: Query = (),
    content_type: str = "application/json",
    safety: Safety | None = None,
) -> Call[Any]:
    """Any call: its answer's JSON, None where it has none. `body` is bytes as they are, anything else as JSON.

    Whether it may be sent again is known by its method and path, and by whether it has a request_id where it takes one;
    `safety` says otherwise.
    """
    return _call(method, path, _json, body=body, query=query, content_type=content_type, safety=safety)


def fetch(
    method: str,
    path: str,
    body: Any = None,
    *,
    query: Query = (),
    content_type: str = "application/json",
    safety: Safety | None = None,
) -> Call[Reply]:
    """As `ask`, but the answer as it came, with its headers."""
    return _call(method, path, as_it_is, body=body, query=query, content_type=content_type, safety=safety)


def _call(
    method: str,
    path: str,
    read: Callable[[Reply], T],
    *,
    body: Any,
    query: Query,
    content_type: str,
    safety: Safety | None,
) -> Call[T]:
    content = body if isinstance(body, bytes) else b"" if body is None else ENCODER.encode(body)
    known = safety_of(method, path)
    if path in BY_REQUEST_ID and not _request_id(content):
        known = Safety.ONCE
    return Call(
        name=f"{method} {path}",
        method=method,
        path=path,
        safety=safety or known,
        read=read,
        query=tuple(query.items() if isinstance(query, Mapping) else query),
        body=content,
        content_type=content_type,
    )


class _Keyed(msgspec.Struct):
    request_id: str | None = None


def _request_id(content: bytes) -> str | None:
    try:
        return msgspec.json.decode(content, type=_Keyed).request_id
    except msgspec.MsgspecError:
        return None


def _json(reply: Reply) -> Any:
    return _read_any(reply) if reply.body else None
