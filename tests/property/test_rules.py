"""The rules against the naive model; `make sim` runs the same for 200,000 commands and more."""

import pytest

from eightysix.core.audit import findings

from .driver import Driver


@pytest.mark.parametrize("seed", range(6))
def test_rules_agree_with_the_naive_model(seed: int) -> None:
    driver = Driver(seed)
    while driver.number < 1200:
        driver.step()


@pytest.mark.parametrize("seed", range(100, 108))
def test_an_audit_finds_nothing_wrong(seed: int) -> None:
    driver = Driver(seed)
    while driver.number < 190:  # before anything is forgotten
        driver.step()
    assert findings(driver.kitchen.books()) == []


def test_a_run_reaches_every_outcome() -> None:
    driver = Driver(86)
    while driver.number < 4000:
        driver.step()
    for outcome in (
        "LOCKED",
        "DEDUCTED",
        "UNLOCKED",
        "RETURNED",
        "MIXED",
        "OUT_OF_STOCK",
        "IDEMPOTENCY_MISMATCH",
        "ALREADY_DEDUCTED",
        "ALREADY_UNLOCKED",
        "ALREADY_RETURNED",
        "ORDER_NOT_FOUND",
        "ORDER_CANCELLED",
        "LOCK_EXPIRED",
        "LOCK_EXPIRED_NO_STOCK",
        "NOT_DEDUCTED",
        "QUANTITY_EXCEEDS_LOCK",
        "QUANTITY_EXCEEDS_DEDUCTED",
        "DONE",
        "SAME",
        "SETTING_INVALID",
        "QUANTITY_OUT_OF_RANGE",
        "RELEASED",
    ):
        assert driver.said.get(outcome, 0) > 0, f"{outcome} was never reached: {driver.said}"
