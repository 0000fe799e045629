"""A store's state as a follower has it: never older than what was told."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from eightysix.client import Found, Reset, Told, Unauthorised
from eightysix.client.duty import Duty
from eightysix.client.following import Pace
from eightysix.client.mirror import Mirror
from eightysix.client.request import Reply
from eightysix.client.step import Exchange, Open, Step

from .script import Script
from .telling import STORE, changed, closed, cursor, event, open_state, page, ready, refusal, sent, state


def versions(mirror: Mirror) -> dict[int, int]:
    return {object_id: row.version for (_, object_id), row in mirror.rows.items()}


def test_what_is_older_is_passed_over() -> None:
    mirror = Mirror()
    assert mirror.take(Told(cursor(5), changed(1, 5, 4)))
    for older in (changed(1, 5, 4), changed(1, 3, 2)):
        assert not mirror.take(Told(cursor(5), older))
    assert mirror.take(Told(cursor(6), changed(2, 6, 5)))
    assert versions(mirror) == {1: 5, 2: 6}


def test_what_was_deleted_stays_so() -> None:
    mirror = Mirror(cursor(4), [state(1, 4)])
    mirror.take(Found(cursor(6), [state(1, 6, deleted=True)], None, more=False))
    mirror.take(Told(cursor(6), changed(1, 5, 4)))
    assert versions(mirror) == {}


def test_the_store_is_as_was_told_last() -> None:
    mirror = Mirror()
    mirror.take(Found(cursor(4), [], open_state(), more=False))
    assert mirror.store is not None
    assert mirror.store.open
    mirror.take(Told(cursor(5), closed(5, 4)))
    assert not mirror.store.open


def test_after_a_reset_the_old_state_stands_until_the_new_one_is_whole() -> None:
    mirror = Mirror(cursor(900), [state(1, 900), state(2, 800)])
    mirror.take(Reset())
    mirror.take(Found(cursor(2, 2), [state(1, 2)], open_state(), more=True))
    assert (versions(mirror), mirror.cursor) == ({1: 900, 2: 800}, cursor(900))
    mirror.take(Found(cursor(3, 2), [state(3, 3)], open_state(), more=False))
    assert (versions(mirror), mirror.cursor) == ({1: 2, 3: 3}, cursor(3, 2))
    mirror.take(Told(cursor(4, 2), changed(1, 4, 3)))
    assert versions(mirror) == {1: 4, 3: 3}


def test_the_cursor_is_kept_when_it_was_dealt_with_and_a_burst_is_acknowledged_once() -> None:
    def answer(step: Step) -> Any:
        if not isinstance(step, Exchange):
            return next(stream)
        if step.request.target.endswith("find-to-pos"):
            return page(4, state(1, 4))
        acknowledged.append(msgspec.json.decode(step.request.body)["cursor"])
        return Reply(200, {}, b'{"cursor":"x","lag":0}') if len(acknowledged) != 2 else refusal(503, "UNAVAILABLE")

    acknowledged: list[str] = []
    burst = ready(4) + event(changed(1, 5, 4)) + event(changed(2, 6, 5))
    stream = iter([Reply(200, {}), burst, event(changed(1, 7, 6)), b"", refusal(401, "UNAUTHENTICATED")])
    script = Script(otherwise=answer)
    saved: list[str] = []
    mirror = Mirror()
    duty = Duty(script.setup(), STORE, mirror, device_id="kiosk", save=saved.append, pace=Pace())
    seen: list[tuple[str | None, list[str]]] = []
    with pytest.raises(Unauthorised):
        seen.extend((mirror.cursor, list(saved)) for _ in script.iterate(duty.steps()))
    assert seen == [
        (cursor(4), []),
        (cursor(4), [cursor(4)]),
        (cursor(5), [cursor(4)]),
        (cursor(6), [cursor(4), cursor(5)]),
        (cursor(7), [cursor(4), cursor(5), cursor(6)]),
    ]
    assert saved[-1] == cursor(7)
    assert acknowledged == [cursor(4), cursor(6), cursor(6), cursor(7)], "the second was tried again"
    assert versions(mirror) == {1: 7, 2: 6}


def test_what_was_asked_for_may_be_newer_within_a_version() -> None:
    mirror = Mirror(cursor(4), [state(1, 4)])
    again = replace(state(1, 4), available=0)
    assert not mirror.take(Told(cursor(4), replace(changed(1, 4, 3), data=again)))
    assert mirror.take(Found(cursor(4), [again], None, more=False)) == [again]
    assert not mirror.take(Found(cursor(4), [again, state(1, 3)], None, more=False))


def test_a_device_that_is_nudged_says_once_more_how_far_it_is() -> None:
    def answer(step: Step) -> Any:
        if not isinstance(step, Exchange):
            return next(stream)
        acknowledged.append(msgspec.json.decode(step.request.body)["cursor"])
        return refusal(409, "CURSOR_UNKNOWN") if len(acknowledged) > 1 else Reply(200, {}, b'{"cursor":"x","lag":0}')

    acknowledged: list[str] = []
    nudged = event(changed(1, 5, 4)) + sent("nudge", "{}", cursor(3)) + event(changed(1, 5, 3))
    stream = iter([Reply(200, {}), event(changed(1, 5, 4)), nudged, b"", refusal(401, "UNAUTHENTICATED")])
    script = Script(otherwise=answer)
    mirror = Mirror(cursor(4))
    duty = Duty(script.setup(), STORE, mirror, device_id="kiosk", save=None, pace=Pace())
    with pytest.raises(Unauthorised):
        list(script.iterate(duty.steps()))
    assert acknowledged == [cursor(5), cursor(5)]
    assert mirror.cursor == cursor(5)
    assert [b"device_id=kiosk" in step.request.target.encode() for step in script.steps if isinstance(step, Open)] == [
        True
    ] * 2
