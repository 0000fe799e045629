"""Following a store without a line: what is opened, asked and given, whatever the stream does."""

from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from eightysix.client import Refused, Unauthorised
from eightysix.client.following import Following, Pace
from eightysix.client.news import Found, Ready, Recalled, Reset, Told
from eightysix.client.request import Arrived, Broken, Reply
from eightysix.client.step import Close, Exchange, Open, Step
from eightysix.wire.grant import GrantRecall, encode_recall
from eightysix.wire.message import StoreMessage

from .script import Script
from .telling import STORE, changed, closed, cursor, event, page, ready, refusal, sent, state

LOST = Broken(Arrived.PERHAPS, "cut")
AWAY = Broken(Arrived.NOT_AS_A_WHOLE, "nobody there")
OPEN, END = Reply(200, {}), b""
GONE = refusal(401, "UNAUTHENTICATED")
"""Ends a test: the key was revoked."""


def follow(script: Script, cursor: str | None = None, *, from_start: bool = False, **pace: float) -> list[Any]:
    """What is given until the key is revoked."""
    following = Following(script.setup(), STORE, cursor, Pace(**pace))
    given: list[Any] = []
    with pytest.raises(Unauthorised):
        given.extend(script.iterate(following.steps(from_start=from_start)))
    return given


def opened(script: Script) -> list[str | None]:
    """The Last-Event-ID of each time the stream was opened."""
    return [dict(step.request.headers).get("last-event-id") for step in script.steps if isinstance(step, Open)]


def asked(script: Script) -> list[bytes]:
    return [step.request.body for step in script.steps if isinstance(step, Exchange)]


def test_a_stream_is_resumed_where_it_broke_off() -> None:
    script = Script(
        OPEN, ready(4), event(changed(1, 5, 4)), LOST,
        OPEN, ready(5) + event(changed(2, 6, 5)), END,
        GONE,
    )  # fmt: skip
    given = follow(script)
    assert [news.cursor for news in given] == [cursor(4), cursor(5), cursor(5), cursor(6)]
    assert [type(news) for news in given] == [Ready, Told, Ready, Told]
    assert opened(script) == [None, cursor(5), cursor(6)]
    assert asked(script) == []
    assert script.steps.count(Close()) == 2


def test_a_hint_for_the_hub_is_given_and_leaves_the_place_where_it_is() -> None:
    recall = GrantRecall(*STORE, 2, 102, Decimal("1.5"))
    hint = sent("grant.recall", encode_recall(recall).decode(), cursor(4))
    strange = sent("grant.recall", '{"of": "a newer service"}', cursor(4))
    given = follow(Script(OPEN, ready(4) + hint + strange + event(changed(1, 5, 4)), END, GONE))
    assert [type(news) for news in given] == [Ready, Recalled, Told]
    assert (given[1].recall, given[1].cursor, given[1].stocks) == (recall, cursor(4), ())


def test_a_stream_that_is_cut_again_and_again_is_left_alone_for_longer_and_longer() -> None:
    script = Script(*[OPEN, ready(4), END] * 5, GONE)
    follow(script)
    assert script.pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6])
    assert asked(script) == []


def test_without_a_stream_changes_are_asked_for_every_half_minute() -> None:
    def answer(step: Step) -> Any:
        asked_at.append(script.now) if isinstance(step, Exchange) else tried_at.append(script.now)
        return page(4 + len(asked_at)) if isinstance(step, Exchange) else GONE if script.now > 1100 else AWAY

    asked_at: list[float] = []
    tried_at: list[float] = []
    script = Script(otherwise=answer)
    given = follow(script, cursor(4))
    assert [news.cursor for news in given] == [cursor(5), cursor(6), cursor(7), cursor(8)]
    assert asked_at == pytest.approx([1000, 1030, 1060, 1090])
    pauses = [later - sooner for sooner, later in pairwise(tried_at)]
    assert max(pauses) <= 15.001
    assert pauses[0] < 0.2


def test_a_stream_that_was_there_a_moment_ago_is_awaited_before_anything_is_asked_for() -> None:
    def answer(step: Step) -> Any:
        if isinstance(step, Exchange):
            asked_at.append(script.now)
            return page(5)
        return GONE if asked_at else AWAY

    asked_at: list[float] = []
    script = Script(OPEN, ready(4), LOST, otherwise=answer)
    follow(script)
    assert asked_at == pytest.approx([1030])


@pytest.mark.parametrize(
    "answer",
    [refusal(404, "NOT_FOUND"), Reply(502, {}, b"<html>"), Reply(404, {}, b"<html>"), refusal(503, "OVERLOADED")],
)
def test_a_service_without_a_stream_is_asked(answer: Reply) -> None:
    script = Script(answer, page(5, state(1, 5)), GONE)
    assert [type(news) for news in follow(script, cursor(4))] == [Found]


@pytest.mark.parametrize(
    "answer", [refusal(403, "FORBIDDEN"), refusal(404, "STORE_NOT_FOUND"), refusal(422, "VALUE_INVALID")]
)
def test_what_waiting_does_not_change_is_told(answer: Reply) -> None:
    script = Script(answer)
    with pytest.raises(Refused):
        script.run(Following(script.setup(), STORE, None, Pace()).steps())


def test_a_gap_is_filled_before_what_comes_behind_it() -> None:
    script = Script(
        OPEN, ready(4) + event(changed(1, 7, 6)) + event(changed(2, 9, 8)),
        page(8, state(1, 7), state(3, 5)), event(changed(2, 10, 9)), END, GONE,
    )  # fmt: skip
    given = follow(script, cursor(6))
    assert [(type(news), [(each.object_id, each.version) for each in news.stocks]) for news in given] == [
        (Ready, []), (Told, [(1, 7)]), (Found, [(1, 7), (3, 5)]), (Told, [(2, 9)]), (Told, [(2, 10)]),
    ]  # fmt: skip
    assert asked(script)[0].count(cursor(7).encode()) == 1
    assert [news.cursor for news in given][1:] == [cursor(7), cursor(8), cursor(9), cursor(10)]


def test_a_gap_that_can_t_be_filled_is_come_back_to() -> None:
    def answer(step: Step) -> Any:
        return GONE if isinstance(step, Open) else AWAY

    script = Script(OPEN, event(changed(2, 9, 8)), otherwise=answer)
    assert follow(script, cursor(6)) == []
    assert len(asked(script)) > 1
    assert opened(script) == [cursor(6), cursor(6)]


def test_an_old_message_moves_nothing_back() -> None:
    script = Script(OPEN, ready(4) + event(changed(1, 5, 4)) + event(changed(1, 3, 2)), END, GONE)
    given = follow(script, cursor(4))
    assert [news.cursor for news in given] == [cursor(4), cursor(5), cursor(5)]
    assert opened(script)[-1] == cursor(5)


def test_messages_of_a_kind_that_isn_t_known_are_passed_over() -> None:
    recall = sent("grant.recall", '{"eventType":"grant.recall"}', cursor(5))
    script = Script(OPEN, ready(4) + recall + event(changed(1, 6, 5)), END, GONE)
    assert [news.cursor for news in follow(script)] == [cursor(4), cursor(6)]
    assert asked(script) == []


def test_a_reset_makes_everything_come_anew() -> None:
    script = Script(
        OPEN, sent("reset", f'{{"cursor":"{cursor(3, 2)}"}}') + event(changed(1, 3, 0), generation=2),
        page(2, state(1, 1), more=True, generation=2), AWAY, page(3, state(2, 3), generation=2),
        OPEN, event(changed(1, 4, 3), generation=2), END, GONE,
    )  # fmt: skip
    given = follow(script, cursor(900))
    assert [type(news) for news in given] == [Reset, Found, Found, Told]
    assert [news.cursor for news in given] == [None, cursor(2, 2), cursor(3, 2), cursor(4, 2)]
    assert [b'"since":null' in body for body in asked(script)] == [True, False, False]
    assert opened(script) == [cursor(900), cursor(3, 2), cursor(4, 2)]


def test_a_pull_may_be_told_to_start_anew_as_well() -> None:
    script = Script(AWAY, page(9, state(1, 9), generation=2, reset=True), page(9, state(1, 9), generation=2), GONE)
    given = follow(script, cursor(900))
    assert [type(news) for news in given] == [Reset, Found]


def test_everything_first_where_nothing_is_known() -> None:
    script = Script(page(5, state(1, 5), more=True), page(6), OPEN, ready(6), END, GONE)
    given = follow(script, from_start=True)
    assert [type(news) for news in given] == [Found, Found, Ready]
    assert opened(script)[0] == cursor(6)


def test_a_store_that_closes_is_told_and_asked_for_as_a_whole() -> None:
    script = Script(
        page(4, state(1, 4)), OPEN, event(closed(5, 4)), page(2, state(1, 4), more=True), page(5), END, GONE
    )
    first, told, *again = follow(script, from_start=True)
    assert [type(news) for news in again] == [Found, Found]
    assert [news.cursor for news in (first, told, *again)] == [cursor(4), cursor(5), cursor(5), cursor(5)]
    assert b'"since":null' in asked(script)[1]
    assert opened(script) == [cursor(4), cursor(5)]
    assert isinstance(told.message, StoreMessage)
    assert told.store is not None
    assert not told.store.open


def test_a_store_that_closes_is_asked_for_until_all_of_it_has_come() -> None:
    script = Script(
        page(4, state(1, 4)), OPEN, event(closed(5, 4)), *[refusal(503, "UNAVAILABLE")] * 9,
        otherwise=lambda step: page(5, state(1, 4)) if isinstance(step, Exchange) else GONE,
    )  # fmt: skip
    given = follow(script, from_start=True, open_seconds=1.0)
    assert [type(news) for news in given] == [Found, Told, Found]
    assert b'"since":null' in asked(script)[-1]
    assert opened(script) == [cursor(4), cursor(5)]


def test_a_store_that_closes_after_a_restart_is_asked_for_as_a_whole() -> None:
    """Whoever goes on from a saved cursor doesn't know what the store was when it was saved."""
    script = Script(OPEN, event(closed(5, 4)), page(5, state(1, 4)), END, GONE)
    given = follow(script, cursor(4))
    assert [type(news) for news in given] == [Told, Found]
    assert b'"since":null' in asked(script)[0]
