"""What every call of a client shares: who asks, in which language, how patiently; its clock and its chance."""

import random
import time
from collections.abc import Callable
from typing import Any

import msgspec

from eightysix.wire.language import Language

from .call import Call
from .policy import Policy, Trouble
from .request import Request


class Attempt(msgspec.Struct, frozen=True):
    """One attempt of a call, for those who count. `status` None: there was no answer; `again`: another one follows."""

    name: str
    seconds: float
    status: int | None
    trouble: Trouble | None
    again: bool


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """`clock` and `chance` are what tests bring their own of."""

    key: str | None = None
    language: Language = Language.ENGLISH
    policy: Policy = msgspec.field(default_factory=Policy)
    observe: Callable[[Attempt], object] | None = None
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random

    def headers(self, *more: tuple[str, str]) -> tuple[tuple[str, str], ...]:
        """Those of every request, and some more."""
        key = (("authorization", f"Bearer {self.key}"),) if self.key else ()
        return (("accept-language", self.language.value), *key, *more)

    def request(self, call: Call[Any]) -> Request:
        """The call as it goes over the line."""
        kind = (("content-type", call.content_type),) if call.body else ()
        return Request(call.method, call.target, self.headers(("accept", "*/*"), *kind), call.body)
