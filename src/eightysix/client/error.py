"""What a call can come to besides its answer.

    ClientError
    ├── Refused          400, 403, 404, 409, 413, 422: by state, by stock, or wrong in itself; nothing was changed
    ├── Unauthorised     401: no key, or one that isn't valid (any more)
    ├── RateLimited      429 until the time was up; nothing was changed
    ├── Unavailable      503, or nobody could be reached, until the time was up
    ├── OutcomeUnknown   it was sent and the answer never came: it may have been done, or not
    └── Failed           500, or an answer that isn't the service's

Any of them has a `message` in the language that the client was made with.
"""

from typing import Any

from eightysix.wire.answer import ErrorAnswer, LineProblem, RowProblem, Shortage
from eightysix.wire.language import Language
from eightysix.wire.messages import sentence
from eightysix.wire.problem import Problem
from eightysix.wire.stock import StockRowAnswer

from .call import Call


class ClientError(Exception):
    """A call that didn't succeed. `retryable`: the same call may succeed later, unchanged."""

    retryable = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Refused(ClientError):
    """The service says no, and nothing was changed. `code` is stable, `field` says where."""

    def __init__(self, status: int, answer: ErrorAnswer) -> None:
        super().__init__(answer.message)
        self.status = status
        self.answer = answer
        self.code = answer.code
        self.field = answer.field
        self.retryable = answer.retryable

    @property
    def shortages(self) -> list[Shortage]:
        """Each line that can't be served, how much of it could, and what is in the way."""
        return self.answer.shortages or []

    @property
    def lines(self) -> list[LineProblem]:
        """Why each line refuses, where it is about lines."""
        return self.answer.lines or []

    @property
    def stock(self) -> StockRowAnswer | None:
        """The row as it is now, where a setting met another."""
        return self.answer.stock

    @property
    def rows(self) -> list[RowProblem]:
        """What is wrong with each row of a file."""
        return self.answer.rows or []

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class Unauthorised(ClientError):
    """The key is missing, unknown, ended or revoked."""

    code = Problem.UNAUTHENTICATED.value

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class RateLimited(ClientError):
    """The key has called too often; nothing was changed. `retry_after` in seconds, where the service said it."""

    retryable = True

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(ClientError):
    """Nobody could be reached, or the service can't do it right now. `retry_after` as for RateLimited.

    A 503 may, once in a blue moon, have been done after all; to send the same call again is safe, and tells.
    """

    retryable = True

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class OutcomeUnknown(ClientError):
    """The call was sent and its answer was lost: nobody here knows whether it was done.

    `client.send(error.call)` sends the very same again, with the same keys. Where `retryable`, that is safe and tells;
    else look first at what is there.
    """

    def __init__(self, message: str, call: Call[Any], *, retryable: bool) -> None:
        super().__init__(message)
        self.call = call
        self.retryable = retryable


class Failed(ClientError):
    """The service failed, or something between it and here answered in its place. `body` is what came."""

    def __init__(self, message: str, status: int, body: bytes = b"") -> None:
        super().__init__(message)
        self.status = status
        self.body = body


AWAY = (Unavailable, RateLimited, OutcomeUnknown)
"""Errors that may be gone a moment later."""

_OWN = {
    "unreachable": ("The service can't be reached: {why}.", "无法连接服务：{why}。"),
    "unknown": (
        "The answer was lost, and it isn't known whether the call was done: {why}.",
        "应答丢失，无法确定该请求是否已执行：{why}。",
    ),
    "strange": ("Not an answer of the service: status {status}.", "不是本服务的应答：状态码 {status}。"),
}
_LANGUAGES = {Language.ENGLISH: 0, Language.CHINESE: 1}


def unreachable(why: str, language: Language) -> Unavailable:
    """No answer, and nothing can have been done."""
    return Unavailable(_told("unreachable", language, why=why))


def unknown(why: str, call: Call[Any], language: Language, *, retryable: bool) -> OutcomeUnknown:
    """No answer, and it may have been done."""
    return OutcomeUnknown(_told("unknown", language, why=why), call, retryable=retryable)


def of_answer(
    status: int, answer: ErrorAnswer | None, body: bytes, retry_after: float | None, language: Language
) -> ClientError:
    """The error that an answer is; `answer` None: its body isn't one of the service's."""
    message = None if answer is None else answer.message
    if status == 401:
        return Unauthorised(message or sentence(Problem.UNAUTHENTICATED, language))
    if status == 429:
        return RateLimited(message or _told("strange", language, status=status), retry_after)
    if status == 503:
        return Unavailable(message or sentence(Problem.UNAVAILABLE, language), retry_after)
    if answer is not None and 400 <= status < 500:
        return Refused(status, answer)
    return Failed(message or _told("strange", language, status=status), status, body)


def _told(which: str, language: Language, **values: object) -> str:
    return _OWN[which][_LANGUAGES[language]].format(**values)
