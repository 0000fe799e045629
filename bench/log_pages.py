"""How long a page of the change log takes with millions of rows in the table, and what indexes would cost an insert.

Rows are made by each server itself, in the order of time, stores taking turns as in life: one store has a fifth of all
rows, the others share the rest evenly. Pages are asked for as the service asks, one at a time, and timed at the caller.
The inserts go, turn by turn, into the table and into a twin that holds the same rows and has the two indexes that the
chains make needless.
At last some of the oldest rows are deleted, as the housekeeping does it.

Run ``python bench/log_pages.py [--postgres URL] [--mysql URL] [--sqlite FOLDER] [--rows 5000000] [--json FILE]``. It
makes a database of its own on each server and drops it at the end.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from bench.log_tables import MariaDB, PostgreSQL, Shape, SQLite, Table
from eightysix.core.change import Kind
from eightysix.core.key import StockKey
from eightysix.core.log_query import SEQ_END, LogQuery, LogSpan
from eightysix.engine import Pace
from eightysix.storage.change_log import ChangeLog
from eightysix.storage.open import open_database
from tests.servers import scratch

MOST = 100
"""Rows asked for."""

Ask = Callable[[random.Random], tuple[LogQuery, LogSpan | None]]


def shapes(shape: Shape, store: int) -> dict[str, Ask]:
    """What is asked for of a store; each time with other values."""
    rows = shape.rows_of(store)
    first, last = shape.at(1), shape.at(shape.rows)
    day = max(1, (last - first) // 400)

    def deep(draw: random.Random) -> LogSpan:
        return LogSpan(0, draw.randint(rows // 10, rows))

    def dish(draw: random.Random) -> StockKey:
        return StockKey(2, 1000 + draw.randrange(shape.dishes))

    def inside(draw: random.Random) -> tuple[LogQuery, LogSpan]:
        row = draw.randint(rows // 10, rows)
        return LogQuery(key=shape.dish_of(row)), LogSpan(0, SEQ_END, row)

    def times(draw: random.Random) -> dict[str, int]:
        since = draw.randint(first, last - day)
        return {"since": since, "until": since + day}

    def order(draw: random.Random) -> str:
        return f"{shape.poi_id(store)}-{draw.randint(1, rows) // 4}"

    return {
        "newest": lambda _: (LogQuery(), None),
        "a page in the middle": lambda draw: (LogQuery(), deep(draw)),
        "one dish": lambda draw: (LogQuery(key=dish(draw)), None),
        "one dish, in the middle": inside,
        "one order": lambda draw: (LogQuery(order_id=order(draw)), None),
        "one dish to an instant": lambda draw: (LogQuery(key=dish(draw), until=draw.randint(first, last)), None),
        "one order and dish": lambda draw: (LogQuery(order_id=order(draw), key=dish(draw)), None),
        "a busy actor": lambda draw: (LogQuery(actor="key-1"), deep(draw)),
        "an actor of 1 row in 50,000": lambda draw: (LogQuery(actor="key-rare"), deep(draw)),
        "a source of 1 row in 50": lambda draw: (LogQuery(source="timer"), deep(draw)),
        "locks": lambda draw: (LogQuery(kinds=(int(Kind.LOCK),)), deep(draw)),
        "settings (1 row in 100)": lambda draw: (LogQuery(kinds=(int(Kind.SET),)), deep(draw)),
        "one channel": lambda draw: (LogQuery(channel_code="KIOSK"), deep(draw)),
        "one day": lambda draw: (LogQuery(**times(draw)), None),  # type: ignore[arg-type]
        "one dish, one day": lambda draw: (LogQuery(key=dish(draw), **times(draw)), None),  # type: ignore[arg-type]
        "a rare actor, one day": lambda draw: (LogQuery(actor="key-rare", **times(draw)), None),  # type: ignore[arg-type]
        "one dish, settings": lambda draw: (LogQuery(key=dish(draw), kinds=(int(Kind.SET),)), None),
    }


async def measured(log: ChangeLog, shape: Shape, store: int, ask: Ask, times: int) -> dict[str, float]:
    """Milliseconds of a page, and how many rows it held on average."""
    draw = random.Random(86)
    took, held = [], 0
    for number in range(times + times // 5):
        query, span = ask(draw)
        started = time.perf_counter()
        page = await log.page(shape.key(store), query, span, MOST)
        if number >= times // 5:
            took.append((time.perf_counter() - started) * 1e3)
            held += len(page.rows)
    took.sort()
    at = {f"p{share}": took[min(len(took) - 1, len(took) * share // 100)] for share in (50, 95, 99)}
    return {**at, "rows": held / times}


async def pages(table: Table, shape: Shape, times: int) -> dict[str, dict[str, dict[str, float]]]:
    """Every shape, for the large store and for an average one."""
    database = await open_database(table.url, owner="bench-log")
    found: dict[str, dict[str, dict[str, float]]] = {}
    try:
        for name, store in (("large", 0), ("average", shape.stores // 2)):
            asked = shapes(shape, store)
            found[name] = {what: await measured(database.log, shape, store, ask, times) for what, ask in asked.items()}
    finally:
        await database.close()
    return found


async def deletes(table: Table, shape: Shape, times: int) -> dict[str, float]:
    """Milliseconds of deleting the oldest rows of the large store, as many at once as the housekeeping does."""
    database = await open_database(table.url, owner="bench-log")
    rows, took = Pace().delete_rows, []
    for number in range(times):
        span = LogSpan(number * rows, (number + 1) * rows)
        started = time.perf_counter()
        await database.log.table.remove(shape.key(0), span, shape.at(shape.rows))
        took.append((time.perf_counter() - started) * 1e3)
    await database.close()
    took.sort()
    return {f"p{share}": took[min(times - 1, times * share // 100)] for share in (50, 95, 99)}


def insert_ratio(table: Table, shape: Shape, rounds: int) -> dict[str, float]:
    """Rows a second into the twin with indexes and into the table without, and the one as a part of the other."""
    rates: dict[str, list[float]] = {"with": [], "without": []}
    number = shape.rows + 1
    for round_no in range(rounds + 1):
        for which in ("with", "without") if round_no % 2 else ("without", "with"):
            started = time.perf_counter()
            count = table.insert(which == "with", shape, number, seconds=2.0)
            if round_no:
                rates[which].append(count / (time.perf_counter() - started))
        number += 10_000_000
    ratios = [one / other for one, other in zip(rates["with"], rates["without"], strict=True)]
    return {"with": median(rates["with"]), "without": median(rates["without"]), "ratio": median(ratios)}


def run(table: Table, shape: Shape, options: argparse.Namespace) -> dict[str, Any]:
    """Fill, measure; what was found."""
    started = time.perf_counter()
    table.fill(shape)
    table.end(shape)
    print(f"{table.name}: {shape.rows:,} rows in {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    found = {"size": table.size(), "pages": asyncio.run(pages(table, shape, options.times))}
    if options.rounds:
        table.fill_twin(shape)
        found["insert"] = insert_ratio(table, shape, options.rounds)
    found["delete"] = asyncio.run(deletes(table, shape, min(100, shape.rows_of(0) // 1000)))
    return found


def tell(results: dict[str, dict[str, Any]]) -> None:
    """The tables of docs/BENCHMARKS.md."""
    for size in ("large", "average"):
        print(f"\n| the {size} store: p50 / p95 / p99 in ms | {' | '.join(results)} | rows |")
        print("|---" * (len(results) + 2) + "|")
        for what in next(iter(results.values()))["pages"][size]:
            cells = [found["pages"][size][what] for found in results.values()]
            told = [f"{cell['p50']:.1f} / {cell['p95']:.1f} / {cell['p99']:.1f}" for cell in cells]
            print(f"| {what} | {' | '.join(told)} | {cells[0]['rows']:.0f} |")
    print()
    for name, found in results.items():
        told = ", ".join(f"{part} {size:,.0f} MB" for part, size in found["size"].items())
        print(f"- {name}: {told}")
        gone = found["delete"]
        print(f"  a delete: {gone['p50']:.1f} / {gone['p95']:.1f} / {gone['p99']:.1f} ms")
        if "insert" in found:
            rate = found["insert"]
            print(f"  rows/s with {rate['with']:,.0f}, without {rate['without']:,.0f}: {rate['ratio']:.2f}")


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--postgres", metavar="URL")
    parser.add_argument("--mysql", metavar="URL")
    parser.add_argument("--sqlite", metavar="FOLDER", type=Path)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--stores", type=int, default=1_000)
    parser.add_argument("--times", type=int, default=400, help="pages of each shape")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of inserts; 0: no twin, no inserts")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    shape = Shape(options.rows, options.stores)
    results: dict[str, dict[str, Any]] = {}
    with ExitStack() as stack:
        if options.postgres:
            url = stack.enter_context(scratch.postgres_database(options.postgres))
            results["PostgreSQL"] = run(PostgreSQL(url), shape, options)
        if options.mysql:
            url = stack.enter_context(scratch.mysql_database(options.mysql))
            results["MariaDB"] = run(MariaDB(url), shape, options)
        if options.sqlite:
            folder = stack.enter_context(tempfile.TemporaryDirectory(dir=options.sqlite))
            results["SQLite"] = run(SQLite(f"sqlite:///{folder}/log.db"), shape, options)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))
    tell(results)


if __name__ == "__main__":
    main()
