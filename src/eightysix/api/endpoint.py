"""What an endpoint is: one table row that the router, the role check, the documentation and the tests read."""

from collections.abc import Awaitable, Callable
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from eightysix.wire.language import Language
from eightysix.wire.reading import read_json

from .auth import Action, Caller
from .body import MAX_BYTES
from .reply import Reply

_T = TypeVar("_T")


class Call(NamedTuple):
    """A request that was read and whose caller may do this. `tail` is the last part of the path, decoded."""

    caller: Caller
    query: Any
    body: Any
    language: Language
    tail: str


class JsonBody:
    """A body of one type; `read_as`: the type it is read as at first, where its parts are read one by one."""

    content_type = "application/json"

    def __init__(self, body: Any, read_as: Any = None) -> None:
        self.types = (body,)
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(body if read_as is None else read_as)

    def read(self, content: bytes) -> Any:
        return read_json(content, self._decoder)


class Sent(NamedTuple, Generic[_T]):
    """What came: one object, or several in `items`."""

    body: _T
    is_many: bool


class _Shape(msgspec.Struct):
    items: msgspec.Raw | UnsetType = UNSET


_SHAPE = msgspec.json.Decoder(_Shape)


class OneOrManyBody:
    """A body that is one object or has several in `items`; read as `Sent`."""

    content_type = "application/json"

    def __init__(self, one: Any, many: Any) -> None:
        self.types = (one, many)
        self._one: msgspec.json.Decoder[Any] = msgspec.json.Decoder(one)
        self._many: msgspec.json.Decoder[Any] = msgspec.json.Decoder(many)

    def read(self, content: bytes) -> Sent[Any]:
        if read_json(content, _SHAPE).items is UNSET:
            return Sent(read_json(content, self._one), is_many=False)
        return Sent(read_json(content, self._many), is_many=True)


class CsvBody:
    """A body of CSV."""

    content_type = "text/csv"
    types = (str,)

    def read(self, content: bytes) -> bytes:
        return content


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One method on one path. `action` None needs no key; `summary` is (English, Chinese).

    `answers` are the possible types of the successful answers by status; the documented refusals are `refusals`.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    summary: tuple[str, str]
    action: Action | None
    run: Callable[[Call], Awaitable[Reply]] | str
    """What answers a call; or the name of the order verb that `Orders` answers from the raw body."""
    answers: dict[int, tuple[Any, ...]]
    answer_type: str = "application/json"
    refusals: tuple[int, ...] = ()
    query: type[Any] | None = None
    body: JsonBody | OneOrManyBody | CsvBody | None = None
    most_bytes: int = MAX_BYTES
