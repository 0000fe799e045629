"""Hand-written SQLite: one transaction an order, one connection, the same facts as the scripts write on PostgreSQL.

Run as ``python -m eightysix.cli.benching.sqlite_by_hand`` with a `HandTask` as JSON on standard input; the answer is
JSON too.
"""

import itertools
import sqlite3
import sys
import time
from contextlib import closing

import msgspec

from eightysix.cli.benching.sample import CpuShare, Sample, latency_of
from eightysix.cli.benching.seeding import service_key
from eightysix.cli.benching.workload import CHANNEL, HOLD_SECONDS, Choice, Load, choices, order_id
from eightysix.core.quantity import UNIT

_HEAD = """UPDATE poi_stock_head SET seq = seq + 2, outbox_seq = seq + 2, last_at = max(last_at, ?4)
WHERE product_shard_id = ?1 AND brand_id = ?2 AND poi_id = ?3 RETURNING seq, last_at"""
_RESERVE = """INSERT INTO poi_stock_reservation (product_shard_id, brand_id, poi_id, order_id, sku_id, line_no,
channel_code, state, requested_quantity, quantity, returned_quantity, restocked_quantity, locked_at, expires_at,
counted, takes, revision) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?, 0, 0, ?, ?, 1, NULL, 1)"""
_TAKE = """UPDATE poi_item_stock SET locked_quantity = locked_quantity + ?5, version = ?6
WHERE product_shard_id = ?1 AND brand_id = ?2 AND poi_id = ?3 AND object_type = 2 AND object_id = ?4
AND stock_status = 1 AND version < ?6 AND real_quantity - locked_quantity - grant_quantity >= ?5
RETURNING real_quantity, locked_quantity"""
_PAY_LINE = """UPDATE poi_stock_reservation SET state = 2, revision = revision + 1
WHERE product_shard_id = ? AND brand_id = ? AND poi_id = ? AND order_id = ? AND sku_id = ? AND line_no = ? AND state = 1
AND expires_at > ? RETURNING quantity"""
_PAY_STOCK = """UPDATE poi_item_stock SET real_quantity = real_quantity - ?5, locked_quantity = locked_quantity - ?5,
version = ?6 WHERE product_shard_id = ?1 AND brand_id = ?2 AND poi_id = ?3 AND object_type = 2 AND object_id = ?4
AND version < ?6 AND locked_quantity >= ?5 RETURNING real_quantity, locked_quantity"""
_LOG = """INSERT INTO poi_item_stock_log (product_shard_id, brand_id, poi_id, seq, object_type, object_id, kind,
quantity, real_after, locked_after, order_id, channel_code, actor, source, recorded_at, content)
VALUES (?, ?, ?, ?, 2, ?, ?, ?, ?, ?, ?, ?, 'bench', 'api', ?, NULL)"""
_OUTBOX = """INSERT INTO poi_stock_outbox (product_shard_id, brand_id, poi_id, seq, prev_seq, object_type, object_id,
committed_at) VALUES (?, ?, ?, ?, ?, 2, ?, ?)"""


class HandTask(msgspec.Struct, frozen=True):
    """What to do on the SQLite file `path`; the load's clients don't matter: one connection writes at a time."""

    load: Load
    path: str


class _Writer:
    def __init__(self, connection: sqlite3.Connection, load: Load) -> None:
        self._connection = connection
        self._keys = [service_key(number) for number in range(1, load.stores_asked + 1)]

    def lock(self, name: str, choice: Choice) -> None:
        """The lock of an order of two lines, one portion each."""
        run, key, lines = self._connection.execute, self._keys[choice.store - 1], _lines(choice)
        run("BEGIN IMMEDIATE")
        seq, now = _one(run(_HEAD, (*key, time.time_ns() // 1_000_000)))
        taken = []
        for sku, line_no in lines:
            ends_at = now + HOLD_SECONDS * 1000
            run(_RESERVE, (*key, name, sku, line_no, CHANNEL, UNIT, UNIT, now, ends_at))
        for (sku, _), at in zip(lines, itertools.count(seq - 1), strict=False):
            taken.append((sku, at, *_one(run(_TAKE, (*key, sku, UNIT, at)))))
        for sku, at, real, locked in taken:
            run(_LOG, (*key, at, sku, 1, -UNIT, real, locked, name, CHANNEL, now))
        for sku, at, _, _ in taken:
            run(_OUTBOX, (*key, at, at - 1, sku, now))
        run("COMMIT")

    def deduct(self, name: str, choice: Choice) -> None:
        """The payment of the same order."""
        run, key, lines = self._connection.execute, self._keys[choice.store - 1], _lines(choice)
        run("BEGIN IMMEDIATE")
        seq, now = _one(run(_HEAD, (*key, time.time_ns() // 1_000_000)))
        held = [(sku, *_one(run(_PAY_LINE, (*key, name, sku, line_no, now)))) for sku, line_no in lines]
        paid = []
        for (sku, quantity), at in zip(held, itertools.count(seq - 1), strict=False):
            paid.append((sku, at, *_one(run(_PAY_STOCK, (*key, sku, quantity, at)))))
        for sku, at, real, locked in paid:
            run(_LOG, (*key, at, sku, 2, 0, real, locked, name, CHANNEL, now))
        for sku, at, _, _ in paid:
            run(_OUTBOX, (*key, at, at - 1, sku, now))
        run("COMMIT")


def _lines(choice: Choice) -> tuple[tuple[int, int], tuple[int, int]]:
    return (choice.sku_a, 0), (choice.sku_b, choice.line_b)


def _one(cursor: sqlite3.Cursor) -> tuple[int, ...]:
    """The one row that a guarded statement gives back; none means that a guard failed."""
    rows: list[tuple[int, ...]] = cursor.fetchall()
    if len(rows) != 1:
        raise RuntimeError(f"a guarded statement changed {len(rows)} rows")
    return rows[0]


def run(task: HandTask) -> Sample:
    """Orders one after the other for the load's time."""
    load = task.load
    with closing(sqlite3.connect(task.path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        # what the service sets for itself
        connection.execute("PRAGMA wal_autocheckpoint = 16000")
        connection.execute("PRAGMA cache_size = -32000")
        writer = _Writer(connection, load)
        seconds: list[float] = []
        drawn = choices(load)
        start = time.perf_counter()
        measured_from, until = start + load.warmup_seconds, start + load.warmup_seconds + load.seconds
        cpu = 0.0
        for number in itertools.count(1):
            began = time.perf_counter()
            if began >= until:
                break
            if not seconds and began < measured_from:
                cpu = time.process_time()
            name, choice = order_id(load.run_no, number), next(drawn)
            writer.lock(name, choice)
            if load.verb == "life":
                writer.deduct(name, choice)
            if began >= measured_from:
                seconds.append(time.perf_counter() - began)
        return Sample(
            len(seconds), time.perf_counter() - measured_from, latency=latency_of(seconds),
            cpu=CpuShare(service=time.process_time() - cpu),
        )  # fmt: skip


def main() -> None:
    """Does the task of standard input and prints what was found."""
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=HandTask)
    sys.stdout.buffer.write(msgspec.json.encode(run(task)))


if __name__ == "__main__":
    main()
