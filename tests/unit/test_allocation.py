"""Largest remainder: parts add up exactly and nobody is off by a whole unit."""

from hypothesis import given
from hypothesis import strategies as st

from eightysix.core.allocation import largest_remainder


@given(
    st.integers(0, 10**9), st.lists(st.integers(0, 10**6), min_size=1, max_size=8), st.sampled_from([1, 10, 100, 1000])
)
def test_parts(total: int, weights: list[int], step: int) -> None:
    parts = largest_remainder(total, weights, step)
    whole = sum(weights)
    assert all(part % step == 0 for part in parts)
    if whole == 0:
        assert not any(parts)
        return
    assert sum(parts) == total - total % step
    units = total // step
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part // step * whole - units * weight) < whole


def test_equal_remainders_go_to_the_earlier() -> None:
    assert largest_remainder(1, [1, 1]) == [1, 0]
    assert largest_remainder(5, [4, 4]) == [3, 2]
