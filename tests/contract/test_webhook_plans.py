"""How each database finds the rows of webhooks: by the primary key, never reading another webhook's rows. Through the
proxy: each statement in one physical table."""

import re
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from eightysix.storage.migrate import migrate
from eightysix.storage.mysql.webhook_attempt import MysqlWebhookAttempts
from eightysix.storage.mysql.webhook_queue import MysqlWebhookQueue
from eightysix.storage.open import open_database
from eightysix.storage.port import Database
from eightysix.storage.postgres import webhook_attempt as postgres_attempt
from eightysix.storage.postgres import webhook_queue as postgres_queue
from eightysix.storage.sqlite import webhook_attempt as sqlite_attempt
from eightysix.storage.sqlite import webhook_queue as sqlite_queue
from eightysix.storage.url import parse
from eightysix.storage.webhook_attempt import Place
from eightysix.storage.webhook_queue import QueueRow, Subject, WebhookKey

from .plans import STATISTICS, OneSession, filled, generic_plan
from .test_mysql_plans import Recorded
from .test_proxy_routing import GeneralLog, general_log, proxied, tables_of
from .test_webhook_queue import a_row, a_webhook, an_attempt

__all__ = ["general_log", "proxied"]  # fixtures

BY_BUCKET = {"WEBHOOKS"}
"""It reads the keys of a bucket."""


def _rows(webhook: WebhookKey, count: int) -> list[QueueRow]:
    return [a_row(webhook, Subject(f"s{at % 9}", "stock.changed", 2, at + 1)) for at in range(count)]


async def _fill(database: Database, webhooks: Sequence[WebhookKey], count: int) -> None:
    for webhook in webhooks:
        await database.webhook_queue.put(_rows(webhook, count))
        await database.webhook_attempts.add([an_attempt(webhook, at) for at in range(count)])


@pytest.mark.parametrize("statistics", [False, True], ids=["without statistics", "with statistics"])
async def test_sqlite_finds_every_row_by_its_key(sqlite_url: str, *, statistics: bool) -> None:
    await migrate(sqlite_url)
    if statistics:
        database = await open_database(sqlite_url, owner="plans")
        await _fill(database, [a_webhook() for _ in range(20)], 200)
        await database.close()
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    if statistics:
        connection.execute("ANALYZE")
    for module in (sqlite_queue, sqlite_attempt):
        for name, statement in module.HOT_STATEMENTS.items():
            count = max(int(number) for number in re.findall(r"\?(\d+)", statement))
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", ["[]"] * count)]
            steps = [step for step in plan if "webhook_" in step]
            assert steps or statement.startswith("INSERT"), (name, plan)
            for step in steps:
                assert step.startswith("SEARCH"), (name, plan)
                assert "PRIMARY KEY" in step, (name, plan)
                used = set(re.findall(r"(\w+)[=<>]", step))
                assert "product_shard_id" in used, (name, plan)
                assert "webhook_id" in used or name in BY_BUCKET, (name, plan)
    connection.close()


POSTGRES = {
    name: statement
    for module in (postgres_queue, postgres_attempt)
    for name, statement in ((f"{module.__name__}.{each}", getattr(module, each)) for each in dir(module))
    if name.endswith("_STATEMENT") and not statement.startswith("INSERT")
}
MANY_ROWS = """
INSERT INTO webhook_queue SELECT n % 8, 'b', 'w' || n % 64, 's', 'stock.changed', 2, n, 1, 1, 1, 0, n
    FROM generate_series(1, 20000) AS n;
INSERT INTO webhook_attempt
    SELECT n % 8, 'b', 'w' || n % 64, n, 'a', 'm', 'e', NULL, NULL, NULL, NULL, NULL, NULL, 0, TRUE
    FROM generate_series(1, 20000) AS n;
"""


@pytest.mark.parametrize("statistics", STATISTICS)
async def test_postgres_finds_every_row_by_its_key(postgres_url: str, statistics: str) -> None:
    async with filled(postgres_url, MANY_ROWS, statistics) as connection:
        assert len(POSTGRES) == 10
        for name, statement in POSTGRES.items():
            plan = await generic_plan(connection, statement)
            scans = [at for at, line in enumerate(plan) if "Scan" in line and "webhook_" in line and "Tid" not in line]
            assert len(scans) == 1, (name, plan)
            condition = plan[scans[0] + 1]
            assert "Index" in plan[scans[0]], (name, plan)
            assert "Index Cond" in condition, (name, plan)
            assert "product_shard_id" in condition, (name, plan)
            assert "webhook_id" in condition or "WEBHOOKS" in name, (name, plan)
            assert "object_id" in condition or not re.search("DELIVERED|FAILED", name), (name, plan)


async def test_mariadb_finds_every_row_by_its_key(mysql_url: str) -> None:
    await migrate(mysql_url)
    database = await open_database(mysql_url, owner="plans")
    webhooks = [a_webhook() for _ in range(20)]
    await _fill(database, webhooks, 200)
    await database.close()
    session = Recorded(parse(mysql_url))
    session.sent = []
    await session.open()
    await session.rows("ANALYZE TABLE webhook_queue, webhook_attempt")
    pool: Any = OneSession(session)
    queue, attempts, webhook = MysqlWebhookQueue(pool, 1), MysqlWebhookAttempts(pool, 1), webhooks[0]
    rows = await queue.load(webhook, None, 200)
    asked: list[Callable[[], Awaitable[Any]]] = [
        lambda: queue.load(webhook, None, 50),
        lambda: queue.load(webhook, rows[100].subject, 50),
        lambda: queue.waiting(webhooks[:5]),
        lambda: queue.waiting([webhook]),
        lambda: queue.delivered(rows[:1]),
        lambda: queue.delivered(rows[1:20]),
        lambda: queue.failed(rows[30:31]),
        lambda: queue.clear(webhook, 5),
        lambda: queue.webhooks(webhook.bucket),
        lambda: attempts.page(webhook, 0, 10**6, None, 50),
        lambda: attempts.page(webhook, 0, 10**6, Place(100, "a"), 50),
        lambda: attempts.remove(webhook, 50, 5),
        lambda: attempts.webhooks(webhook.bucket),
    ]
    for ask in asked:
        session.sent = []
        await ask()
        (sql,) = session.sent
        plan = await session.rows(f"EXPLAIN {sql}")
        assert len(plan) == 1, (sql, plan)
        assert plan[0][5] == "PRIMARY", (sql, plan)
        assert plan[0][3] in {"const", "ref", "range"}, (sql, plan)
        assert "filesort" not in str(plan[0][-1]), (sql, plan)
        by_webhook = 2 + 64 * 4 + 2
        assert int(plan[0][6]) > by_webhook or "DISTINCT" in sql, (sql, plan)
    await session.close()


async def test_no_statement_reaches_two_tables_behind_the_proxy(proxied: Database, general_log: GeneralLog) -> None:
    webhooks = [a_webhook() for _ in range(12)]
    with general_log.recording() as statements:
        await _fill(proxied, webhooks, 20)
        await proxied.webhook_queue.waiting(webhooks)
        for webhook in webhooks[:3]:
            rows = await proxied.webhook_queue.load(webhook, None, 10)
            await proxied.webhook_queue.failed(rows[:1])
            await proxied.webhook_queue.delivered(rows)
            await proxied.webhook_queue.clear(webhook, 2)
            await proxied.webhook_queue.webhooks(webhook.bucket)
            await proxied.webhook_attempts.page(webhook, 0, 100, Place(5, "a"), 5)
            await proxied.webhook_attempts.remove(webhook, 5, 2)
            await proxied.webhook_attempts.webhooks(webhook.bucket)
    touching = [(tables_of(statement), statement) for _, statement in statements if "webhook_" in statement]
    assert touching
    assert not [statement for tables, statement in touching if len(tables) != 1]
