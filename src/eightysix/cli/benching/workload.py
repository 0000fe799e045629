"""What is asked of every contestant: which stores and dishes, how many clients, for how long."""

import random
from collections.abc import Iterator
from typing import Literal

import msgspec

BRAND = "bench"
CHANNEL = "ONLINE_ORDER"
HOLD_SECONDS = 86_400
"""Long enough that no lock dies while a benchmark runs: the sweep is no part of the comparison."""

PORTIONS = 900_000_000
"""Portions of each stock at the start; they never run out."""

Spread = Literal["uniform", "hot"]
Verb = Literal["lock", "life"]


class Load(msgspec.Struct, frozen=True):
    """One measurement's load. An order is a lock of two lines, a life is that lock and its deduct.

    `run_no` makes the order ids of one measurement differ from those of every other one on the same database.
    """

    spread: Spread
    verb: Verb
    clients: int
    seconds: float
    run_no: int
    stores: int = 2_000
    items: int = 50
    warmup_seconds: float = 1.0

    @property
    def stores_asked(self) -> int:
        return 1 if self.spread == "hot" else self.stores

    @property
    def items_asked(self) -> int:
        """How many dishes of a store are ordered; with one, both lines of each order are of that dish."""
        return 1 if self.spread == "hot" else self.items


class Choice(msgspec.Struct, frozen=True, gc=False):
    """The store (from 1 on) and the two dishes of an order; one dish twice has the line numbers 0 and 1."""

    store: int
    sku_a: int
    sku_b: int

    @property
    def line_b(self) -> int:
        return 1 if self.sku_a == self.sku_b else 0


def poi_id(store: int) -> str:
    """The store's id: always five characters, so that requests have one length."""
    return f"{store:05d}"


def order_id(run_no: int, order_no: int) -> str:
    """A new order's id: always 16 characters."""
    return f"{run_no:06d}{order_no:010d}"


def choices(load: Load) -> Iterator[Choice]:
    """Stores and dishes drawn evenly, two different dishes where there are two; drawn in advance and then repeated.

    The draw is the one of `sql/choose.pgbench`; its seed is the run number, so that a run can be repeated.
    """
    draw = random.Random(load.run_no)  # noqa: S311 - a repeatable load, not a secret
    stores, items = load.stores_asked, load.items_asked
    drawn = []
    for _ in range(1 if load.spread == "hot" else 65_536):
        first = draw.randint(1, items)
        second = (first - 1 + draw.randint(1, max(items - 1, 1))) % items + 1
        drawn.append(Choice(draw.randint(1, stores), min(first, second), max(first, second)))
    while True:
        yield from drawn
