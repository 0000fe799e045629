"""Whatever a hub tells, and however late: the cloud's books keep every promise, and no portion is in two hands."""

from hypothesis import given, settings
from hypothesis import strategies as st

from eightysix.core.hub_intake import HUB_SALE

from .counter import Counter


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_what_a_hub_tells_adds_up(seed: int) -> None:
    run = Counter(seed)
    for _ in range(60):
        run.step()
    assert HUB_SALE not in {each.kind for each in run.cloud.incidents}, "the hub has told of all that it promised"


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_restores_in_between_change_nothing_of_that(seed: int) -> None:
    """What was sold before a restore and told after it lowers the grant alone."""
    run = Counter(seed, restores=True)
    for _ in range(60):
        run.step()


def test_everything_happens() -> None:
    """The runs meet what they are about, or they prove nothing."""
    met: set[str] = set()
    for seed in range(30):
        run = Counter(seed)
        for _ in range(80):
            run.step()
        met |= {each.kind for each in run.cloud.incidents}
        met |= {row.kind.name for row in run.cloud.logs if row.source == "hub"}
        met |= {"late" for row in run.cloud.logs if row.content is not None and row.content.startswith('{"late"')}
        met |= {"another hub"} if run.hubs > 1 else set()
        met |= {"oversold" for stock in run.cloud.stocks.values() if stock.oversold}
    wanted = {"forced_sale", "count_below_promised", "hub_lost", "DEDUCT", "RETURN", "COUNT", "GRANT", "late"}
    assert wanted | {"another hub", "oversold"} <= met, met
