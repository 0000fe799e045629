"""Who orders what, where and when: from order histories, or made up."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from eightysix.cli.replaying.cleaning import Cleaning
from eightysix.cli.replaying.history import read_histories


class At(Enum):
    """Where an order is taken."""

    HUB = "POS"
    ONLINE = "ONLINE_ORDER"


class Fate(Enum):
    """What becomes of an order. Histories don't know: it is drawn from the seed."""

    PAID = "paid"
    CANCELLED = "cancelled"
    UNPAID = "unpaid"
    RETURNED = "returned"


_FATES = {Fate.PAID: 89, Fate.CANCELLED: 5, Fate.UNPAID: 3, Fate.RETURNED: 3}


class Guest(NamedTuple):
    """One order. `lines`: portions by SKU."""

    order_id: str
    at: At
    lines: dict[int, int]
    fate: Fate


class Shop(NamedTuple):
    """A store: its guests in order of time, its menu by SKU, and the portions that there are."""

    poi_id: str
    guests: list[Guest]
    menu: dict[int, str]
    portions: dict[int, int]
    favourite: int


def from_histories(files: Sequence[Path], stores: int, seed: int) -> list[Shop]:
    """The guests of the files. The first store is the largest: it has the longest file to itself, the others share the
    rest in turn; of a single file it has half."""
    read = read_histories([(path, path.name) for path in files], [], {}, Cleaning("Europe/London"))
    histories = sorted((store.history.orders for store in read.stores), key=len, reverse=True)
    dealt: list[list[tuple[str, dict[int, int]]]] = [[] for _ in range(stores)]
    names = {dish.sku_id: dish.name for dish in read.dishes.values()}
    others = 0
    for number, orders in enumerate(histories):
        for at, order in enumerate(orders):
            lines: Counter[int] = Counter()
            for line in order.lines:
                lines[read.sku_of(line.name)] += -(-line.quantity // 1000)
            is_largest = stores == 1 or (number == 0 and (len(histories) > 1 or at % 2 == 0))
            place = 0 if is_largest else 1 + others % (stores - 1)
            others += not is_largest
            dealt[place].append((f"{number}-{order.order_id}", dict(lines)))
    return [_shop(number, orders, names, seed) for number, orders in enumerate(dealt)]


def made_up(orders: int, stores: int, seed: int, dishes: int = 12) -> list[Shop]:
    """That many orders in each store, of a menu of which some is wanted far more than the rest."""
    chance = random.Random(seed)
    skus = range(1, dishes + 1)
    weights = [1 / sku for sku in skus]
    shops = []
    for number in range(stores):
        wanted = [
            (str(at), {sku: chance.choice((1, 1, 1, 2)) for sku in chance.choices(skus, weights, k=3)})
            for at in range(orders)
        ]
        shops.append(_shop(number, wanted, {sku: f"dish {sku}" for sku in skus}, seed))
    return shops


def _shop(number: int, orders: Iterable[tuple[str, dict[int, int]]], names: dict[int, str], seed: int) -> Shop:
    """Three guests of five sit in the store. Of the dish that is wanted most there is for two fifths of those who want
    it, of the others for nine tenths."""
    poi_id = f"store-{number}"
    guests, demand = [], Counter[int]()
    for name, lines in orders:
        chance = random.Random(f"{seed}/{poi_id}/{name}")
        at = At.HUB if chance.random() < 0.6 else At.ONLINE
        (fate,) = chance.choices(list(_FATES), list(_FATES.values()))
        guests.append(Guest(f"{at.name.lower()}-{name}", at, lines, fate))
        demand.update(lines)
    favourite = demand.most_common(1)[0][0]
    portions = {sku: max(1, wanted * (4 if sku == favourite else 9) // 10) for sku, wanted in demand.items()}
    return Shop(poi_id, guests, {sku: names[sku] for sku in demand}, portions, favourite)
