"""Webhooks' queues and delivery logs: the newest state wins, and what came meanwhile is never taken out."""

import itertools
import secrets

import pytest
from msgspec.structs import replace

from eightysix.storage.port import Database
from eightysix.storage.webhook_attempt import Attempt, Place
from eightysix.storage.webhook_queue import HEALTH, QueueRow, Subject, WebhookKey

_REVISIONS = itertools.count(2**61)

DISH = Subject("s1", "stock.changed", 2, 101)


def a_webhook(bucket: int | None = None) -> WebhookKey:
    """One that nobody has used; in `bucket` where that matters."""
    while True:
        key = WebhookKey.of("fox", f"hook-{secrets.token_hex(6)}")
        if bucket is None or key.bucket == bucket:
            return key


def a_row(webhook: WebhookKey, subject: Subject = DISH, seq: int = 5, at: int = 1_000, **more: int) -> QueueRow:
    return QueueRow(webhook, subject, seq, at, **{"due_at": at, "tries": 0, "revision": next(_REVISIONS), **more})


async def rows_of(database: Database, webhook: WebhookKey) -> list[QueueRow]:
    return await database.webhook_queue.load(webhook, None, 1_000)


async def test_rows_come_back_in_the_order_of_their_keys(database: Database) -> None:
    webhook, other = a_webhook(), a_webhook()
    subjects = [
        HEALTH,
        Subject("S1", "stock.changed", 2, 101),
        Subject("s1", "stock.changed", 1, 999),
        Subject("s1", "stock.changed", 2, 5),
        Subject("s1", "stock.changed", 2, 40),
        Subject("s1", "stock.low", 2, 5),
        Subject("s1", "store.changed", 0, 0),
        Subject("t'\\é汤", "stock.changed", 2, 2**53 - 1),
    ]
    rows = [a_row(webhook, subject, seq) for seq, subject in enumerate(subjects, 1)]
    await database.webhook_queue.put([rows[at] for at in (3, 0, 7, 5, 1, 6, 2, 4)])
    await database.webhook_queue.put([a_row(other)])
    assert await rows_of(database, webhook) == rows
    for size in (1, 3):
        paged: list[QueueRow] = []
        while page := await database.webhook_queue.load(webhook, paged[-1].subject if paged else None, size):
            paged += page
        assert paged == rows
    assert await database.webhook_queue.load(webhook, subjects[-1], 10) == []


async def test_the_newer_state_stays_whatever_comes_last(database: Database) -> None:
    webhook = a_webhook()
    old, new = a_row(webhook, seq=5), a_row(webhook, seq=6, at=900)
    for first, second in ((old, new), (new, old)):
        await database.webhook_queue.put([first])
        await database.webhook_queue.put([second])
        assert await rows_of(database, webhook) == [new]


async def test_the_same_state_is_asked_for_again_later(database: Database) -> None:
    webhook = a_webhook()
    row = a_row(webhook)
    await database.webhook_queue.put([row])
    await database.webhook_queue.put([replace(row, revision=next(_REVISIONS))])
    assert await rows_of(database, webhook) == [row]
    later = a_row(webhook, at=1_001)
    await database.webhook_queue.put([later])
    assert await rows_of(database, webhook) == [later]


async def test_a_newer_state_begins_its_tries_anew(database: Database) -> None:
    webhook = a_webhook()
    row = a_row(webhook)
    await database.webhook_queue.put([row])
    failed = replace(row, tries=3, due_at=99_000)
    await database.webhook_queue.failed([failed])
    assert await rows_of(database, webhook) == [failed]
    newer = a_row(webhook, seq=9)
    await database.webhook_queue.put([newer])
    assert await rows_of(database, webhook) == [newer]


async def test_what_came_meanwhile_is_neither_taken_out_nor_put_off(database: Database) -> None:
    webhook = a_webhook()
    sent, still = a_row(webhook), a_row(webhook, Subject("s2", "stock.changed", 2, 101))
    await database.webhook_queue.put([sent, still])
    newer = a_row(webhook, seq=6)
    await database.webhook_queue.put([newer])
    await database.webhook_queue.failed([replace(sent, tries=1, due_at=99_000)])
    await database.webhook_queue.delivered([sent, still])
    assert await rows_of(database, webhook) == [newer]
    await database.webhook_queue.delivered([newer])
    assert await rows_of(database, webhook) == []


async def test_many_rows_of_many_buckets_at_once(database: Database) -> None:
    webhooks = [a_webhook() for _ in range(40)]
    rows = [a_row(webhook, Subject(f"s{at}", "stock.changed", 2, 7)) for webhook in webhooks for at in range(30)]
    await database.webhook_queue.put(rows)
    assert sorted(await database.webhook_queue.waiting([*webhooks, a_webhook()])) == sorted(webhooks)
    gone = [row for row in rows if row.webhook != webhooks[0]]
    await database.webhook_queue.delivered(gone)
    assert await database.webhook_queue.waiting(webhooks) == webhooks[:1]
    assert len(await rows_of(database, webhooks[0])) == 30


async def test_nothing_is_asked_for_nothing(database: Database) -> None:
    queue = database.webhook_queue
    assert await queue.waiting([]) == []
    await queue.put([])
    await queue.delivered([])
    await queue.failed([])
    await database.webhook_attempts.add([])


async def test_a_queue_is_cleared_in_steps(database: Database) -> None:
    webhook = a_webhook()
    other = a_webhook(webhook.bucket)
    subjects = [Subject("s1", "stock.changed", 2, number) for number in range(1, 8)]
    await database.webhook_queue.put([a_row(webhook, subject) for subject in subjects])
    await database.webhook_queue.put([a_row(other)])
    assert set(await database.webhook_queue.webhooks(webhook.bucket)) >= {webhook, other}
    assert await database.webhook_queue.clear(webhook, 5) == 5
    assert [row.subject for row in await rows_of(database, webhook)] == subjects[5:]
    assert await database.webhook_queue.clear(webhook, 5) == 2
    assert webhook not in await database.webhook_queue.webhooks(webhook.bucket)
    assert len(await rows_of(database, other)) == 1


# --- the delivery log


def an_attempt(webhook: WebhookKey, at: int, name: str = "a", **more: object) -> Attempt:
    told: dict[str, object] = {"status_code": 204, "error": None, "delivered": True, "subject": DISH, "seq": 5, **more}
    return Attempt(webhook, Place(at, name), "msg_1", "stock.changed", took_ms=12, **told)  # type: ignore[arg-type]


async def test_attempts_are_paged_newest_first(database: Database) -> None:
    webhook = a_webhook()
    attempts = [
        an_attempt(webhook, 1_000),
        an_attempt(webhook, 2_000, "a", status_code=None, error="timed out: 5 s ' \\ 汤", delivered=False),
        an_attempt(webhook, 2_000, "b", subject=None, seq=None),
        an_attempt(webhook, 3_000),
    ]
    await database.webhook_attempts.add([*attempts, an_attempt(a_webhook(webhook.bucket), 2_500)])
    log = database.webhook_attempts
    assert await log.page(webhook, 0, 10_000, None, 10) == attempts[::-1]
    assert await log.page(webhook, 2_000, 3_000, None, 10) == [attempts[2], attempts[1]]
    assert await log.page(webhook, 0, 10_000, attempts[2].place, 10) == [attempts[1], attempts[0]]
    assert await log.page(webhook, 0, 2_000, attempts[3].place, 10) == [attempts[0]]
    assert await log.page(webhook, 0, 10_000, None, 1) == attempts[3:]


async def test_an_attempt_may_be_written_twice(database: Database) -> None:
    webhook = a_webhook()
    attempt = an_attempt(webhook, 1_000)
    await database.webhook_attempts.add([attempt])
    await database.webhook_attempts.add([attempt, an_attempt(webhook, 1_000, "b")])
    assert len(await database.webhook_attempts.page(webhook, 0, 9_999, None, 10)) == 2


async def test_old_attempts_go_in_steps(database: Database) -> None:
    webhook = a_webhook()
    await database.webhook_attempts.add([an_attempt(webhook, at) for at in range(10)])
    assert webhook in await database.webhook_attempts.webhooks(webhook.bucket)
    assert await database.webhook_attempts.remove(webhook, 8, 5) == 5
    assert await database.webhook_attempts.remove(webhook, 8, 5) == 3
    assert await database.webhook_attempts.remove(webhook, 8, 5) == 0
    left = await database.webhook_attempts.page(webhook, 0, 100, None, 100)
    assert [attempt.place.attempted_at for attempt in left] == [9, 8]


@pytest.mark.parametrize("seconds", [0, 1])
async def test_the_health_of_an_endpoint_is_a_row_like_others(database: Database, seconds: int) -> None:
    """Its `seq` is the number of failures in a row, so a later one replaces an earlier one."""
    webhook = a_webhook()
    await database.webhook_queue.put([a_row(webhook)])
    for failures in (1, 2):
        health = a_row(webhook, HEALTH, seq=failures, at=500, due_at=7_000 * failures + seconds, tries=failures)
        await database.webhook_queue.put([health])
    assert (await rows_of(database, webhook))[0] == health
    await database.webhook_queue.delivered([health])
    assert [row.subject for row in await rows_of(database, webhook)] == [DISH]
