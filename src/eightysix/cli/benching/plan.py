"""How much is measured: the full sizes, and quick ones to see that everything runs."""

from enum import StrEnum
from typing import get_args

import msgspec

from eightysix.cli.benching.workload import Spread, Verb


class Part(StrEnum):
    """What can be measured on its own."""

    ORDERS = "orders"
    STEADY = "steady"
    SQLITE = "sqlite"
    SCALE = "scale"
    MEMORY = "memory"


class Contestant(StrEnum):
    """Who takes part in `orders`: three ways to write SQL by hand, the service over HTTP, the engine in process."""

    SQL = "sql"
    FUNCTION = "function"
    SMALL = "small"
    HTTP = "http"
    PROCESS = "process"


class Plan(msgspec.Struct, frozen=True):
    """What is measured and for how long. Every cell is measured once in each round, all cells before the next round."""

    parts: tuple[Part, ...] = tuple(Part)
    contestants: tuple[Contestant, ...] = tuple(Contestant)
    clients: tuple[int, ...] = (32, 64, 128, 256)
    spreads: tuple[Spread, ...] = get_args(Spread)
    verbs: tuple[Verb, ...] = get_args(Verb)
    rounds: int = 3
    seconds: float = 6.0
    warmup_seconds: float = 1.0
    stores: int = 2_000
    items: int = 50
    steady_rate: int = 1_000
    steady_seconds: float = 20.0
    scale_stores: tuple[int, ...] = (20, 2_000, 20_000)
    """Stores of each size of the scale part; times `items` stocks."""

    def quick(self) -> "Plan":
        """The same in about two minutes; its figures are for no one to quote."""
        return msgspec.structs.replace(
            self, clients=(64,), rounds=1, seconds=2.0, steady_seconds=4.0, scale_stores=(20, 2_000)
        )
