"""Objects that are made or replaced: one, or several in `items` and then all or none."""

from collections.abc import Sequence
from typing import Any

from eightysix.wire.administration import MAX_AT_ONCE, Written
from eightysix.wire.problem import Problem, Rejection

from .endpoint import Sent
from .reply import Reply, json_reply


def bodies_of(sent: Sent[Any]) -> list[Any]:
    """What came, one or several."""
    bodies: list[Any] = sent.body.items if sent.is_many else [sent.body]
    if not bodies:
        raise Rejection(Problem.EMPTY, "items")
    if len(bodies) > MAX_AT_ONCE:
        raise Rejection(Problem.TOO_MANY, "items", most=MAX_AT_ONCE)
    return bodies


def as_sent(rejection: Rejection, sent: Sent[Any]) -> Rejection:
    """The field as its sender knows it: a single object stands in no list."""
    if not sent.is_many and rejection.field is not None:
        rejection.field = rejection.field.removeprefix("items[0]").removeprefix(".") or None
    return rejection


def written(shown: Sequence[Any], sent: Sent[Any], *, replace: bool) -> Reply:
    """The answer, one or several."""
    return json_reply(Written(list(shown)) if sent.is_many else shown[0], 200 if replace else 201)
