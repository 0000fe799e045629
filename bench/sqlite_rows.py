"""What it costs to write rows one by one and many at once, beside a thread that works in Python and by itself.

A batch of `--rows` new stocks, guarded changes of them and their removal, on a file of its own. Run
``python bench/sqlite_rows.py [--rows 200] [--rounds 5]``.
"""

import argparse
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from eightysix.storage.sqlite.each import Each, delete, insert, update

COLUMNS = ("item", "version", "left_quantity")
ADD, SAVE, REMOVE = insert("t", COLUMNS), update("t", ("item",), COLUMNS, ("version",)), delete("t", ("item",))

Run = Callable[[Each, sqlite3.Connection, Sequence[Sequence[Any]]], int]


def one_by_one(each: Each, connection: sqlite3.Connection, values: Sequence[Sequence[Any]]) -> int:
    return connection.executemany(each.text(), values).rowcount


@contextmanager
def beside() -> Iterator[None]:
    """A thread that never rests, as an event loop with much to do."""
    stopping = threading.Event()

    def work() -> None:
        while not stopping.is_set():
            sum(range(100))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def batch(connection: sqlite3.Connection, rows: int, run: Run) -> float:
    """How long it takes, in milliseconds."""
    values = [(at % 1024, "brand", f"shop-{at}", at, 1, 5_000) for at in range(rows)]
    started = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    met = run(ADD, connection, values)
    met += run(SAVE, connection, [(*row[:4], 2, 4_000, 1) for row in values])
    met += run(REMOVE, connection, [row[:4] for row in values])
    connection.execute("COMMIT")
    took = time.perf_counter() - started
    if met != 3 * rows:
        raise RuntimeError(f"{met} rows instead of {3 * rows}")
    return took * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, closing(_opened(Path(folder) / "rows.db")) as connection:
        for name, run in (("one by one", one_by_one), ("many at once", Each.run)):
            batch(connection, options.rows, run)  # statements are prepared
            alone = [batch(connection, options.rows, run) for _ in range(options.rounds)]
            with beside():
                crowded = [batch(connection, options.rows, run) for _ in range(options.rounds)]
            print(f"{name:12} {statistics.median(alone):8.2f} ms alone {statistics.median(crowded):8.1f} ms beside")


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(
        "CREATE TABLE t (product_shard_id INTEGER, brand_id TEXT, poi_id TEXT, item INTEGER, version INTEGER, "
        "left_quantity INTEGER, PRIMARY KEY (product_shard_id, brand_id, poi_id, item)) WITHOUT ROWID"
    )
    return connection


if __name__ == "__main__":
    main()
