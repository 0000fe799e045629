"""How much a hub should hold: split by pace, a few kept, small differences left alone, whole units, never more than
there is."""

from hypothesis import given
from hypothesis import strategies as st

from eightysix.core.grant_policy import HALF_LIFE_MS, KEPT, Demand, Free, Split, wanted
from eightysix.core.quantity import UNIT

HOUR = 3_600_000
amounts = st.integers(0, 200).map(lambda portions: portions * UNIT)
splits = st.builds(
    Split,
    st.integers(0, 9),
    st.integers(0, 9),
    st.integers(0, 100_000),
    st.integers(0, 100_000),
    st.sampled_from([0, 0, 3 * UNIT]),
)


def held(here: int, there: int, split: Split) -> int:
    """What the hub holds when the policy has had its way, in portions."""
    return here + wanted(Free(here * UNIT, there * UNIT), split) // UNIT


def test_the_cloud_keeps_a_few_and_the_rest_is_split_by_weight_until_sales_tell() -> None:
    assert held(0, 46, Split()) == (46 - KEPT) // 2
    assert held(0, 46, Split(weight_here=3, weight_there=1)) == 30
    assert held(0, 46, Split(weight_here=0, weight_there=1)) == 0


def test_the_pace_of_sales_outweighs_the_weights() -> None:
    assert held(0, 86, Split(pace_here=38 * UNIT, pace_there=0)) == 78
    assert held(40, 46, Split(pace_here=0, pace_there=38 * UNIT)) == 2


def test_of_little_the_cloud_keeps_most() -> None:
    assert held(0, 5, Split()) == 1
    assert held(5, 0, Split()) == 1
    assert held(1, 0, Split()) == 0


def test_a_small_difference_is_left_alone() -> None:
    assert wanted(Free(45 * UNIT, 55 * UNIT), Split()) == 0
    assert wanted(Free(20 * UNIT, 80 * UNIT), Split()) == 27 * UNIT


def test_who_has_enough_for_a_day_gets_nothing_more() -> None:
    assert wanted(Free(30 * UNIT, 970 * UNIT), Split()) == 0
    assert wanted(Free(970 * UNIT, 30 * UNIT), Split()) == 0
    assert wanted(Free(30 * UNIT, 970 * UNIT), Split(pace_here=2 * UNIT)) > 0
    assert wanted(Free(30 * UNIT, 60 * UNIT), Split(guaranteed_here=45 * UNIT, pace_there=900 * UNIT)) == 15 * UNIT


def test_whoever_has_nothing_gets_its_part_at_once() -> None:
    assert wanted(Free(0, 9 * UNIT), Split()) == 2 * UNIT
    assert wanted(Free(9 * UNIT, 0), Split()) < 0


def test_what_is_asked_back_is_given_as_far_as_it_is_there() -> None:
    assert wanted(Free(3 * UNIT, 0), Split(), recalled=2 * UNIT) == -2 * UNIT
    assert wanted(Free(UNIT, 0), Split(), recalled=2 * UNIT) == -UNIT
    assert wanted(Free(0, 0), Split(), recalled=UNIT) == 0


def test_what_is_guaranteed_to_the_stores_channels_is_held_for_them() -> None:
    assert held(0, 10, Split(guaranteed_here=8 * UNIT, pace_there=50 * UNIT)) == 8


@given(amounts, amounts, splits, st.sampled_from([UNIT, 100, 1]))
def test_never_more_than_there_is_and_whole_units(here: int, there: int, split: Split, step: int) -> None:
    delta = wanted(Free(here, there, step), split)
    assert delta % step == 0
    assert -here <= delta <= there


@given(amounts, amounts, splits)
def test_what_was_wanted_is_enough(here: int, there: int, split: Split) -> None:
    """A move leaves nothing to move, or the two sides would go on giving it to and fro."""
    delta = wanted(Free(here, there), split)
    assert wanted(Free(here + delta, there - delta), split) == 0


def test_a_demand_fades_and_a_constant_one_is_told_as_it_is() -> None:
    demand = Demand()
    for minute in range(0, 600, 6):
        demand = demand.sold(UNIT, minute * 60_000)
    assert 8 * UNIT <= demand.pace <= 12 * UNIT
    later = 594 * 60_000 + HALF_LIFE_MS
    assert demand.at_time(later) == demand.pace // 2
    assert demand.at_time(later + 100 * HOUR) == 0
