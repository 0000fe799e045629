"""One call from its first attempt to its answer, or to the error that it ends with."""

import time
from typing import TypeVar

from .call import Call, Safety
from .error import ClientError, Refused, unknown, unreachable
from .policy import Trouble, trouble_of
from .reading import error_in, value_in
from .request import Arrived, Broken, Reply
from .setup import Attempt, Setup
from .step import Exchange, Outcome, Pause, Steps

T = TypeVar("T")

_STALE_MOST = 8
"""Kept connections that may turn out closed, one after the other, before it counts as a failure."""


def attempts(call: Call[T], setup: Setup) -> Steps[T]:
    """The answer. Raises ClientError. However often it is sent, it is the same request to the last byte."""
    policy, request = setup.policy, setup.request(call)
    deadline = setup.clock() + policy.deadline_seconds
    failures, stale, lost = 0, 0, False
    while True:
        began = setup.clock()
        outcome: Outcome = yield Exchange(request, max(0.001, min(policy.attempt_seconds, deadline - began)))
        found = _found(call, outcome, setup)
        if not isinstance(found, ClientError):
            _tell(setup, call, began, outcome, None, again=False)
            return found
        if lost and _is_gone(call, outcome):
            _tell(setup, call, began, outcome, None, again=False)
            return call.read(Reply(204, {}))
        trouble = trouble_of(outcome, found)
        lost = lost or (trouble is Trouble.LOST and call.safety is not Safety.READ)
        if trouble is not None and policy.may_repeat(call.safety, trouble):
            at_once = _is_stale(outcome) and stale < _STALE_MOST
            stale, failures = stale + at_once, failures + (not at_once)
            wish = outcome.retry_after(time.time()) if isinstance(outcome, Reply) else None
            left = deadline - setup.clock()
            pause = 0.0 if at_once else policy.pause(failures, setup.chance(), wish)
            if wish is None and left > policy.first_pause_seconds:
                pause = min(pause, left / 2)  # the last attempts come before the end, not after it
            if pause < left:
                _tell(setup, call, began, outcome, trouble, again=True)
                if pause:
                    yield Pause(pause)
                continue
        _tell(setup, call, began, outcome, trouble, again=False)
        if lost and not isinstance(found, Refused):
            raise unknown(_why(outcome), call, setup.language, retryable=call.safety is not Safety.ONCE)
        raise found


def _found(call: Call[T], outcome: Outcome, setup: Setup) -> T | ClientError:
    if isinstance(outcome, Broken):
        return unreachable(outcome.why, setup.language)
    if outcome.is_ok:
        return value_in(outcome, call.read, setup.language)
    return error_in(outcome.status, outcome.body, setup.language, outcome.retry_after(time.time()))


def _is_gone(call: Call[T], outcome: Outcome) -> bool:
    """What an attempt before this one deleted is no longer there."""
    return call.method == "DELETE" and isinstance(outcome, Reply) and outcome.status == 404


def _is_stale(outcome: Outcome) -> bool:
    return isinstance(outcome, Broken) and outcome.stale and outcome.arrived is Arrived.NOT_AS_A_WHOLE


def _why(outcome: Outcome) -> str:
    return outcome.why if isinstance(outcome, Broken) else f"HTTP {outcome.status}"


def _tell(setup: Setup, call: Call[T], began: float, outcome: Outcome, trouble: Trouble | None, *, again: bool) -> None:
    if setup.observe is not None:
        status = outcome.status if isinstance(outcome, Reply) else None
        setup.observe(Attempt(call.name, setup.clock() - began, status, trouble, again))
