"""What one of many came to, in an answer that holds a status and a body for each."""

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from eightysix.wire.language import Language
from eightysix.wire.stock import StockSetAnswer

from .error import ClientError
from .reading import as_type, error_in
from .request import Reply

T = TypeVar("T")


class Result(msgspec.Struct, Generic[T], frozen=True):
    """`done` where it was, else `error`."""

    status: int
    done: T | None
    error: ClientError | None

    def get(self) -> T:
        """What was done. Raises the error."""
        if self.error is not None:
            raise self.error
        return self.done  # type: ignore[return-value]  # there is one of the two


class StockResult(Result[StockSetAnswer], frozen=True, kw_only=True):
    """The same for one item in one store."""

    poi_id: str
    object_type: int
    object_id: int


class _Told(msgspec.Struct):
    status: int
    body: msgspec.Raw


class _ToldOfStock(_Told, kw_only=True):
    poi_id: str = msgspec.field(name="poiId")
    object_type: int
    object_id: int


class _Several(msgspec.Struct):
    results: list[_Told]


class _SeveralStocks(msgspec.Struct):
    results: list[_ToldOfStock]


_read_several, _read_stocks = as_type(_Several), as_type(_SeveralStocks)
_read_set = as_type(StockSetAnswer)


def results_of(kind: type[T]) -> Callable[[Reply], list[Result[T]]]:
    """Reads `{results: [{status, body}]}`."""
    read = as_type(kind)
    return lambda reply: [Result(told.status, *_done(told, read)) for told in _read_several(reply).results]


def stock_results(reply: Reply) -> list[StockResult]:
    """Reads the results of settings in several stores."""
    return [
        StockResult(
            told.status, *_done(told, _read_set),
            poi_id=told.poi_id, object_type=told.object_type, object_id=told.object_id,
        )
        for told in _read_stocks(reply).results
    ]  # fmt: skip


def _done(told: _Told, read: Callable[[Reply], T]) -> tuple[T | None, ClientError | None]:
    body = bytes(told.body)
    if 200 <= told.status < 300:
        return read(Reply(told.status, {}, body)), None
    return None, error_in(told.status, body, Language.ENGLISH)
