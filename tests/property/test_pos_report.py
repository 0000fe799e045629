"""Whatever the order of sales, reports and reports that are sent again: no sold portion comes back."""

from collections import Counter
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eightysix.core import pos_report
from eightysix.core.audit import findings
from eightysix.core.command import Setting
from eightysix.core.stock import Stock

from .till import Till


def play(seed: int) -> Till:
    till = Till(seed)
    for _ in range(80):
        till.step()
    return till


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_what_is_there_is_what_was_put_there_less_what_was_sold(seed: int) -> None:
    assert not findings(play(seed).kitchen.books())


def test_everything_was_met() -> None:
    met: Counter[str] = Counter()
    for seed in range(60):
        met.update(play(seed).met)
    assert met.keys() >= {"applied", "echo", "again", "STALE_REPORT", "COUNT_BASE_MISSING"}, met


def test_counts_that_are_simply_set_would_bring_sold_portions_back() -> None:
    """The negative control."""

    def careless(before: Stock, setting: Setting, _base_real: int | None) -> tuple[int, bool]:
        return (setting.real if isinstance(setting.real, int) else before.real), True

    with patch.object(pos_report, "_counted", careless), pytest.raises(AssertionError, match="step"):
        list(map(play, range(20)))
