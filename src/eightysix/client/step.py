"""What a conversation with the service asks of whoever has the line: one step after another.

A conversation (`attempts`, `following`) is a generator: it yields steps, is sent what came of each, and returns its
result. The sync and the async client do nothing but these steps, so everything else is written once, and tested
without a line.
"""

from collections.abc import Generator
from typing import Any, NamedTuple, TypeVar

from .request import Broken, Reply, Request

T = TypeVar("T")


class Exchange(NamedTuple):
    """Send a request and read its answer: Reply or Broken."""

    request: Request
    seconds: float


class Open(NamedTuple):
    """Send a request and read the head of its answer: Reply (with its body unless it is a success) or Broken."""

    request: Request
    seconds: float


class Read(NamedTuple):
    """The next bytes of what was opened: bytes, none at its end, or Broken, also when none came in time."""

    seconds: float


class Close(NamedTuple):
    """Close what was opened. Comes to nothing."""


class Pause(NamedTuple):
    """Let time pass. Comes to nothing."""

    seconds: float


class Give(NamedTuple):
    """Hand something to whoever iterates. Comes back when the next is asked for."""

    item: Any


Step = Exchange | Open | Read | Close | Pause | Give
Steps = Generator[Step, Any, T]
Outcome = Reply | Broken
