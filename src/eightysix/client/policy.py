"""When a call is sent again: decisions about values, without a clock and without chance of their own.

| what came of an attempt                | READ, KEYED, STATE | ONCE               |
|----------------------------------------|--------------------|--------------------|
| not sent as a whole (nobody there)     | again              | again              |
| 429                                    | again, if allowed  | again, if allowed  |
| 503 OVERLOADED                         | again              | again              |
| 503, whatever else; 502, 504           | again              | never              |
| sent, and the answer never came        | again              | never              |
| any other answer                       | never              | never              |
"""

from enum import Enum

import msgspec

from eightysix.wire.problem import Problem

from .call import Safety
from .error import ClientError, Failed, RateLimited, Unavailable
from .request import Arrived, Broken, Reply


class Trouble(Enum):
    """Why there is no answer to go by."""

    UNSENT = "unsent"
    LIMITED = "limited"
    OVERLOADED = "overloaded"
    AWAY = "away"
    LOST = "lost"


_HARMLESS = (Trouble.UNSENT, Trouble.LIMITED, Trouble.OVERLOADED)
"""Nothing can have been done."""

_BETWEEN = (502, 504)
"""What stands between answers so when the service didn't, or not to it."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How long a call may take in all, an attempt of it, and the pauses between attempts; all in seconds.

    Pauses double from `first_pause_seconds` to `longest_pause_seconds`, each shortened by chance to half at least, so
    that clients that failed together don't come back together. A longer `Retry-After` is waited for.
    """

    deadline_seconds: float = 30.0
    attempt_seconds: float = 10.0
    first_pause_seconds: float = 0.05
    longest_pause_seconds: float = 2.0
    waits_when_limited: bool = True

    def may_repeat(self, safety: Safety, trouble: Trouble) -> bool:
        """Whether the same call may be sent once more."""
        if trouble is Trouble.LIMITED and not self.waits_when_limited:
            return False
        return trouble in _HARMLESS or safety is not Safety.ONCE

    def pause(self, failures: int, chance: float, wish: float | None = None) -> float:
        """Seconds until the next attempt; `chance` from 0 to 1, `wish` what the service asked for."""
        longest = min(self.longest_pause_seconds, self.first_pause_seconds * 2 ** min(failures - 1, 20))
        drawn = longest * (0.5 + chance / 2)
        return drawn if wish is None or wish <= drawn else wish + self.first_pause_seconds * chance


def trouble_of(outcome: Reply | Broken, error: ClientError | None) -> Trouble | None:
    """What kind of trouble it is, if it is one that another attempt may end. `error` is what a reply is."""
    if isinstance(outcome, Broken):
        return Trouble.LOST if outcome.arrived is Arrived.PERHAPS else Trouble.UNSENT
    if isinstance(error, RateLimited):
        return Trouble.LIMITED
    if isinstance(error, Unavailable):
        return Trouble.OVERLOADED if _is_overloaded(outcome) else Trouble.AWAY
    if isinstance(error, Failed) and outcome.status in _BETWEEN:
        return Trouble.LOST
    return None


class _Coded(msgspec.Struct):
    code: str = ""


def _is_overloaded(reply: Reply) -> bool:
    try:
        return msgspec.json.decode(reply.body, type=_Coded).code == Problem.OVERLOADED
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
