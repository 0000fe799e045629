"""What is lost by splitting a stock between a hub and the cloud, beside one pool that both sell from.

Real orders, a dish of a day at a time: each order is given to the store's own channels or to the online ones by a coin
that is fair or not, or changes its mind in the evening; the stock is a part of what was wanted that day, so that it
always runs out. Sales are counted in portions: of a pool that both sides see at once (the ideal), of the policy
(`core.grant_policy`, each move arriving `--lag` seconds after it was decided), and of a split by weights that is left
alone. With `--fold` so many days of one weekday are laid upon one another, as of a store that sells so much more.

Run ``python bench/grants.py ORDERS.csv… [--least 8] [--lag 1] [--fold 1] [--seed 1]``; the files are read as `eightysix
replay` reads them.
"""

import argparse
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from eightysix.cli.replaying.cleaning import Cleaning
from eightysix.cli.replaying.history import read_histories
from eightysix.cli.replaying.menu import name_key
from eightysix.core.grant_policy import Demand, Free, Split, wanted
from eightysix.core.quantity import UNIT

ZONE = "Europe/London"
STOCKS = (0.5, 0.8, 0.95)
"""Stock as a part of what was wanted."""

SHARES: dict[str, Callable[[int], float]] = {
    "half in store": lambda _: 0.5,
    "a fifth in store": lambda _: 0.2,
    "four fifths in store": lambda _: 0.8,
    "lunch in store, evening online": lambda hour: 0.9 if hour < 19 else 0.1,
}
"""The part of the orders that the store takes, by the hour."""


class Sale(NamedTuple):
    """Wanted at `at` (ms) so much (thousandths), in the store or online."""

    at: int
    quantity: int
    here: bool


class Sold(NamedTuple):
    """Thousandths sold of one dish and day."""

    ideal: int
    policy: int
    moves: int
    alone: int


class Sides:
    """One dish of one day with a hub and a cloud. `lag_ms` None: nothing is ever moved."""

    def __init__(self, stock: int, lag_ms: int | None) -> None:
        half = stock // 2 // UNIT * UNIT
        self.here, self.there = half, stock - half
        self.lag_ms = lag_ms
        self.demand = {True: Demand(), False: Demand()}
        self.under_way: list[tuple[int, int]] = []
        self.sold = self.moves = 0

    def want(self, sale: Sale) -> None:
        """Sell it if it can be."""
        self._arrive(sale.at)
        there_is = self.here if sale.here else self.there
        if sale.here and self.lag_ms is not None and there_is < sale.quantity <= there_is + self.there:
            self._borrow(sale.quantity - there_is)
        if (self.here if sale.here else self.there) < sale.quantity:
            if not sale.here:
                self._rebalance(sale.at, recalled=sale.quantity - self.there)
            return
        if sale.here:
            self.here -= sale.quantity
        else:
            self.there -= sale.quantity
        self.sold += sale.quantity
        self.demand[sale.here] = self.demand[sale.here].sold(sale.quantity, sale.at)
        self._rebalance(sale.at)

    def _borrow(self, quantity: int) -> None:
        """A hub that comes short asks at once."""
        self.here += quantity
        self.there -= quantity
        self.moves += 1

    def _rebalance(self, now: int, recalled: int = 0) -> None:
        if self.lag_ms is None or self.under_way:
            return
        split = Split(1, 1, self.demand[True].at_time(now), self.demand[False].at_time(now))
        delta = wanted(Free(self.here, self.there), split, recalled=recalled)
        if delta:
            self.under_way.append((now + self.lag_ms, delta))
            self.moves += 1
            self.here -= max(0, -delta)  # what is given back has left the hub when it is asked for

    def _arrive(self, now: int) -> None:
        while self.under_way and self.under_way[0][0] <= now:
            _, delta = self.under_way.pop(0)
            if delta > 0:
                given = min(delta, self.there)
                self.there -= given
                self.here += given
            else:
                self.there -= delta


def sell(sales: Sequence[Sale], stock: int, lag_ms: int) -> Sold:
    """One dish of one day, three times."""
    ideal = stock
    for sale in sales:
        ideal -= sale.quantity if sale.quantity <= ideal else 0
    policy, alone = Sides(stock, lag_ms), Sides(stock, None)
    for sale in sales:
        policy.want(sale)
        alone.want(sale)
    return Sold(stock - ideal, policy.sold, policy.moves, alone.sold)


def days(files: Sequence[Path], least: int, fold: int) -> Iterator[list[tuple[int, int]]]:
    """(when, how much) of each dish and day of which at least so many portions were wanted, in order of time."""
    pairs = [(path, f"store-{at}") for at, path in enumerate(files)]
    history = read_histories(pairs, [], {}, Cleaning(ZONE))
    zone = ZoneInfo(ZONE)
    wanted_of: defaultdict[tuple[str, str, int], list[tuple[int, int]]] = defaultdict(list)
    for store in history.stores:
        for order in store.history.orders:
            local = datetime.fromtimestamp(order.at / 1000, zone) - timedelta(hours=4)
            week = local.toordinal() // 7
            day = (week // fold) * 7 + local.weekday()
            at = order.at - (week % fold) * 7 * 86_400_000
            for line in order.lines:
                wanted_of[store.poi_id, name_key(line.name), day].append((at, line.quantity))
    for each in wanted_of.values():
        if sum(quantity for _, quantity in each) >= least * UNIT:
            yield sorted(each)


def main() -> None:
    """Print a line for each way to split the orders."""
    parser = argparse.ArgumentParser(prog="python bench/grants.py", description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--least", type=int, default=8, help="portions wanted of a dish on a day")
    parser.add_argument("--lag", type=float, default=1.0, help="seconds until a move has arrived")
    parser.add_argument("--fold", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    known = list(days(options.files, options.least, options.fold))
    print(f"{len(known)} dishes of a day, {sum(map(len, known))} sales wanted, lag {options.lag:g} s")
    zone = ZoneInfo(ZONE)
    for name, share in SHARES.items():
        for part in STOCKS:
            draw = random.Random(f"{options.seed} {name}")
            ideal = policy = alone = moves = 0
            for each in known:
                sales = [
                    Sale(at, quantity, draw.random() < share(datetime.fromtimestamp(at / 1000, zone).hour))
                    for at, quantity in each
                ]
                stock = max(2, int(sum(quantity for _, quantity in each) * part) // UNIT) * UNIT
                sold = sell(sales, stock, int(options.lag * 1000))
                ideal, policy = ideal + sold.ideal, policy + sold.policy
                alone, moves = alone + sold.alone, moves + sold.moves
            print(
                f"{name:32} stock {part:4.0%}: ideal {ideal // UNIT:6d} portions, lost {1 - policy / ideal:6.2%}, "
                f"left alone {1 - alone / ideal:6.2%}, {moves / len(known):.1f} moves a dish and day"
            )


if __name__ == "__main__":
    main()
