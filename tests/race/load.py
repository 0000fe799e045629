"""The loads of the races: what each client process sends, act by act, and what there is to sell.

Between two acts every process waits for all others. The engine, the served API and the hand-written service get the
same loads: where the guards are in, the books fit; with a guard out, they must not.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from eightysix.core.command import ChannelSetting, SetStock
from eightysix.core.key import StockKey, sku_key, spu_key
from eightysix.core.quantity import UNIT
from eightysix.core.stock import Allocation

from .crew import SIZE
from .market import ONLINE, POOL, deduct, lock, pool, stock, unlock
from .message import RaceCommand, Wave

Act = tuple[tuple[Wave, ...], ...]
"""The waves of each process."""

MEMBERS = range(SIZE)


class Load(msgspec.Struct, frozen=True):
    """`portions` is what there is of each stock; `held` what must be sold or locked of it at the end, where known."""

    setup: tuple[SetStock, ...]
    portions: Mapping[StockKey, int]
    acts: tuple[Act, ...]
    held: Mapping[StockKey, int] = {}


def _act(commands: Callable[[int], Sequence[RaceCommand]], *, waves: int = 1) -> Act:
    """Each member's commands, in so many waves."""
    act = []
    for member in MEMBERS:
        mine = tuple(commands(member))
        size = max(1, -(-len(mine) // waves))
        act.append(tuple(Wave(mine[at : at + size]) for at in range(0, len(mine), size)))
    return tuple(act)


def rush(poi_id: str) -> Load:
    """Many more orders than portions of eight dishes, all processes on the same dish at the same time."""
    skus = range(5, 13)
    orders = _act(lambda member: [lock(poi_id, f"{member}-{at}", skus[at // 3]) for at in range(24)], waves=8)
    portions = {sku_key(sku_id): 5 for sku_id in skus}
    return Load((stock(poi_id, 5, sku_ids=skus),), portions, (orders,), portions)


def counter(poi_id: str) -> Load:
    """One dish, fewer orders than portions: every one is locked, none may be lost."""
    orders = _act(lambda member: [lock(poi_id, f"{member}-{at}") for at in range(24)], waves=6)
    return Load((stock(poi_id, 200),), {sku_key(1): 200}, (orders,), {sku_key(1): 24 * SIZE})


def same_order(poi_id: str) -> Load:
    """Every process sends the same orders."""
    orders = _act(lambda _: [lock(poi_id, f"same-{at}") for at in range(15)], waves=3)
    return Load((stock(poi_id, 10),), {sku_key(1): 10}, (orders,), {sku_key(1): 10})


def two_lines(poi_id: str) -> Load:
    """The same dish on two lines of an order: two portions each, of an odd number."""
    orders = _act(lambda member: [lock(poi_id, f"{member}-{at}", 1, 1) for at in range(6)], waves=2)
    return Load((stock(poi_id, 15),), {sku_key(1): 15}, (orders,), {sku_key(1): 14})


def shared_pool(poi_id: str) -> Load:
    """Two dishes that share their SPU's portions, both in each order."""
    orders = _act(lambda member: [lock(poi_id, f"{member}-{at}", 3, 4) for at in range(6)], waves=2)
    return Load((pool(poi_id, 15),), {spu_key(POOL): 15}, (orders,), {spu_key(POOL): 14})


def all_or_nothing(poi_id: str) -> Load:
    """Two dishes of which one runs out first, named in opposite order by half of the processes."""
    orders = _act(
        lambda member: [lock(poi_id, f"{member}-{at}", *((1, 2) if member % 2 else (2, 1))) for at in range(8)], waves=2
    )
    setup = (stock(poi_id, 10), stock(poi_id, 5, sku_ids=(2,)))
    return Load(setup, {sku_key(1): 10, sku_key(2): 5}, (orders,), {sku_key(1): 5, sku_key(2): 5})


def unlock_twice(poi_id: str) -> Load:
    """Every process cancels every order, and then all that came back is sold again."""
    locked = _act(lambda member: [lock(poi_id, f"{member}-{at}") for at in range(6)])
    cancelled = _act(lambda _: [unlock(poi_id, f"{owner}-{at}") for owner in MEMBERS for at in range(6)], waves=6)
    again = _act(lambda member: [lock(poi_id, f"again-{member}-{at}") for at in range(10)], waves=2)
    return Load((stock(poi_id, 24),), {sku_key(1): 24}, (locked, cancelled, again), {sku_key(1): 24})


def unlock_and_deduct(poi_id: str) -> Load:
    """Two processes cancel the orders that two others have paid for."""
    locked = _act(lambda member: [lock(poi_id, f"{member}-{at}") for at in range(8)])
    verbs = (unlock, deduct, unlock, deduct)
    ends = _act(
        lambda member: [verbs[member](poi_id, f"{owner}-{at}") for owner in MEMBERS for at in range(8)], waves=8
    )
    again = _act(lambda member: [lock(poi_id, f"again-{member}-{at}") for at in range(10)], waves=2)
    return Load((stock(poi_id, 32),), {sku_key(1): 32}, (locked, ends, again), {sku_key(1): 32})


def expiry_and_payment(poi_id: str) -> Load:
    """Payments come just when the locks die and others want their portions."""
    locked = _act(lambda member: [lock(poi_id, f"{member}-{at}", expires_in=1) for at in range(10)])
    moments = [0.25 + 0.05 * at for at in range(20)]

    def moment(member: int, at: int, after_seconds: float) -> Wave:
        if member % 2:
            new = tuple(lock(poi_id, f"new-{member}-{at}-{each}") for each in range(2))
            return Wave(new, after_seconds)
        owners = MEMBERS[at % 2 :: 2]
        paid = tuple(deduct(poi_id, f"{owner}-{at // 2}", relock=member == 2) for owner in owners)
        return Wave(paid, after_seconds)

    ends = tuple(tuple(moment(member, at, seconds) for at, seconds in enumerate(moments)) for member in MEMBERS)
    return Load((stock(poi_id, 40),), {sku_key(1): 40}, (locked, ends))


def limits_and_total(poi_id: str) -> Load:
    """POS 10 and KIOSK 10 out of 15."""
    channels = tuple(ChannelSetting(code, limit=10 * UNIT) for code in ("POS", "KIOSK"))
    orders = _act(
        lambda member: [lock(poi_id, f"{member}-{at}", channel=("POS", "KIOSK")[member % 2]) for at in range(12)],
        waves=4,
    )
    return Load((stock(poi_id, 15, channels=channels),), {sku_key(1): 15}, (orders,), {sku_key(1): 15})


def limit_within_total(poi_id: str) -> Load:
    """POS 5 out of 50, and nobody else wants any."""
    channels = (ChannelSetting("POS", limit=5 * UNIT),)
    orders = _act(lambda member: [lock(poi_id, f"{member}-{at}", channel="POS") for at in range(6)], waves=3)
    return Load((stock(poi_id, 50, channels=channels),), {sku_key(1): 50}, (orders,), {sku_key(1): 5})


def guarantee(poi_id: str) -> Load:
    """Five of 15 are guaranteed online; three in-store processes want everything before the online orders come."""
    channels = (ChannelSetting(ONLINE, guarantee=5 * UNIT),)
    orders = _act(
        lambda member: [
            lock(poi_id, f"{member}-{at}", channel="POS" if member < 3 else ONLINE)
            for at in range(8 if member < 3 else 2)
        ],
        waves=2,
    )
    late = _act(lambda member: [lock(poi_id, f"late-{member}-{at}") for at in range(3)])
    return Load((stock(poi_id, 15, channels=channels),), {sku_key(1): 15}, (orders, late), {sku_key(1): 15})


def guarantees(poi_id: str) -> Load:
    """POS 6 and KIOSK 4 are guaranteed of 15, and two hungry processes sell everything else online meanwhile."""
    kept = {"POS": 6, "KIOSK": 4}
    channels = tuple(ChannelSetting(code, guarantee=part * UNIT) for code, part in kept.items())
    wanted = (("POS", 6), ("KIOSK", 4), (ONLINE, 12), (ONLINE, 12))
    orders = _act(
        lambda member: [lock(poi_id, f"{member}-{at}", channel=wanted[member][0]) for at in range(wanted[member][1])],
        waves=4,
    )
    return Load((stock(poi_id, 15, channels=channels),), {sku_key(1): 15}, (orders,), {sku_key(1): 15})


def shares(poi_id: str) -> Load:
    """By weight POS has 10 of 15 and KIOSK 5: nothing is left for two hungry processes online, which come first."""
    channels = (ChannelSetting("POS", weight=2), ChannelSetting("KIOSK", weight=1))
    wanted = (("POS", 16), ("KIOSK", 16), (ONLINE, 16), (ONLINE, 16))
    orders = _act(
        lambda member: [lock(poi_id, f"{member}-{at}", channel=wanted[member][0]) for at in range(wanted[member][1])],
        waves=4,
    )
    shared = stock(poi_id, 15, channels=channels, allocation=Allocation.GUARANTEE)
    return Load((shared,), {sku_key(1): 15}, (orders,), {sku_key(1): 15})


def lock_and_cancel(poi_id: str) -> Load:
    """Orders are placed and cancelled by different processes: half cancelled first, half at once with their lock."""
    before = _act(lambda member: [unlock(poi_id, f"o-{at}") for at in range(12)] if member % 2 else [])
    verbs = (lock, unlock, lock, unlock)
    both = _act(lambda member: [verbs[member](poi_id, f"o-{at}") for at in range(12, 24)], waves=6)
    again = _act(lambda _: [lock(poi_id, f"o-{at}") for at in range(24)], waves=2)
    return Load((stock(poi_id, 24),), {sku_key(1): 24}, (before, both, again), {sku_key(1): 0})


def together(loads: Sequence[Load]) -> tuple[tuple[SetStock, ...], tuple[Act, ...]]:
    """Several stores' loads as one: the setup, and the acts, wave by wave."""
    acts = []
    for act in zip(*(load.acts for load in loads), strict=True):
        members = []
        for waves in zip(*act, strict=True):
            mine = [tuple(command for wave in same for command in wave.commands) for same in zip(*waves, strict=True)]
            members.append(tuple(map(Wave, mine)))
        acts.append(tuple(members))
    return tuple(setting for load in loads for setting in load.setup), tuple(acts)
