"""The proof in small, on every run of the tests; docs/BENCHMARKS.md has the large one."""

from pathlib import Path

import pytest

from eightysix.storage.migrate import migrate
from tests.lossless.run import Plan, Report, run
from tests.lossless.stage import Stage
from tests.servers.postgres import Postgres
from tests.servers.rocketmq import RocketMQServer

pytestmark = pytest.mark.timeout(300)

SMALL = Plan(
    changes=5_000, faults=6, stores=60, seed=86, fault_seconds=(0.2, 1.0), pause_seconds=0.3, settle_seconds=90
)


async def proof(folder: Path, postgres: Postgres, plan: Plan, broker: RocketMQServer | None = None) -> Report:
    await migrate(postgres.url)
    return await run(Stage(folder, postgres, postgres.url, broker), plan)


async def test_nothing_is_lost_and_nothing_steps_back(own_postgres: Postgres, tmp_path: Path) -> None:
    report = await proof(tmp_path, own_postgres, SMALL)
    assert report.complaints == [], report
    assert report.changes >= SMALL.changes
    assert report.stream_messages
    assert report.bus_messages


async def test_nothing_is_lost_over_a_rocketmq_that_is_killed(
    own_postgres: Postgres, own_rocketmq: RocketMQServer, tmp_path: Path
) -> None:
    report = await proof(tmp_path, own_postgres, SMALL, own_rocketmq)
    assert report.complaints == [], report
    assert report.bus_messages


async def test_messages_written_after_the_commit_are_found_missing(own_postgres: Postgres, tmp_path: Path) -> None:
    """The negative control: a service is killed in between again and again."""
    await migrate(own_postgres.url)
    stage = Stage(tmp_path, own_postgres, own_postgres.url, careless=True)
    plan = SMALL._replace(changes=2_000, faults=3, settle_seconds=5, kills_only=True)
    report = await run(stage, plan)
    assert any("was never seen" in complaint for complaint in report.complaints), report
