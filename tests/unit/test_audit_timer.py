"""Whether a store's timer wakes in time for its guarantees, as an audit sees it."""

from msgspec.structs import replace

from eightysix.core.audit import findings
from eightysix.core.catalogue import Store
from eightysix.core.command import Actor, ChannelSetting, RunTimers, SetStock, Setting
from eightysix.core.finding import Rule
from eightysix.core.key import sku_key
from eightysix.core.stock import LIMITED
from tests.world.kitchen import NOON, Kitchen
from tests.world.menu import BRAND_ID, STORE

HOUR = 3_600_000
DAY = 24 * HOUR
THREE = NOON + 3 * HOUR
NEXT_DAY = NOON + 16 * HOUR
"""Four in the morning, when what is guaranteed is open again."""


def guaranteed_at(now: int) -> Kitchen:
    """A store that was looked at by noon, whose guarantees end at three; one is given at `now`."""
    world = Kitchen(NOON)
    world.menu.set_store(Store(BRAND_ID, "1", "Europe/London", guarantees_end_minute=15 * 60))
    world.run(RunTimers(STORE))
    world.now = now
    channel = ChannelSetting("POS", guarantee=2_000)
    setting = Setting(sku_key(1), type=LIMITED, plan=9_000, real=9_000, channels=(channel,))
    world.run(SetStock(STORE, (setting,), Actor("anna")))
    return world


def test_a_guarantee_that_is_given_after_their_end_waits_for_the_next() -> None:
    world = guaranteed_at(THREE + HOUR)
    assert world.timer is not None
    assert (world.timer.timed_at, world.timer.due_at) == (NOON, NEXT_DAY)
    assert findings(world.books(), world.menu) == []


def test_a_timer_that_sleeps_over_their_end_is_found() -> None:
    world = guaranteed_at(NOON + HOUR)
    assert world.timer is not None
    assert world.timer.due_at == THREE
    world.timer = replace(world.timer, due_at=NEXT_DAY)
    (found,) = findings(world.books(), world.menu)
    assert (found.rule, found.key, found.expected, found.found) == (Rule.TIMER_LATE, sku_key(1), THREE, NEXT_DAY)


def test_a_timer_that_sleeps_over_the_start_of_a_day_is_found_where_a_cap_starts_again() -> None:
    world = guaranteed_at(THREE + HOUR)
    assert world.timer is not None
    world.timer = replace(world.timer, due_at=THREE + DAY)
    (found,) = findings(world.books(), world.menu)
    assert (found.rule, found.key, found.expected, found.found) == (Rule.TIMER_LATE, sku_key(1), NEXT_DAY, THREE + DAY)
