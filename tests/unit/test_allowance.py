"""How fast a key may call, against a naive count of everything that was granted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eightysix.api.allowance import Allowance

SECOND = 1_000_000_000


def test_a_second_s_worth_at_once_then_one_at_a_time() -> None:
    allowance, start = Allowance(4), 17 * SECOND
    assert [allowance.take(1, start) for _ in range(5)] == [True, True, True, True, False]
    assert not allowance.take(1, start + SECOND // 4 - 1)
    assert allowance.take(1, start + SECOND // 4)
    assert not allowance.take(1, start + SECOND // 4)


def test_several_are_taken_together_or_not_at_all() -> None:
    allowance = Allowance(10)
    assert allowance.take(7, 0)
    assert not allowance.take(4, 0)
    assert allowance.take(3, 0)


def test_idle_time_is_saved_up_for_one_second_only() -> None:
    allowance = Allowance(3)
    assert allowance.take(3, 0)
    assert allowance.take(3, 3600 * SECOND)
    assert not allowance.take(1, 3600 * SECOND)


@pytest.mark.parametrize("others", [(1,), (100,), (99, 98, 97), (7, 1000, 3)])
def test_another_rate_gives_nothing_back(others: tuple[int, ...]) -> None:
    allowance, now = Allowance(100), 17 * SECOND
    assert allowance.take(100, now)
    for rate in others:
        allowance = allowance.at(rate)
        assert not allowance.take(1, now)
    assert allowance.take(others[-1], now + SECOND)
    assert Allowance(100).at(7).take(7, now)


@pytest.mark.parametrize("rate", [1, 3, 7, 100_000])
def test_whoever_was_refused_is_served_a_second_later(rate: int) -> None:
    allowance = Allowance(rate)
    assert allowance.take(rate, 0)
    assert not allowance.take(rate, 1)
    assert allowance.take(rate, 1 + SECOND)


_CALLS = st.lists(st.tuples(st.integers(0, 3 * SECOND), st.integers(1, 20)), max_size=60)


@given(rate=st.integers(1, 12), calls=_CALLS)
def test_against_a_naive_bucket(rate: int, calls: list[tuple[int, int]]) -> None:
    """The naive one: counts in 1/SECOND of a token, filled up before every call."""
    allowance, now = Allowance(rate), SECOND
    level, filled_at = rate * SECOND, now
    for gap, wanted in calls:
        now += gap
        tokens = min(wanted, rate)
        level, filled_at = min(rate * SECOND, level + (now - filled_at) * rate), now
        enough = tokens * SECOND <= level
        assert allowance.take(tokens, now) is enough
        level -= tokens * SECOND if enough else 0


@given(rate=st.integers(1, 12), calls=_CALLS)
def test_no_window_sees_more_than_its_time_and_one_second(rate: int, calls: list[tuple[int, int]]) -> None:
    allowance, now = Allowance(rate), SECOND
    granted: list[tuple[int, int]] = []
    for gap, wanted in calls:
        now += gap
        if allowance.take(min(wanted, rate), now):
            granted.append((now, min(wanted, rate)))
    for first, (since, _) in enumerate(granted):
        for until, _ in granted[first:]:
            seen = sum(tokens for at, tokens in granted if since <= at <= until)
            assert seen * SECOND <= (until - since + SECOND) * rate
