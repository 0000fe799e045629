"""A call's attempts without a line: what is sent, how long is waited, and what it ends with."""

from typing import Any

import msgspec
import pytest

from eightysix.client import OutcomeUnknown, Policy, RateLimited, Refused, Unauthorised, Unavailable, orders, stocks
from eightysix.client.anything import ask
from eightysix.client.attempts import attempts
from eightysix.client.error import ClientError, Failed
from eightysix.client.request import Arrived, Broken, Reply
from eightysix.client.step import Exchange
from eightysix.wire.language import Language

from .script import Script

STORE = ("fox", "s1")
LOST = Broken(Arrived.PERHAPS, "cut")
UNSENT = Broken(Arrived.NOT_AS_A_WHOLE, "nobody there")
STALE = Broken(Arrived.NOT_AS_A_WHOLE, "closed", stale=True)
DONE = Reply(200, {}, b'{"order_id":"o","state":"LOCKED","replayed":true,"expires_at":null,"lines":[]}')
BRAND: Any = ask("POST", "/api/v1/brands", {"brandId": "b", "name": "b"})


def error(status: int, code: str, **headers: str) -> Reply:
    body = {"code": code, "message": "in words", "retryable": status in {429, 503}}
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, msgspec.json.encode(body))


BUSY, AWAY, LIMITED = error(503, "OVERLOADED"), error(503, "UNAVAILABLE"), error(429, "TOO_MANY_REQUESTS")


def lock() -> Any:
    return orders.lock(STORE, "o", "POS", {1: 2})


def test_a_lost_answer_is_asked_for_by_the_very_same_request() -> None:
    script = Script(LOST, BUSY, UNSENT, Reply(502, {}, b"<html>"), DONE)
    call = orders.return_(STORE, "o", {1: 1})
    assert script.run(attempts(call, script.setup())).replayed
    sent = {step.request for step in script.steps if isinstance(step, Exchange)}
    assert len(sent) == 1
    assert script.pauses == [0.05, 0.1, 0.2, 0.4]
    assert [attempt.again for attempt in script.attempts] == [True] * 4 + [False]


@pytest.mark.parametrize(
    ("says", "kind"),
    [
        (error(409, "OUT_OF_STOCK"), Refused),
        (error(422, "TOO_MANY"), Refused),
        (error(403, "FORBIDDEN"), Refused),
        (error(401, "UNAUTHENTICATED"), Unauthorised),
        (error(500, "INTERNAL"), Failed),
        (Reply(404, {}, b"<html>"), Failed),
        (Reply(302, {}, b""), Failed),
        (Reply(200, {}, b"<html>"), Failed),
        (Reply(200, {}, b'{"order_id":1}'), Failed),
        (Reply(200, {}, b"\xff"), Failed),
    ],
)
def test_no_is_no(says: Reply, kind: type[ClientError]) -> None:
    script = Script(says)
    with pytest.raises(kind):
        script.run(attempts(lock(), script.setup()))


@pytest.mark.parametrize("says", [LOST, AWAY, Reply(504, {}, b"")])
def test_what_would_be_done_twice_is_not_sent_again(says: Any) -> None:
    script = Script(says)
    with pytest.raises(OutcomeUnknown if says is not AWAY else Unavailable) as raised:
        script.run(attempts(BRAND, script.setup()))
    if isinstance(raised.value, OutcomeUnknown):
        assert raised.value.call is BRAND
        assert not raised.value.retryable


@pytest.mark.parametrize("says", [UNSENT, BUSY, LIMITED])
def test_what_surely_was_not_done_is_sent_again(says: Any) -> None:
    script = Script(says, Reply(201, {}, b"{}"))
    assert script.run(attempts(BRAND, script.setup())) == {}


def test_retry_after_is_honoured() -> None:
    script = Script(error(503, "OVERLOADED", retry_after="7"), error(429, "TOO_MANY_REQUESTS", retry_after="2"), DONE)
    script.run(attempts(lock(), script.setup()))
    assert script.pauses == [7.05, 2.05]


def test_a_limit_is_told_at_once_where_that_was_asked_for() -> None:
    script = Script(error(429, "TOO_MANY_REQUESTS", retry_after="2"))
    with pytest.raises(RateLimited) as raised:
        script.run(attempts(lock(), script.setup(policy=Policy(waits_when_limited=False))))
    assert raised.value.retry_after == 2.0


def test_nobody_waits_beyond_the_deadline() -> None:
    script = Script(error(503, "OVERLOADED", retry_after="31"))
    with pytest.raises(Unavailable) as raised:
        script.run(attempts(lock(), script.setup()))
    assert raised.value.retry_after == 31.0
    assert script.pauses == []


@pytest.mark.parametrize(
    ("says", "kind"), [(UNSENT, Unavailable), (BUSY, Unavailable), (LIMITED, RateLimited), (LOST, OutcomeUnknown)]
)
def test_when_the_time_is_up_the_last_word_is_told(says: Any, kind: type[ClientError]) -> None:
    script = Script(*[says] * 100)
    with pytest.raises(kind):
        script.run(attempts(lock(), script.setup(policy=Policy(deadline_seconds=3.0))))
    assert 2.0 < script.now - 1000 <= 3.0


@pytest.mark.parametrize("last", [UNSENT, BUSY, error(401, "UNAUTHENTICATED"), error(500, "INTERNAL")])
def test_what_was_lost_once_stays_unknown(last: Any) -> None:
    script = Script(LOST, *[last] * 100)
    with pytest.raises(OutcomeUnknown) as raised:
        script.run(attempts(lock(), script.setup(policy=Policy(deadline_seconds=3.0))))
    assert raised.value.retryable
    assert raised.value.call.name == "lock"


def test_a_question_has_no_outcome_to_be_unknown() -> None:
    script = Script(*[LOST] * 100)
    with pytest.raises(Unavailable):
        script.run(attempts(stocks.availability(STORE, "POS"), script.setup()))


def test_a_stale_connection_costs_no_time() -> None:
    script = Script(STALE, STALE, DONE)
    script.run(attempts(lock(), script.setup()))
    assert script.pauses == []
    script = Script(*[STALE] * 9, DONE)
    script.run(attempts(lock(), script.setup()))
    assert script.pauses == [0.05]


def test_what_was_deleted_before_the_answer_was_lost_is_deleted() -> None:
    script = Script(LOST, error(404, "STORE_NOT_FOUND"))
    assert script.run(attempts(ask("DELETE", "/api/v1/stores"), script.setup())) is None
    script = Script(error(404, "STORE_NOT_FOUND"))
    with pytest.raises(Refused):
        script.run(attempts(ask("DELETE", "/api/v1/stores"), script.setup()))


def test_an_attempt_has_what_is_left_of_the_time() -> None:
    script = Script(BUSY, DONE)
    setup = script.setup(policy=Policy(deadline_seconds=4.0, attempt_seconds=3.0, first_pause_seconds=2.0))
    script.run(attempts(lock(), setup))
    assert [step.seconds for step in script.steps if isinstance(step, Exchange)] == [3.0, 2.0]


def test_the_language_goes_along_and_comes_back() -> None:
    script = Script(UNSENT)
    setup = script.setup(language=Language.CHINESE, key="k", policy=Policy(deadline_seconds=0.0))
    with pytest.raises(Unavailable, match="无法连接服务"):
        script.run(attempts(lock(), setup))
    [step] = script.steps
    assert isinstance(step, Exchange)
    headers = dict(step.request.headers)
    assert (headers["accept-language"], headers["authorization"]) == ("zh-CN", "Bearer k")


def test_each_call_has_a_key_of_its_own_unless_one_is_given() -> None:
    one, other = orders.amend(STORE, "o", {1: 1}), orders.amend(STORE, "o", {1: 1})
    assert one.request_id != other.request_id
    assert orders.amend(STORE, "o", {1: 1}, request_id="mine") == orders.amend(STORE, "o", {1: 1}, request_id="mine")


def test_a_quantity_is_exact() -> None:
    with pytest.raises(TypeError):
        orders.lock(STORE, "o", "POS", {1: 0.1})  # type: ignore[dict-item]
    with pytest.raises(TypeError):
        stocks.eighty_six("fox", "s1", [1])  # type: ignore[arg-type]
