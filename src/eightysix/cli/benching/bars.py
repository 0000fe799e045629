"""What the benchmark must reach, and whether it did."""

from collections.abc import Iterator

import msgspec

from eightysix.cli.benching.embedded import ENGINE, HAND
from eightysix.cli.benching.result import Result
from eightysix.cli.benching.sample import Figure
from eightysix.cli.benching.workload import Spread, Verb


class Bar(msgspec.Struct, frozen=True):
    """One promise. `bar` and `aim` are factors of the hand-written SQL, or the unit that `what` names."""

    what: str
    bar: float
    measured: float | None
    aim: float | None = None
    at_most: bool = False
    unit: str = "×"

    @property
    def met(self) -> bool | None:
        """None where it wasn't measured."""
        if self.measured is None:
            return None
        return self.measured <= self.bar if self.at_most else self.measured >= self.bar


_FACTORS: tuple[tuple[str, str, Spread, float, float | None], ...] = (
    ("http", "over HTTP, uniform", "uniform", 1.3, 2),
    ("http", "over HTTP, one dish", "hot", 5, 10),
    ("process", "in process, uniform", "uniform", 2, None),
    ("process", "in process, one dish", "hot", 8, None),
)
_VERBS: tuple[tuple[Verb, str], ...] = (("lock", "locks"), ("life", "full lives"))


def bars(result: Result) -> Iterator[Bar]:
    """Every promise, with what was measured of it."""
    for contestant, what, spread, bar, aim in _FACTORS:
        for verb, verbs in _VERBS:
            yield Bar(f"{what}, {verbs}", bar, result.orders.ratio(contestant, "sql", spread, verb), aim)
    yield Bar(f"p99 at {result.plan.steady_rate:,} requests/s", 25, _steady_p99(result), at_most=True, unit=" ms")
    for spread in ("uniform", "hot"):
        for verb, verbs in _VERBS:
            ratio = result.sqlite.ratio(ENGINE, HAND, spread, verb)
            yield Bar(f"SQLite in process, {'one dish' if spread == 'hot' else spread}, {verbs}", 3, ratio)
    yield Bar(_growth_title(result), 1.3, _growth(result), at_most=True)
    memory = None if result.memory is None else result.memory.loaded_mb
    yield Bar(
        f"memory of serve with {result.plan.stores * result.plan.items:,} stocks", 250, memory, at_most=True, unit=" MB"
    )


def _steady_p99(result: Result) -> float | None:
    found = [each.all.latency.p99_ms for each in result.steady if each.all.latency and each.all.latency.p99_ms]
    return Figure.of(found).median if found else None


def _growth_title(result: Result) -> str:
    sizes = [row.stocks for row in result.scale] or [stores * result.plan.items for stores in result.plan.scale_stores]
    return f"cost per order, {sizes[-1]:,} stock rows against {sizes[0]:,}"


def _growth(result: Result) -> float | None:
    """The largest cost of any size, as a factor of the smallest table's."""
    costs = [row.cost_us.median for row in result.scale if any(sample.rate for sample in row.samples)]
    return max(costs) / costs[0] if len(costs) > 1 else None
