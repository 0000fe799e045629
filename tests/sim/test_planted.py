"""The negative control: each planted fault is found, or the simulation proves nothing."""

import pytest

from .faults import FAULTS
from .run import Failed, Run

SEEDS = 150


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str) -> None:
    with FAULTS[fault]():
        for seed in range(1, SEEDS + 1):
            try:
                Run(seed).go()
            except Failed:
                return
    pytest.fail(f"{fault}: not found in {SEEDS} seeds")
