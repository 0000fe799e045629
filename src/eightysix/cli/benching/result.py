"""What a benchmark run found, as it is written to JSON: `report` renders it."""

import msgspec

from eightysix.cli.benching.machine import Machine
from eightysix.cli.benching.plan import Plan
from eightysix.cli.benching.sample import Figure, Latency, Sample
from eightysix.cli.benching.workload import Spread, Verb


class Cell(msgspec.Struct):
    """One contestant under one load, once a round."""

    contestant: str
    spread: Spread
    verb: Verb
    clients: int
    samples: list[Sample] = msgspec.field(default_factory=list)

    @property
    def rate(self) -> Figure:
        """Orders (lives) a second."""
        return Figure.of([sample.rate for sample in self.samples])


class Cells(msgspec.Struct):
    """Everything that was measured side by side."""

    cells: list[Cell] = msgspec.field(default_factory=list)

    def best(self, contestant: str, spread: Spread, verb: Verb) -> Cell | None:
        """The cell of the number of clients with which the contestant did best, by its median."""
        mine = [
            cell
            for cell in self.cells
            if (cell.contestant, cell.spread, cell.verb) == (contestant, spread, verb) and cell.samples
        ]
        return max(mine, key=lambda cell: cell.rate.median, default=None)

    def ratio(self, contestant: str, against: str, spread: Spread, verb: Verb) -> float | None:
        """How many times the best of `against` the best of `contestant` is."""
        mine, other = self.best(contestant, spread, verb), self.best(against, spread, verb)
        if mine is None or other is None or not other.rate.median:
            return None
        return mine.rate.median / other.rate.median


class SteadyRound(msgspec.Struct, frozen=True):
    """One stretch of requests by the clock."""

    all: Sample
    lock: Latency | None
    deduct: Latency | None
    late: Latency | None


class ScaleRow(msgspec.Struct):
    """One size of the stock table, once a round."""

    stocks: int
    samples: list[Sample] = msgspec.field(default_factory=list)

    @property
    def cost_us(self) -> Figure:
        """Wall clock an order, in microseconds."""
        return Figure.of([1e6 / sample.rate for sample in self.samples if sample.rate])


class MemoryReading(msgspec.Struct, frozen=True):
    """Megabytes (10^6 bytes) of `eightysix serve`: started, and after a load."""

    stocks: int
    started_mb: float | None
    loaded_mb: float | None
    orders: int


class Result(msgspec.Struct):
    """One run of the benchmark. Parts that were not run are empty."""

    machine: Machine
    plan: Plan
    database: dict[str, str]
    started_at: str
    orders: Cells = msgspec.field(default_factory=Cells)
    steady: list[SteadyRound] = msgspec.field(default_factory=list)
    sqlite: Cells = msgspec.field(default_factory=Cells)
    scale: list[ScaleRow] = msgspec.field(default_factory=list)
    memory: MemoryReading | None = None
    trouble: list[str] = msgspec.field(default_factory=list)
    """What went wrong, in words; a run with an entry here is not to be quoted."""
