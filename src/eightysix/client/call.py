"""A call as a value: what to ask, how to read the answer, and whether it may be asked again.

Sending the same value again sends the same keys (order_id and lines, or request_id), so that what was done once is not
done twice.
"""

from collections.abc import Callable
from enum import Enum
from typing import Generic, TypeVar
from urllib.parse import urlencode

import msgspec

from .request import Reply

T = TypeVar("T")


class Safety(Enum):
    """What it comes to when a call is done twice."""

    READ = "nothing is changed"
    KEYED = "the service knows it by its keys and answers as before"
    STATE = "the same state is set again"
    ONCE = "it would be done twice, or refused"


class Call(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One call. `name` is for logs and counts, `path` is final; `request_id` is the key that it was given here."""

    name: str
    method: str
    path: str
    safety: Safety
    read: Callable[[Reply], T]
    query: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    content_type: str = "application/json"
    request_id: str | None = None

    @property
    def target(self) -> str:
        """The path with its query."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path
