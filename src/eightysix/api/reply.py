"""An answer on its way out, and the one place where every failure becomes one."""

import logging
from typing import Any, NamedTuple

from eightysix.catalog.menu import WrongRows
from eightysix.engine import EngineFault, Overloaded
from eightysix.storage.port import StorageFault
from eightysix.wire.answer import ENCODER, rejection_answer
from eightysix.wire.language import Language
from eightysix.wire.problem import STATUS, Problem, Rejection

_LOG = logging.getLogger(__name__)

Headers = list[tuple[bytes, bytes]]

JSON_HEADERS: Headers = [(b"content-type", b"application/json")]


ABSENT = (401, 404)
"""Answers that may be due to a key or an object that another process made a moment ago; nothing was changed."""


class Reply(NamedTuple):
    """Status, body and headers of an answer."""

    status: int
    body: bytes
    headers: Headers = JSON_HEADERS


EMPTY = Reply(204, b"", [])
"""A success with nothing to show."""


def json_reply(answer: Any, status: int = 200) -> Reply:
    """A success."""
    return Reply(status, ENCODER.encode(answer))


def rejected(rejection: Rejection, language: Language) -> Reply:
    """A request that was refused on its way."""
    worded = rejection.answer(language) if isinstance(rejection, WrongRows) else rejection_answer(rejection, language)
    return Reply(STATUS[rejection.code], ENCODER.encode(worded), _headers(rejection))


def failed(fault: Exception, language: Language) -> Reply:
    """Whatever else went wrong: 503 where trying again may help, else 500."""
    return rejected(rejection_of(fault), language)


def rejection_of(fault: Exception) -> Rejection:
    """The rejection that tells a stranger as much of a fault as is good for them; a bug is logged with its trace."""
    if isinstance(fault, Overloaded):
        rejection = Rejection(Problem.OVERLOADED)
        rejection.retry_after = fault.retry_after_seconds
        return rejection
    if isinstance(fault, (EngineFault, StorageFault)) and fault.retryable:
        return Rejection(Problem.UNAVAILABLE)
    if not isinstance(fault, EngineFault):  # the engine has logged its own
        _LOG.error("a request failed", exc_info=fault)
    return Rejection(Problem.INTERNAL)


def _headers(rejection: Rejection) -> Headers:
    status = STATUS[rejection.code]
    if status == 401:
        return [*JSON_HEADERS, (b"www-authenticate", b"Bearer")]
    if status in (429, 503):
        return [*JSON_HEADERS, (b"retry-after", b"%d" % max(1, rejection.retry_after or 1))]
    return JSON_HEADERS
