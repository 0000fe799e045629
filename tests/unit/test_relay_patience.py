"""How a relay's patience is measured: which stores try a bus that is away, who waits how long, what counts as lag."""

from time import monotonic

import pytest

from eightysix.core.change import OutboxRow
from eightysix.core.key import StockKey, StoreKey
from eightysix.sync.crowd import Crowd
from eightysix.sync.pace import RelayPace
from eightysix.sync.trouble import Troubles, probes

A, B, C = (StoreKey.of("fox", poi_id) for poi_id in "abc")


def test_of_those_put_back_again_and_again_not_only_the_newest_are_tried() -> None:
    woken = dict.fromkeys(StoreKey.of("fox", str(number)) for number in range(1_000))
    tried: set[StoreKey] = set()
    for _ in range(300):
        some = probes(woken, 4)
        assert len(set(some)) == 4
        for store in some:
            del woken[store]
        woken |= dict.fromkeys(some)
        tried.update(some)
    assert len(tried) > 200


def test_the_newest_are_among_them() -> None:
    woken = dict.fromkeys(StoreKey.of("fox", str(number)) for number in range(1_000))
    assert probes(woken, 4)[:2] == list(reversed(woken))[:2]
    assert set(probes({A: None, B: None}, 4)) == {A, B}
    assert probes({}, 4) == []


async def test_who_could_not_reach_the_bus_waits_less_long_than_who_has_a_message_that_it_refuses() -> None:
    pace = RelayPace(wait_seconds_first=1.0, wait_seconds_max=1_000.0, bus_wait_seconds_max=4.0)
    troubles = Troubles(pace, lambda store: None)
    for _ in range(20):
        troubles.add(A, 1, bus=True)
        troubles.add(B, 1, bus=False)
    waits = {store: troubles._known[store].timer.when() - monotonic() for store in (A, B)}
    assert 2.0 < waits[A] <= 4.0
    assert waits[B] > 700
    troubles.clear()


def test_the_lag_is_that_of_the_oldest_row_that_is_not_stuck() -> None:
    crowd = Crowd(RelayPace())
    rows = {
        store: [OutboxRow(1, 0, StockKey(2, 1), committed_at)]
        for store, committed_at in ((A, 10_000), (B, 58_000), (C, 60_000))
    }
    crowd.lags(rows, 61.0, lambda store: store == A)
    assert crowd.lag == 3.0
    crowd.lags({}, 61.0, lambda store: False)
    assert crowd.lag == 0.0


@pytest.mark.parametrize(
    ("waited", "took", "there"), [(0.019, 0.049, False), (0.021, 0.001, True), (0.001, 0.051, True)]
)
def test_orders_crowd_where_they_wait_long_for_a_batch_or_in_it(waited: float, took: float, there: bool) -> None:
    crowd = Crowd(RelayPace(crowd_seconds=0.02, crowd_batch_seconds=0.05))
    crowd.waited(waited, took)
    assert crowd.is_there is there


def test_a_crowd_has_the_relay_rest_and_gives_way_to_lag() -> None:
    crowd = Crowd(RelayPace(crowd_seconds=0.02))
    assert crowd.breath(0.03, 0.01) == 0.03, "as long as the round took"
    crowd.waited(1.0, 0.0)
    assert crowd.breath(0.03, 0.01) == pytest.approx(0.14), "seven times what it worked"
    crowd.lags({A: [OutboxRow(1, 0, StockKey(2, 1), 10_000)]}, 20.0, lambda store: False)
    assert crowd.breath(0.03, 0.01) == pytest.approx(0.07)
