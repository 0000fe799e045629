"""A result as a page of Markdown: the machine, the bars, the tables."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import median

from eightysix.cli.benching.bars import Bar, bars
from eightysix.cli.benching.embedded import ENGINE, HAND
from eightysix.cli.benching.result import Cell, Cells, Result
from eightysix.cli.benching.sample import CpuShare, Figure, Latency
from eightysix.cli.benching.workload import Spread, Verb

_NAMES = {
    "sql": "SQL by hand",
    "function": "SQL by hand, one PL/pgSQL function",
    "small": "SQL by hand, smaller transaction",
    "http": "**EightySix over HTTP**",
    "process": "**EightySix in process**",
    HAND: "SQLite by hand, one transaction an order",
    ENGINE: "**EightySix in process on SQLite**",
}
_LOADS: tuple[tuple[Spread, Verb, str], ...] = (
    ("uniform", "lock", "Locks, {stores:,} stores × {items} dishes"),
    ("hot", "lock", "Locks, all of one dish"),
    ("uniform", "life", "Full lives (lock, then deduct), {stores:,} stores × {items} dishes"),
    ("hot", "life", "Full lives, all of one dish"),
)


def markdown(result: Result) -> str:
    """The whole page."""
    return "\n".join(
        line
        for section in (_machine, _bars, _orders, _steady, _sqlite, _scale, _memory, _trouble)
        for line in section(result)
    )


def _machine(result: Result) -> Iterator[str]:
    machine, plan = result.machine, result.plan
    packages = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    settings = ", ".join(f"{name} = {value}" for name, value in result.database.items() if name != "server_version")
    yield f"Measured {result.started_at} on {machine.cores} cores ({machine.cpu}), {machine.memory_gb:g} GB,"
    yield f"{machine.system}, {machine.filesystem}. {machine.python}, {packages}, SQLite {machine.sqlite}."
    yield f"Load average before: {machine.load_before}."
    yield ""
    if result.database:
        yield f"PostgreSQL {result.database.get('server_version')}: {settings}."
        yield "Clients, service and database share the machine."
        yield ""
    yield f"{plan.rounds} rounds of {plan.seconds:g} s a cell, interleaved. Figures are medians, the lowest and the"
    yield "highest round in brackets."
    yield ""


def _bars(result: Result) -> Iterator[str]:
    yield "### What it must reach"
    yield ""
    yield from _table(("promise", "aim", "at least / at most", "measured", ""), map(_bar_row, bars(result)))


def _bar_row(bar: Bar) -> Sequence[str]:
    sign = "≤" if bar.at_most else "≥"
    verdict = {True: "met", False: "**missed**", None: "not measured"}[bar.met]
    return (
        bar.what,
        "" if bar.aim is None else f"{bar.aim:g}{bar.unit}",
        f"{sign} {bar.bar:g}{bar.unit}",
        "" if bar.measured is None else f"{bar.measured:.2f}{bar.unit}",
        verdict,
    )


def _orders(result: Result) -> Iterator[str]:
    yield from _side_by_side(result, result.orders, result.plan.contestants, ("sql", "function"))


def _sqlite(result: Result) -> Iterator[str]:
    if result.sqlite.cells:
        yield "## SQLite"
        yield ""
    yield from _side_by_side(result, result.sqlite, (HAND, ENGINE), (HAND,))


def _side_by_side(result: Result, cells: Cells, contestants: Sequence[str], against: Sequence[str]) -> Iterator[str]:
    for spread, verb, title in _LOADS:
        rows = [
            [_NAMES[name], *_cell_row(cells, name, spread, verb, against)]
            for name in contestants
            if cells.best(name, spread, verb) is not None
        ]
        if rows:
            yield "### " + title.format(stores=result.plan.stores, items=result.plan.items)
            yield ""
            heads = (
                "",
                "orders/s, best",
                "with clients",
                "p99 or mean then",
                *(f"× {_NAMES[name]}" for name in against),
            )
            yield from _table((*heads, "all client counts", "CPU µs an order: client, service, database"), rows)


def _cell_row(cells: Cells, name: str, spread: Spread, verb: Verb, against: Sequence[str]) -> Iterator[str]:
    best = cells.best(name, spread, verb)
    if best is None:
        return
    yield _figure(best.rate)
    yield str(best.clients)
    yield _latency(best)
    for other in against:
        ratio = cells.ratio(name, other, spread, verb)
        yield "" if ratio is None else f"{ratio:.2f}"
    mine = [cell for cell in cells.cells if (cell.contestant, cell.spread, cell.verb) == (name, spread, verb)]
    yield ", ".join(f"{cell.clients}: {cell.rate.median:,.0f}" for cell in mine if cell.samples)
    yield _cpu(best)


def _latency(cell: Cell) -> str:
    seen = [sample.latency for sample in cell.samples if sample.latency is not None]
    if not seen:
        return ""
    ninety_ninth = [latency.p99_ms for latency in seen if latency.p99_ms is not None]
    if ninety_ninth:
        return f"p99 {median(ninety_ninth):.1f} ms"
    return f"mean {median(latency.mean_ms for latency in seen):.1f} ms"


def _cpu(cell: Cell) -> str:
    def cost(of: Callable[[CpuShare], float | None]) -> str:
        each = [
            seconds / sample.done * 1e6
            for sample in cell.samples
            if sample.done and (seconds := of(sample.cpu)) is not None
        ]
        return f"{median(each):.0f}" if each else "–"

    return ", ".join((cost(lambda cpu: cpu.client), cost(lambda cpu: cpu.service), cost(lambda cpu: cpu.database)))


def _steady(result: Result) -> Iterator[str]:
    if not result.steady:
        return
    plan = result.plan
    yield f"### {plan.steady_rate:,} requests/s by the clock, {plan.steady_seconds:g} s a round"
    yield ""
    yield "Half locks, half deducts. A latency counts from the instant at which the clock wanted the request to leave."
    yield ""
    rows: list[tuple[str, list[Latency]]] = [
        ("all requests", [each.all.latency for each in result.steady if each.all.latency]),
        ("lock", [each.lock for each in result.steady if each.lock]),
        ("deduct", [each.deduct for each in result.steady if each.deduct]),
        ("of it: the client itself was late by", [each.late for each in result.steady if each.late]),
    ]
    yield from _table(
        ("", "p50 ms", "p95 ms", "p99 ms", "slowest ms"),
        [
            (name, *(_ms([of(latency) for latency in seen]) for of in (_p50, _p95, _p99, _worst)))
            for name, seen in rows
            if seen
        ],
    )
    yield _steady_cpu(result)
    yield ""


def _steady_cpu(result: Result) -> str:
    def share(of: Callable[[CpuShare], float | None]) -> str:
        seen = [seconds / each.all.seconds for each in result.steady if (seconds := of(each.all.cpu)) is not None]
        return f"{median(seen):.0%}" if seen else "–"

    return (
        f"Of one core: client {share(lambda cpu: cpu.client)}, service {share(lambda cpu: cpu.service)}, "
        f"database {share(lambda cpu: cpu.database)}."
    )


def _p50(latency: Latency) -> float | None:
    return latency.p50_ms


def _p95(latency: Latency) -> float | None:
    return latency.p95_ms


def _p99(latency: Latency) -> float | None:
    return latency.p99_ms


def _worst(latency: Latency) -> float | None:
    return latency.worst_ms


def _ms(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    figure = Figure.of(known)
    return f"{figure.median:.2f} [{figure.low:.2f}–{figure.high:.2f}]"


def _scale(result: Result) -> Iterator[str]:
    if not result.scale:
        return
    yield "### Cost of an order as the table grows (in process, uniform locks, 128 clients)"
    yield ""
    rows = []
    for row in result.scale:
        done = [sample for sample in row.samples if sample.done]
        if not done:
            continue
        costs = row.cost_us
        cpu = [
            (sample.cpu.service + sample.cpu.database) / sample.done * 1e6
            for sample in done
            if sample.cpu.service is not None and sample.cpu.database is not None
        ]
        cost = f"{costs.median:.0f} [{costs.low:.0f}–{costs.high:.0f}]"
        rows.append((f"{row.stocks:,}", cost, f"{median(cpu):.0f}" if cpu else "–"))
    yield from _table(("stock rows", "µs an order", "CPU µs an order, engine and database"), rows)


def _memory(result: Result) -> Iterator[str]:
    memory = result.memory
    if memory is None or memory.started_mb is None or memory.loaded_mb is None:
        return
    yield "### Memory"
    yield ""
    yield (
        f"`eightysix serve` with {memory.stocks:,} stocks: {memory.started_mb:.0f} MB after its start, "
        f"{memory.loaded_mb:.0f} MB after {memory.orders:,} orders in full."
    )
    yield ""


def _trouble(result: Result) -> Iterator[str]:
    if result.trouble:
        yield "### What went wrong"
        yield ""
        for line in result.trouble:
            yield f"- {line}"
        yield ""


def _figure(figure: Figure) -> str:
    return f"{figure.median:,.0f} [{figure.low:,.0f}–{figure.high:,.0f}]"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""
