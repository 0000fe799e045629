"""Exact thousandths, and hostile numbers."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eightysix.core.quantity import (
    MAX_QUANTITY,
    QuantityError,
    as_number,
    floor_to,
    is_whole,
    step_of,
    thousandths,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("1", 1000),
        ("1.5", 1500),
        ("0.001", 1),
        ("1e2", 100_000),
        ("999999999.999", MAX_QUANTITY),
        ("1.5000", 1500),
    ],
)
def test_thousandths(text: str, expected: int) -> None:
    assert thousandths(Decimal(text)) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("NaN", "not_finite"),
        ("sNaN", "not_finite"),
        ("Infinity", "not_finite"),
        ("-Infinity", "not_finite"),
        ("-0.001", "negative"),
        ("1e9", "too_large"),
        ("1e400", "too_large"),
        ("1e999999", "too_large"),
        ("0.0001", "too_fine"),
        ("1e-999999", "too_fine"),
        ("999999999.9991", "too_fine"),
        ("0." + "0" * 500 + "1", "too_fine"),
        ("1." + "0" * 500 + "1", "too_fine"),
    ],
)
def test_what_is_no_quantity(text: str, reason: str) -> None:
    with pytest.raises(QuantityError) as refused:
        thousandths(Decimal(text))
    assert refused.value.reason == reason


@given(st.integers(0, MAX_QUANTITY))
def test_out_and_in_again(quantity: int) -> None:
    number = as_number(quantity)
    assert thousandths(Decimal(number)) == quantity
    assert not str(number).endswith(".0")
    assert "E" not in str(number) or number == int(number)


@given(st.integers(0, MAX_QUANTITY), st.integers(0, 3))
def test_floor_is_the_largest_whole_number_below(quantity: int, decimals: int) -> None:
    floor = floor_to(quantity, decimals)
    assert is_whole(floor, decimals)
    assert floor <= quantity < floor + step_of(decimals)
