"""How much is measured: the full sizes, and quick ones to see that everything runs."""

from typing import Literal, get_args

import msgspec

Part = Literal["orders", "steady", "sqlite", "scale", "memory"]
PARTS: tuple[Part, ...] = get_args(Part)

Contestant = Literal["sql", "function", "small", "http", "process"]
CONTESTANTS: tuple[Contestant, ...] = get_args(Contestant)


class Plan(msgspec.Struct, frozen=True):
    """What is measured and for how long. Every cell is measured once in each round, all cells before the next round."""

    parts: tuple[Part, ...] = PARTS
    contestants: tuple[Contestant, ...] = CONTESTANTS
    clients: tuple[int, ...] = (32, 64, 128, 256)
    rounds: int = 3
    seconds: float = 6.0
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
