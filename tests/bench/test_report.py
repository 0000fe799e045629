"""Figures, bars and the page made of them."""

from eightysix.cli.benching.bars import bars
from eightysix.cli.benching.machine import this_machine
from eightysix.cli.benching.plan import Plan
from eightysix.cli.benching.report import markdown
from eightysix.cli.benching.result import Cell, Cells, MemoryReading, Result, ScaleRow
from eightysix.cli.benching.sample import Figure, Sample, latency_of


def orders(**rates: dict[int, list[int]]) -> Cells:
    """Uniform locks: contestant -> clients -> orders in one second, a round each."""
    return Cells([
        Cell(name, "uniform", "lock", clients, [Sample(done, 1.0) for done in rounds])
        for name, by_clients in rates.items()
        for clients, rounds in by_clients.items()
    ])  # fmt: skip


def result(tmp_path, **parts: object) -> Result:
    return Result(this_machine(tmp_path), Plan(), {"server_version": "15"}, "2026-11-23T18:00Z", **parts)


def test_the_best_number_of_clients_of_each_is_compared_by_medians() -> None:
    cells = orders(sql={32: [100, 300, 200], 64: [150, 150, 150]}, http={32: [250, 250, 900], 64: [500, 400, 300]})
    best = cells.best("http", "uniform", "lock")
    assert best is not None
    assert (best.clients, best.rate) == (64, Figure(400, 300, 500, 3))
    assert cells.ratio("http", "sql", "uniform", "lock") == 2.0
    assert cells.ratio("process", "sql", "uniform", "lock") is None


def test_percentiles_are_values_that_were_measured() -> None:
    latency = latency_of([number / 1000 for number in range(1, 101)])
    assert latency is not None
    assert (latency.p50_ms, latency.p99_ms, latency.worst_ms) == (51, 100, 100)
    assert latency_of([]) is None


def test_bars_say_met_missed_or_not_measured(tmp_path) -> None:
    measured = result(
        tmp_path,
        orders=orders(sql={32: [100]}, http={32: [129]}, process={32: [200]}),
        scale=[ScaleRow(1_000, [Sample(1_000, 1.0)]), ScaleRow(1_000_000, [Sample(800, 1.0)])],
        memory=MemoryReading(100_000, 90.0, 251.0, 10),
    )
    verdicts = {bar.what: bar.met for bar in bars(measured)}
    assert verdicts["over HTTP, uniform, locks"] is False
    assert verdicts["in process, uniform, locks"] is True
    assert verdicts["over HTTP, one dish, locks"] is None
    assert verdicts["cost per order, 1,000,000 stock rows against 1,000"] is True
    assert verdicts["memory of serve with 100,000 stocks"] is False


def test_the_page_names_the_machine_the_settings_and_what_went_wrong(tmp_path) -> None:
    measured = result(tmp_path, orders=orders(sql={32: [100]}), trouble=["http: 3 failed: 503"])
    page = markdown(measured)
    assert "2026-11-23T18:00Z" in page
    assert "PostgreSQL 15" in page
    assert "| SQL by hand | 100 [100–100] | 32 |" in page
    assert "http: 3 failed: 503" in page
