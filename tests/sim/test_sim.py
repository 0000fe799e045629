"""2,000 seeds; `make sim-long` runs 100,000, `make sim SEED=n` one of them again."""

import pytest

from .run import Failed, Run
from .shrink import shrunk

SEEDS = 2_000
PARTS = 20


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", range(PARTS))
def test_cloud_and_hubs_never_sell_a_portion_twice(part: int) -> None:
    for seed in range(part * SEEDS // PARTS + 1, (part + 1) * SEEDS // PARTS + 1):
        try:
            Run(seed).go()
        except Failed as failed:
            told = shrunk(failed)
            pytest.fail("\n".join(["", *told.story, "", str(told), f"make sim SEED={seed}"]), pytrace=False)


@pytest.mark.parametrize("seed", [7_944, 10_902, 30_206, 50_191])
def test_what_has_failed_once_is_well(seed: int) -> None:
    Run(seed).go()


def test_a_seed_runs_alike_each_time() -> None:
    one, other = Run(7), Run(7)
    one.go()
    other.go()
    assert (one.steps, one.healed_ms) == (other.steps, other.healed_ms)


def test_a_store_runs_alike_without_the_others() -> None:
    seed = next(seed for seed in range(1, 200) if Run(seed).size.stores > 3)
    whole, alone = Run(seed), Run(seed, [2])
    whole.go()
    alone.go()
    logs = alone._shops[2].cloud.kitchen.logs
    assert len(logs) > 3
    assert whole._shops[2].cloud.kitchen.logs[: len(logs)] == logs  # the others may need longer to agree
