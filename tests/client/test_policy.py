"""When a call is sent again: decisions about values."""

import pytest

from eightysix.client.call import Safety
from eightysix.client.policy import Policy, Trouble, trouble_of
from eightysix.client.reading import error_in
from eightysix.client.request import Arrived, Broken, Reply
from eightysix.wire.language import Language

HARMLESS = {Trouble.UNSENT, Trouble.LIMITED, Trouble.OVERLOADED}


@pytest.mark.parametrize("safety", Safety)
@pytest.mark.parametrize("trouble", Trouble)
def test_only_what_was_surely_not_done_is_repeated_of_what_may_be_done_once(safety: Safety, trouble: Trouble) -> None:
    assert Policy().may_repeat(safety, trouble) == (safety is not Safety.ONCE or trouble in HARMLESS)


def test_a_limit_is_waited_for_where_that_is_allowed() -> None:
    assert not Policy(waits_when_limited=False).may_repeat(Safety.READ, Trouble.LIMITED)
    assert Policy(waits_when_limited=False).may_repeat(Safety.READ, Trouble.OVERLOADED)


def test_pauses_double_up_to_the_longest() -> None:
    policy = Policy(first_pause_seconds=0.1, longest_pause_seconds=0.5)
    assert [policy.pause(failures, 1.0) for failures in (1, 2, 3, 4, 50)] == [0.1, 0.2, 0.4, 0.5, 0.5]
    assert [policy.pause(failures, 0.0) for failures in (1, 2)] == [0.05, 0.1]


def test_what_the_service_asks_for_is_the_least() -> None:
    policy = Policy(first_pause_seconds=0.1, longest_pause_seconds=0.5)
    assert policy.pause(1, 0.0, 3.0) == 3.0
    assert 3.0 < policy.pause(1, 0.9, 3.0) <= 3.1
    assert policy.pause(4, 1.0, 0.2) == 0.5


@pytest.mark.parametrize(
    ("status", "body", "trouble"),
    [
        (429, b'{"code":"TOO_MANY_REQUESTS","message":"m","retryable":true}', Trouble.LIMITED),
        (429, b"<html>", Trouble.LIMITED),
        (503, b'{"code":"OVERLOADED","message":"m","retryable":true}', Trouble.OVERLOADED),
        (503, b'{"code":"UNAVAILABLE","message":"m","retryable":true}', Trouble.AWAY),
        (503, b"<html>", Trouble.AWAY),
        (502, b"<html>", Trouble.LOST),
        (504, b"", Trouble.LOST),
        (500, b'{"code":"INTERNAL","message":"m","retryable":false}', None),
        (409, b'{"code":"OUT_OF_STOCK","message":"m","retryable":false}', None),
        (404, b"<html>", None),
        (401, b"", None),
        (302, b"", None),
    ],
)
def test_answers_that_another_attempt_may_better(status: int, body: bytes, trouble: Trouble | None) -> None:
    reply = Reply(status, {}, body)
    assert trouble_of(reply, error_in(status, body, Language.ENGLISH)) is trouble


def test_what_did_not_arrive_was_not_done() -> None:
    assert trouble_of(Broken(Arrived.NOT_AS_A_WHOLE, "x"), None) is Trouble.UNSENT
    assert trouble_of(Broken(Arrived.PERHAPS, "x"), None) is Trouble.LOST


@pytest.mark.parametrize(
    ("wish", "seconds"),
    [("3", 3.0), ("0.5", 0.5), ("-1", 0.0), ("Thu, 01 Jan 1970 00:01:40 GMT", 90.0), ("soon", None), ("", None)],
)
def test_a_wish_is_seconds_or_a_date(wish: str, seconds: float | None) -> None:
    assert Reply(503, {"retry-after": wish}).retry_after(10.0) == seconds
