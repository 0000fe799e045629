"""The run in small, on every run of the tests; docs/HUB.md has the large one."""

from pathlib import Path

import pytest

from eightysix.storage.migrate import migrate
from tests.outage.guest import made_up
from tests.outage.run import Plan, Run
from tests.outage.stage import Stage

pytestmark = pytest.mark.timeout(240)

SMALL = Plan(together=0.5, cut=3, killed=1, silent=1, down=0.2)


async def test_cut_off_and_killed_both_sides_sell_what_there_is(postgres_url: str, tmp_path: Path) -> None:
    await migrate(postgres_url)
    report = await Run(Stage(tmp_path, postgres_url, made_up(150, 1, seed=86)), SMALL).go()
    assert report.complaints == [], report
    assert report.orders > 100
    assert report.healed[0].events > 50
    assert report.checks == 2
