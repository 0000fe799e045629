"""From the bytes of an answer to a value of the wire's types, or to an error."""

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

import msgspec

from eightysix.wire.answer import ErrorAnswer
from eightysix.wire.language import Language

from .error import ClientError, Failed, of_answer
from .request import Reply

_T = TypeVar("_T")


def as_type(kind: type[_T]) -> Callable[[Reply], _T]:
    """Reads an answer of one type. Fields that a newer service has besides are passed over."""
    decoder: msgspec.json.Decoder[_T] = _decoder(kind)  # type: ignore[arg-type]  # a type can be hashed

    def read(reply: Reply) -> _T:
        return decoder.decode(reply.body)

    return read


def as_it_is(reply: Reply) -> Reply:
    """For answers that aren't JSON, or whose headers matter."""
    return reply


def error_in(status: int, body: bytes, language: Language, retry_after: float | None = None) -> ClientError:
    """The error that the status and body are."""
    try:
        answer: ErrorAnswer | None = _decoder(ErrorAnswer).decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        answer = None
    return of_answer(status, answer, body, retry_after, language)


def value_in(reply: Reply, read: Callable[[Reply], _T], language: Language) -> _T | ClientError:
    """What a successful answer holds; `Failed` where that isn't what was asked for."""
    try:
        return read(reply)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        strange = of_answer(reply.status, None, reply.body, None, language)
        return strange if isinstance(strange, Failed) else Failed(strange.message, reply.status, reply.body)


@cache
def _decoder(kind: Any) -> "msgspec.json.Decoder[Any]":
    """Quantities stay exact, also where the type says no more than that something comes."""
    return msgspec.json.Decoder(kind, float_hook=Decimal)
