"""What is guaranteed to the channels of the other side is served from what that holds first."""

import pytest

from eightysix.core.availability import available, grantable, guaranteed
from eightysix.core.command import ChannelSetting, SetStock, Setting
from eightysix.core.draft import Draft
from eightysix.core.hub import GrantChange
from eightysix.core.stock import LIMITED
from tests.world.menu import STORE
from tests.world.told import DISH, STAFF, Told

SHARES = (ChannelSetting("POS", guarantee=3_000), ChannelSetting("ONLINE_ORDER", guarantee=2_000))


def sides(grant: int) -> Told:
    """10 portions, 3 of them guaranteed to POS and 2 to ONLINE_ORDER."""
    told = Told()
    told.cloud.run(SetStock(STORE, (Setting(DISH, type=LIMITED, real=10_000, channels=SHARES),), STAFF))
    told.ask(GrantChange(DISH, grant))
    return told


def can(told: Told, channel: str) -> tuple[int | None, int | None]:
    """(what the channel may take, what of it nobody else can)."""
    draft, item = Draft(told.cloud.shelf(), STAFF), told.cloud.menu.items[2, 1]
    code = told.cloud.menu.codes[channel]
    found = available(draft, item, code)
    return found.quantity, guaranteed(draft, item, code, found)


@pytest.mark.parametrize(
    ("grant", "online", "kiosk"),
    [
        (0, (7_000, 2_000), 5_000),  # nothing is covered by the hub: all of POS's 3 are kept from the cloud's
        (2_000, (7_000, 2_000), 5_000),  # 2 of POS's are at the hub, so 1 is kept
        (5_000, (5_000, 2_000), 3_000),  # all of them are
    ],
)
def test_in_the_cloud(grant: int, online: tuple[int, int], kiosk: int) -> None:
    told = sides(grant)
    assert can(told, "ONLINE_ORDER") == online
    assert can(told, "KIOSK")[0] == kiosk


@pytest.mark.parametrize(
    ("clouds", "pos", "kiosk"),
    [
        (0, (8_000, 3_000), 5_000),  # the cloud has nothing: ONLINE_ORDER's 2 are kept from the hub's
        (1_000, (8_000, 3_000), 5_000),
        (4_000, (6_000, 3_000), 3_000),  # the cloud's part covers its own
    ],
)
def test_at_the_hub(clouds: int, pos: tuple[int, int], kiosk: int) -> None:
    told = sides(clouds)
    told.cloud.menu.at_hub = True
    assert can(told, "POS") == pos
    assert can(told, "KIOSK")[0] == kiosk


def test_what_may_be_granted_leaves_what_is_guaranteed_online() -> None:
    told = sides(5_000)
    draft = Draft(told.cloud.shelf(), STAFF)
    assert grantable(draft, draft.stock(DISH)) == 3_000


def test_in_store_what_is_guaranteed_online_is_covered_by_the_clouds_part() -> None:
    told = sides(5_000)
    told.cloud.menu.at_hub = True
    assert can(told, "ONLINE_ORDER")[1] == 0, "it is served from the cloud's part"
