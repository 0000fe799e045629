"""The whole benchmark, as small as it gets: every contestant and every part does its work without a failure."""

import os

import msgspec
import pytest

from eightysix.cli.benching.plan import Plan
from eightysix.cli.benching.postgres import NoServerError, find_pgbench
from eightysix.cli.benching.progress import Progress
from eightysix.cli.benching.report import markdown
from eightysix.cli.benching.result import Result
from eightysix.cli.benching.run import run


async def test_every_part_runs_and_nothing_fails(postgres_server: str, tmp_path) -> None:
    try:
        find_pgbench()
    except NoServerError as missing:
        if os.environ.get("EIGHTYSIX_TEST_REQUIRE_ALL"):
            raise
        pytest.skip(f"the benchmark's own test needs pgbench: {missing}")
    plan = Plan(
        spreads=("hot",), verbs=("life",), clients=(2,), rounds=1, seconds=0.3, warmup_seconds=0.1, stores=6, items=3,
        steady_rate=50, steady_seconds=0.5, scale_stores=(2, 6),
    )  # fmt: skip
    found = await run(plan, postgres_server, tmp_path, Progress())
    assert found.trouble == []
    assert all(sample.done for cell in (*found.orders.cells, *found.sqlite.cells) for sample in cell.samples)
    assert len(found.orders.cells) == 5
    assert found.memory is not None
    assert {len(row.samples) for row in found.scale} == {1}
    assert found.steady[0].all.done == 25
    assert "**EightySix over HTTP**" in markdown(found)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Result).orders == found.orders
