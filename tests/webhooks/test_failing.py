"""Endpoints that don't answer as they should: tried again by the schedule, paused at its end, and nothing is lost.

The clock is the test's: hours pass when it says so.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from eightysix.core.key import sku_key
from eightysix.storage.migrate import migrate
from eightysix.storage.webhook_queue import Subject, WebhookKey
from eightysix.sync.webhooks.courier import Answer, Courier
from eightysix.sync.webhooks.intake import queue_row
from eightysix.sync.webhooks.schedule import DELAYS_MS, JITTER, RETRY_AFTER_MS_MAX, GiveUp, after_failure, later
from eightysix.wire.webhook import WebhookBody
from tests.webhooks.receiver import BREAK, DRIP, HANG, HUGE, Receiver, receiving
from tests.webhooks.station import BRISK, DAY, HOUR, RICE, SOUP, Clock, Station, reals, until, working


@pytest.fixture
async def stations(any_url: str) -> AsyncIterator[Station]:
    """A station on each kind of database."""
    async with working(any_url) as station:
        await station.begin()
        yield station


async def _failures(station: Station, count: int, webhook_id: str = "w1") -> None:
    """Wait until so many failures in a row are on record."""

    async def is_there() -> bool:
        health = await station.health(webhook_id)
        return health is not None and health.tries == count

    await until(is_there)


async def _is_empty(station: Station, webhook_id: str = "w1") -> None:
    async def empty() -> bool:
        return not await station.queued(webhook_id) and await station.health(webhook_id) is None

    await until(empty)


async def _paused(station: Station) -> None:
    await until(lambda: station.webhook().status == "paused")
    await until(lambda: station.webhooks.sender.endpoints == 0)


# --- the schedule


def test_the_schedule_takes_five_days() -> None:
    assert [delay // 1000 for delay in DELAYS_MS[:8]] == [5, 30, 120, 600, 1800, 7200, 21_600, 43_200]
    assert set(DELAYS_MS[8:]) == {DAY}
    assert 4.5 * DAY < sum(DELAYS_MS) < 5.5 * DAY


def test_each_delay_is_a_little_longer_by_chance() -> None:
    chance = random.Random(86)
    for failures, delay in enumerate(DELAYS_MS, 1):
        for _ in range(20):
            assert delay <= later(failures, chance.random()) <= delay * (1 + JITTER)
    assert isinstance(after_failure(len(DELAYS_MS) + 1, 0, 0.5), GiveUp)
    assert later(10_000, 0.0) == DAY


def test_an_endpoint_may_ask_for_more_time_within_bounds() -> None:
    assert later(1, 0.0, 60_000) == 60_000
    assert later(1, 0.0, 10 * HOUR) == RETRY_AFTER_MS_MAX
    assert later(9, 0.0, 60_000) == DAY


# --- an outage


async def test_after_an_outage_the_newest_state_is_told_once(stations: Station) -> None:
    station = stations
    async with receiving() as receiver:
        await station.hook(receiver.url)
        await station.set(1)
        await until(lambda: receiver.received)
        port = receiver.port
        await receiver.close()
        for real in range(2, 9):
            await station.set(real)
        await station.set(3, SOUP)
        await _failures(station, 1)
        receiver.received.clear()
        await receiver.open(port)
        await asyncio.sleep(0)
        assert not receiver.received
        station.clock.pass_by(5_000)
        await until(lambda: len(receiver.received) == 2)
        await _is_empty(station)
        assert sorted((request.event["data"]["object_id"], *reals([request])) for request in receiver.received) == [
            (RICE, 8),
            (SOUP, 3),
        ]


async def test_a_dead_endpoint_is_asked_with_one_request_at_a_time(station: Station, receiver: Receiver) -> None:
    receiver.say(503)
    await station.hook(receiver.url)
    for real in range(1, 9):
        await station.set(real, RICE, "s1")
        await station.set(real, SOUP, "s2")
    await _failures(station, 1)
    for number, delay in enumerate(DELAYS_MS[:4], 2):
        count = len(receiver.received)
        station.clock.pass_by(delay - 1)
        await station.set(10 + number)
        station.webhooks.sender.wake_due()
        await station.webhooks.sender.look()
        assert len(receiver.received) == count, "before its time"
        station.clock.pass_by(1)
        await _failures(station, number)
        assert len(receiver.received) == count + 1
    assert station.webhooks.figures.endpoints_failing == 1
    receiver.say(200)
    station.clock.pass_by(DELAYS_MS[4])
    await _is_empty(station)
    assert receiver.most_at_once <= 4
    assert reals(receiver.received)[-1] in (15, 8)
    await until(lambda: station.webhooks.figures.endpoints_failing == 0)


async def test_one_refused_event_holds_up_no_other(station: Station, receiver: Receiver) -> None:
    """An endpoint that takes everything else is well, and what it refuses is tried again, ever more seldom."""
    await station.hook(receiver.url)
    await station.set(1, SOUP)
    await until(lambda: receiver.received)
    receiver.answer = lambda request: 422 if request.event["data"]["object_id"] == RICE else 200
    await station.set(5, RICE)
    for real in range(2, 6):
        await station.set(real, SOUP)
        await until(lambda real=real: real in reals(receiver.received))

    async def is_alone() -> bool:
        rows = await station.queued()
        return len(rows) == 1 and rows[0].tries == 1

    await until(is_alone)
    assert await station.health() is None
    assert not station.webhooks.figures.endpoints_failing
    receiver.say(200)
    station.clock.pass_by(5_000)
    await _is_empty(station)
    tries = [request for request in receiver.received if request.event["data"]["object_id"] == RICE]
    assert [request.message_id for request in tries] == [tries[0].message_id] * 2


async def test_what_others_queue_is_found_while_a_refused_event_waits(station: Station, receiver: Receiver) -> None:
    await station.hook(receiver.url)
    receiver.answer = lambda request: 422 if request.event["data"]["object_id"] == RICE else 200
    await station.set(5, RICE)

    async def is_put_off() -> bool:
        return [row.tries for row in await station.queued()] == [1]

    await until(is_put_off)
    subject = Subject("s1", "stock.changed", *sku_key(SOUP))
    await station.database.webhook_queue.put([queue_row(station.webhook().key, subject, 1, station.clock())])
    await until(lambda: SOUP in [request.event["data"]["object_id"] for request in receiver.received])
    await until(is_put_off)
    assert [request.event["data"]["object_id"] for request in receiver.received].count(RICE) == 1


async def test_refusals_in_a_row_mean_the_endpoint(station: Station, receiver: Receiver) -> None:
    await station.hook(receiver.url)
    receiver.say(500)
    for sku_id, poi_id in ((RICE, "s1"), (RICE, "s2"), (SOUP, "s1"), (SOUP, "s2")):
        await station.set(5, sku_id, poi_id)
    await _failures(station, 1)
    assert len(receiver.received) == 3
    assert len(await station.queued()) == 4


async def test_retry_after_is_heeded(station: Station, receiver: Receiver) -> None:
    receiver.location = "x\r\nretry-after: 120"
    receiver.say(429)
    await station.hook(receiver.url)
    await station.set(5)
    await _failures(station, 1)
    health = await station.health()
    assert health is not None
    assert health.due_at - station.clock() == 120_000


# --- the end of the schedule


async def test_it_is_paused_at_the_end_and_resumed_by_somebody(stations: Station) -> None:
    station = stations
    async with receiving() as receiver:
        receiver.say(500)
        await station.hook(receiver.url)
        for sku_id in (RICE, SOUP):
            await station.set(5, sku_id)
        await station.set(5, RICE, "s2")
        for number, delay in enumerate(DELAYS_MS, 1):
            await _failures(station, number)
            station.clock.pass_by(delay)
        await _paused(station)
        shown = (await station.webhooks.subscriptions.page({"brand_id": "fox"}, None, 10)).items[0]
        assert shown.status == "paused"
        assert shown.status_reason == "no success for days; the last: status 500"
        await until(lambda: station.webhooks.figures.paused == 1)
        receiver.say(200)
        count = len(receiver.received)
        await station.set(9, SOUP)
        station.clock.pass_by(30 * DAY)
        await station.webhooks.sender.look()
        station.webhooks.sender.wake_due()
        assert len(receiver.received) == count
        assert len(await station.queued()) == 3
        await station.webhooks.subscriptions.resume("fox", "w1", "somebody")
        await _is_empty(station)
        told = {
            (r.event["data"]["poiId"], r.event["data"]["object_id"], *reals([r])) for r in receiver.received[count:]
        }
        assert told == {("s1", RICE, 5), ("s1", SOUP, 9), ("s2", RICE, 5)}


async def test_after_a_resume_the_schedule_begins_anew(station: Station, receiver: Receiver) -> None:
    receiver.say(503)
    await station.hook(receiver.url)
    await station.set(5)
    for number, delay in enumerate(DELAYS_MS, 1):
        await _failures(station, number)
        station.clock.pass_by(delay)
    await _paused(station)
    await station.webhooks.subscriptions.resume("fox", "w1", "somebody")
    station.clock.pass_by(DAY)
    await _failures(station, 1)
    assert station.webhook().status == "active"


async def test_what_is_paused_is_known_as_failing_no_more(station: Station, receiver: Receiver) -> None:
    """Already when it is paused, for whoever resumes it at once."""
    left: list[object] = []
    stop = station.webhooks.desk.stop

    async def look_and_stop(key: WebhookKey, *rest: str) -> bool:
        left.append(await station.health())
        return await stop(key, *rest)

    station.webhooks.desk.stop = look_and_stop
    receiver.say(503)
    await station.hook(receiver.url)
    await station.set(5)
    for number, delay in enumerate(DELAYS_MS, 1):
        await _failures(station, number)
        station.clock.pass_by(delay)
    await _paused(station)
    assert left == [None]


@pytest.mark.parametrize("way", ["resumed", "replaced", "made anew"])
async def test_what_was_disabled_while_it_failed_makes_a_new_start(
    station: Station, receiver: Receiver, way: str
) -> None:
    webhooks = station.webhooks
    receiver.say(503)
    await station.hook(receiver.url)
    await station.set(5)
    await _failures(station, 1)
    receiver.say(204)
    count = len(receiver.received)
    if way == "made anew":
        await webhooks.subscriptions.remove("fox", "w1", "x")
    else:
        disabled = WebhookBody("fox", "w1", receiver.url, status="disabled")
        await webhooks.write([disabled], "x", replace=True)
    await until(lambda: webhooks.sender.endpoints == 0)
    assert await station.health() is not None
    if way == "resumed":
        await webhooks.resume("fox", "w1", "x")
    else:
        await webhooks.write([WebhookBody("fox", "w1", receiver.url)], "x", replace=way == "replaced")
    await station.set(6)
    await until(lambda: 6 in reals(receiver.received[count:]))
    await _is_empty(station)


async def test_gone_means_gone(stations: Station) -> None:
    station = stations
    async with receiving() as receiver:
        receiver.say(410)
        await station.hook(receiver.url)
        await station.set(5)
        await until(lambda: station.webhook().status == "disabled")
        await until(lambda: station.webhooks.sender.endpoints == 0)
        assert len(receiver.received) == 1
        await station.set(6)
        assert len(await station.queued()) <= 1
        (attempt,) = await station.attempts()
        assert (attempt.status_code, attempt.delivered) == (410, False)
        assert await station.webhooks.cleaning.clean(station.webhook().key.bucket) == len(await station.queued()) + 1
        assert not await station.queued()


async def test_a_webhook_that_was_moved_meanwhile_is_not_paused(station: Station, receiver: Receiver) -> None:
    await station.hook(receiver.url)
    key = station.webhook().key
    assert not await station.webhooks.subscriptions.stop(key, "https://example.com/", "paused", "x")
    assert station.webhook().status == "active"


async def test_another_address_makes_a_new_start(station: Station, receiver: Receiver) -> None:
    await station.hook("http://127.0.0.1:1025/nobody")
    await station.set(5)
    await _failures(station, 1)
    await station.webhooks.subscriptions.write([WebhookBody("fox", "w1", receiver.url)], "x", replace=True)
    await until(lambda: receiver.received)
    await _is_empty(station)


@pytest.mark.parametrize("status", [410, 503])
async def test_what_a_former_address_says_says_nothing_of_the_next(
    station: Station, receiver: Receiver, status: int
) -> None:
    async with receiving() as former:
        asked = asyncio.Event()
        post = Courier.post

        async def late(courier: Courier, url: str, *rest: Any) -> Answer:
            """The answer of the former address comes once the webhook has moved."""
            if url == former.url:
                asked.set()
                await until(lambda: station.webhook().url == receiver.url)
                return Answer(status, None, 1)
            return await post(courier, url, *rest)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Courier, "post", late)
            await station.hook(former.url)
            await station.set(5)
            await asked.wait()
            await station.webhooks.subscriptions.write([WebhookBody("fox", "w1", receiver.url)], "x", replace=True)
            await until(lambda: receiver.received)
            await _is_empty(station)
    assert station.webhook().status == "active"
    assert {attempt.status_code for attempt in await station.attempts()} == {status, 204}


# --- answers that aren't


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (HANG, "no answer within 0.5 s"),
        (BREAK, "the answer isn't HTTP"),
        (DRIP, "no answer within 0.5 s"),
        (302, "redirects are not followed"),
        (404, "status 404"),
    ],
)
async def test_what_went_wrong_stands_in_the_delivery_log(
    sqlite_url: str, receiver: Receiver, answer: int, told: str
) -> None:
    receiver.say(answer)
    await migrate(sqlite_url)
    async with receiving() as elsewhere, working(sqlite_url) as station:
        await station.begin(timeouts=BRISK)
        receiver.location = elsewhere.url
        await station.hook(receiver.url)
        await station.set(5)
        await until(station.attempts)
        (attempt,) = await station.attempts()
        assert (attempt.delivered, attempt.error) == (False, told)
        assert attempt.status_code == (answer if answer > 0 else None)
        assert not elsewhere.received
        assert attempt.took_ms < 10_000


async def test_an_answer_without_an_end_is_cut_off(station: Station, receiver: Receiver) -> None:
    receiver.say(HUGE)
    await station.hook(receiver.url)
    await station.set(5)
    await _is_empty(station)
    (attempt,) = await station.attempts()
    assert (attempt.delivered, attempt.status_code) == (True, 200)


async def test_a_kept_connection_that_was_closed_costs_no_delay(station: Station, receiver: Receiver) -> None:
    await station.hook(receiver.url)
    await station.set(1)
    await _is_empty(station)
    port = receiver.port
    await receiver.close()
    await receiver.open(port)
    await station.set(2)
    await _is_empty(station)
    assert reals(receiver.received) == [1, 2]
    assert all(attempt.delivered for attempt in await station.attempts())


# --- processes


async def test_a_process_that_starts_goes_on_with_the_queue(any_url: str, receiver: Receiver) -> None:
    clock = Clock()
    receiver.say(503)
    async with working(any_url, clock) as station:
        await station.begin()
        await station.hook(receiver.url)
        await station.set(5)
        await station.set(6, SOUP)
        await _failures(station, 1)
        health = await station.health()
    receiver.say(200)
    async with working(any_url, clock) as station:
        await station.begin()
        assert await station.health() == health
        count = len(receiver.received)
        await station.webhooks.sender.look()
        assert len(receiver.received) == count, "it forgot that the endpoint fails"
        clock.pass_by(5_000)
        await _is_empty(station)
        told = {(request.event["data"]["object_id"], *reals([request])) for request in receiver.received[count:]}
        assert told == {(RICE, 5), (SOUP, 6)}


async def test_a_sender_that_dies_after_the_delivery_sends_again_under_the_same_id(
    any_url: str, receiver: Receiver
) -> None:
    async with working(any_url) as station:
        await station.begin()
        await station.hook(receiver.url)

        async def never(_: object) -> None:
            await asyncio.Event().wait()

        station.webhooks.desk.ledger.write = never  # type: ignore[method-assign]  # the process ends before the mark
        await station.set(5)
        await until(lambda: receiver.received)
        assert len(await station.queued()) == 1
    async with working(any_url) as station:
        await station.begin()
        await until(lambda: len(receiver.received) == 2)
        await _is_empty(station)
    first, second = receiver.received
    assert first.message_id == second.message_id
    assert first.body == second.body


async def test_a_newer_state_that_comes_while_one_is_told_is_told_too(any_url: str, receiver: Receiver) -> None:
    async with working(any_url) as station:
        await station.begin(timeouts=BRISK)
        await station.hook(receiver.url)
        await station.set(1)
        await _is_empty(station)
        receiver.say(HANG)
        await station.set(2)
        await until(lambda: 2 in reals(receiver.received))
        receiver.say(200)
        await station.set(3)  # while the one before has no answer yet
        await _failures(station, 1)
        station.clock.pass_by(5_000)
        await _is_empty(station)
        assert reals(receiver.received) == [1, 2, 3]


class Part:
    """The leases of one of two."""

    def __init__(self, *remainders: int) -> None:
        self.held = frozenset(number for number in range(64) if number % 2 in remainders)


async def test_only_who_holds_the_range_sends_and_finds_what_others_queued(
    postgres_url: str, receiver: Receiver
) -> None:
    await migrate(postgres_url)
    async with working(postgres_url) as taker, working(postgres_url) as sender:
        nothing, everything = Part(), Part(0, 1)
        await taker.begin(leases=nothing)
        await sender.begin(leases=everything)
        await taker.hook(receiver.url)
        await until(lambda: sender.catalog.current.webhooks("fox"))
        await taker.set(5)
        await until(lambda: receiver.received)
        await _is_empty(taker)
        assert taker.webhooks.figures.delivered == 0
        assert sender.webhooks.figures.delivered == 1
        assert taker.webhooks.figures.queued == 1
        everything.held, nothing.held = nothing.held, everything.held
        await until(lambda: taker.webhooks.sender.endpoints == 1 and sender.webhooks.sender.endpoints == 0)
        await taker.set(6)
        await until(lambda: reals(receiver.received) == [5, 6])
        await until(lambda: taker.webhooks.figures.delivered == 1)
