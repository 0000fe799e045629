"""The tables that bench/log_pages.py measures: filled by each server with its own SQL, written to by plain inserts."""

import asyncio
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import asyncpg

from eightysix.core.key import StockKey, StoreKey
from eightysix.storage.migrate import migrate
from tests.servers.scratch import mysql_connection

LOG, TWIN = "poi_item_stock_log", "poi_item_stock_log_twin"
CHUNK = 100_000
BATCH = 100
"""Rows of one transaction of inserts."""

COLUMNS = (
    "product_shard_id, brand_id, poi_id, seq, object_type, object_id, kind, quantity, real_before, real_after, "
    "locked_before, locked_after, order_id, channel_code, actor, source, recorded_at, content, stock_prev, order_prev"
)
INDEXES = {
    "ix_twin_object": "product_shard_id, brand_id, poi_id, object_type, object_id, seq",
    "ix_twin_order": "product_shard_id, brand_id, poi_id, order_id, seq",
}
WIDTH = COLUMNS.count(",") + 1
DAYS = 400
START = 1_700_000_000_000
CONTENT = '{"status":[1,2],"real":[12000,0],"channels":{"POS":[null,{"status":1,"type":2,"limit":5000}]}}'


class Shape(NamedTuple):
    """How the rows are spread: row n belongs to store 0 where n is a multiple of 5, otherwise the others take turns."""

    rows: int
    stores: int
    dishes: int = 200

    def poi_id(self, store: int) -> str:
        return f"store-{store}"

    def key(self, store: int) -> StoreKey:
        return StoreKey.of("bench", self.poi_id(store))

    def rows_of(self, store: int) -> int:
        return self.rows // 5 if store == 0 else self.rows * 4 // 5 // (self.stores - 1)

    def at(self, number: int) -> int:
        """When row `number` was recorded."""
        return START + number * self.step

    @property
    def step(self) -> int:
        return DAYS * 86_400_000 // self.rows

    def dish_of(self, seq: int) -> StockKey:
        return StockKey(2, 1000 + seq * 31 % self.dishes)

    def places(self) -> list[tuple[int, int, str]]:
        return [(store, self.key(store).bucket, self.poi_id(store)) for store in range(self.stores)]


class Table(ABC):
    """The log in one database, and its twin with two indexes instead of the chains."""

    name: str

    def __init__(self, url: str) -> None:
        self.url = url
        asyncio.run(migrate(url))

    def fill(self, shape: Shape) -> None:
        """Make all rows, in the order of time."""
        self.run("CREATE TABLE bench_store (n INTEGER PRIMARY KEY, bucket INTEGER, poi VARCHAR(64))")
        values = ",".join(f"({n},{bucket},'{poi}')" for n, bucket, poi in shape.places())
        self.run(f"INSERT INTO bench_store VALUES {values}")
        self._insert_all(LOG, shape)

    def end(self, shape: Shape) -> None:
        """Make the stocks and orders of the two stores that are read; they know their last rows."""
        for store in (0, shape.stores // 2):
            bucket, brand, poi = shape.key(store)
            rows, of_store = shape.rows_of(store), f"{bucket}, '{brand}', '{poi}'"
            self.run(
                "INSERT INTO poi_item_stock (product_shard_id, brand_id, poi_id, object_type, object_id, stock_status, "
                f"stock_type, manual, updated_at, version) SELECT {of_store}, 2, 1000 + i * 31 % {shape.dishes}, 1, 1, "
                f"FALSE, 0, i FROM {self.series(rows - shape.dishes + 1, rows)}"
            )
            for start in range(0, rows // 4 + 1, CHUNK):
                end = min(start + CHUNK - 1, rows // 4)
                self.run(
                    "INSERT INTO poi_stock_reservation (product_shard_id, brand_id, poi_id, order_id, sku_id, line_no, "
                    f"channel_code, state, locked_at, expires_at, counted, log_seq) SELECT {of_store}, "
                    f"{self.joined(repr(poi), 'i')}, 1, 0, 'POS', 2, 0, 0, TRUE, "
                    f"CASE WHEN i * 4 + 3 > {rows} THEN {rows} ELSE i * 4 + 3 END FROM {self.series(start, end)}"
                )
        self.settle("poi_item_stock")
        self.settle("poi_stock_reservation")

    def fill_twin(self, shape: Shape) -> None:
        self.make_twin()
        self._insert_all(TWIN, shape)

    def _insert_all(self, table: str, shape: Shape) -> None:
        for start in range(1, shape.rows + 1, CHUNK):
            end = min(start + CHUNK - 1, shape.rows)
            self.run(self.insert_statement(table, shape, start, end))
        self.settle(table)

    def insert_statement(self, table: str, shape: Shape, start: int, end: int) -> str:
        """Rows `start` to `end`. Integer division is the server's `div`."""
        others = shape.stores - 1
        div, text = self.div, self.joined
        other = f"(i - {div('i', 5)} - 1)"
        seq = f"CASE WHEN i % 5 = 0 THEN {div('i', 5)} ELSE {div(other, others)} + 1 END"
        return (
            f"INSERT INTO {table} ({COLUMNS}) SELECT bucket, 'bench', poi, q, 2, 1000 + q * 31 % {shape.dishes}, "
            "CASE WHEN q % 100 = 0 THEN 8 WHEN q % 2 = 0 THEN 1 ELSE 2 END, "
            f"{self.quantity(1)}, {self.quantity(20)}, {self.quantity(19)}, {self.quantity(2)}, {self.quantity(1)}, "
            f"{text('poi', div('q', 4))}, "
            "CASE q % 4 WHEN 0 THEN 'POS' WHEN 1 THEN 'KIOSK' ELSE 'EMENU' END, "
            "CASE WHEN q % 50000 = 7 THEN 'key-rare' WHEN q % 3 = 0 THEN 'key-1' ELSE 'key-2' END, "
            f"CASE WHEN q % 50 = 3 THEN 'timer' ELSE 'api' END, {START} + i * {shape.step}, "
            f"CASE WHEN q % 100 = 0 THEN '{CONTENT}' END, "
            f"CASE WHEN q > {shape.dishes} THEN q - {shape.dishes} ELSE 0 END, "
            "CASE WHEN q % 4 = 0 OR q = 1 THEN 0 ELSE q - 1 END "
            f"FROM (SELECT i, {seq} AS q, CASE WHEN i % 5 = 0 THEN 0 ELSE {other} % {others} + 1 END AS s "
            f"FROM {self.series(start, end)}) numbered JOIN bench_store ON n = s ORDER BY i"
        )

    def insert(self, indexed: bool, shape: Shape, number: int, *, seconds: float) -> int:
        """Insert rows as orders do, a hundred a transaction, for so long; how many these were."""
        deadline = time.perf_counter() + seconds
        count = 0
        with self.writer(TWIN if indexed else LOG) as write:
            while time.perf_counter() < deadline:
                write(self._new_rows(shape, number + count))
                count += BATCH
        return count

    def _new_rows(self, shape: Shape, number: int) -> list[tuple[Any, ...]]:
        rows = []
        for n in range(number, number + BATCH):
            store = n * 7919 % shape.stores
            bucket, brand, poi = shape.key(store)
            dish = 1000 + n * 31 % shape.dishes
            rows.append((bucket, brand, poi, n, 2, dish, 1, *self.amounts, f"{poi}-x{n // 4}", "POS", "key-2", "api",
                         shape.at(n), None, n - 1, n - 1))  # fmt: skip
        return rows

    amounts: tuple[Any, ...] = (1, 20, 19, 2, 1)

    @abstractmethod
    def run(self, sql: str) -> None: ...

    @abstractmethod
    def make_twin(self) -> None: ...

    @abstractmethod
    def settle(self, table: str) -> None:
        """Statistics, and whatever else a server does by itself after a while."""

    @abstractmethod
    def size(self) -> dict[str, float]:
        """Megabytes."""

    @abstractmethod
    def series(self, start: int, end: int) -> str:
        """A table with the column `i`."""

    @abstractmethod
    def writer(self, table: str) -> Any:
        """A context in which rows can be written, a transaction a call."""

    def div(self, one: str, other: int) -> str:
        return f"{one} / {other}"

    def joined(self, one: str, other: str) -> str:
        return f"{one} || '-' || ({other})"

    def quantity(self, portions: int) -> str:
        return str(portions)


class PostgreSQL(Table):
    """Made by generate_series."""

    name = "PostgreSQL"

    def run(self, sql: str) -> None:
        asyncio.run(self._run(sql))

    async def _run(self, sql: str) -> Any:
        connection = await asyncpg.connect(self.url)
        try:
            return await connection.fetch(sql)
        finally:
            await connection.close()

    def make_twin(self) -> None:
        self.run(f"CREATE TABLE {TWIN} (LIKE {LOG} INCLUDING DEFAULTS)")
        self.run(f"ALTER TABLE {TWIN} ADD PRIMARY KEY (product_shard_id, brand_id, poi_id, seq)")
        for index, columns in INDEXES.items():
            self.run(f"CREATE INDEX {index} ON {TWIN} ({columns})")

    def settle(self, table: str) -> None:
        self.run(f"VACUUM ANALYZE {table}")
        self.run("CHECKPOINT")

    def size(self) -> dict[str, float]:
        names = {"rows": LOG, "key": "poi_item_stock_log_pkey"}
        sql = "SELECT " + ", ".join(f"pg_relation_size(oid_of('{name}'))" for name in names.values())
        (row,) = asyncio.run(self._run(sql.replace("oid_of(", "to_regclass(")))
        return {name: value / 1e6 for name, value in zip(names, row, strict=True)}

    def series(self, start: int, end: int) -> str:
        return f"generate_series({start}::bigint, {end}) AS i"

    @contextmanager
    def writer(self, table: str) -> Iterator[Any]:
        loop = asyncio.new_event_loop()
        connection = loop.run_until_complete(asyncpg.connect(self.url))
        holes = ",".join(
            f"({','.join(f'${at * WIDTH + column}' for column in range(1, WIDTH + 1))})" for at in range(BATCH)
        )
        statement = loop.run_until_complete(connection.prepare(f"INSERT INTO {table} ({COLUMNS}) VALUES {holes}"))

        def write(rows: list[tuple[Any, ...]]) -> None:
            loop.run_until_complete(statement.fetch(*[value for row in rows for value in row]))

        yield write
        loop.run_until_complete(connection.close())
        loop.close()


class MariaDB(Table):
    """Made by its sequence tables."""

    name = "MariaDB"

    def run(self, sql: str) -> None:
        self.rows(sql)

    def rows(self, sql: str) -> Any:
        with mysql_connection(self.url) as connection, connection.cursor() as cursor:
            cursor.execute(f"USE {urlsplit(self.url).path[1:]}")
            cursor.execute(sql)
            return cursor.fetchall()

    def make_twin(self) -> None:
        self.run(f"CREATE TABLE {TWIN} LIKE {LOG}")
        for index, columns in INDEXES.items():
            self.run(f"CREATE INDEX {index} ON {TWIN} ({columns})")

    def settle(self, table: str) -> None:
        self.run(f"ANALYZE TABLE {table}")

    def size(self) -> dict[str, float]:
        sql = (
            "SELECT data_length, index_length FROM information_schema.tables "
            f"WHERE table_schema = DATABASE() AND table_name = '{LOG}'"
        )
        ((rows, indexes),) = self.rows(sql)
        return {"rows and key": rows / 1e6, "indexes": indexes / 1e6}

    def series(self, start: int, end: int) -> str:
        return f"(SELECT seq AS i FROM seq_{start}_to_{end}) AS numbers"

    def div(self, one: str, other: int) -> str:
        return f"({one} DIV {other})"

    def joined(self, one: str, other: str) -> str:
        return f"CONCAT({one}, '-', {other})"

    @contextmanager
    def writer(self, table: str) -> Iterator[Any]:
        with mysql_connection(self.url) as connection, connection.cursor() as cursor:
            cursor.execute(f"USE {urlsplit(self.url).path[1:]}")
            holes = f"({','.join(['%s'] * WIDTH)})"
            sql = f"INSERT INTO {table} ({COLUMNS}) VALUES {','.join([holes] * BATCH)}"
            yield lambda rows: cursor.execute(sql, [value for row in rows for value in row])


class SQLite(Table):
    """Made by a recursive query."""

    name = "SQLite"
    amounts = (1000, 20_000, 19_000, 2000, 1000)

    def run(self, sql: str) -> None:
        with self._connected() as connection:
            connection.execute(sql)

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.url.removeprefix("sqlite:///"), isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -32000")
        yield connection
        connection.close()

    def make_twin(self) -> None:
        with self._connected() as connection:
            (sql,) = connection.execute(f"SELECT sql FROM sqlite_schema WHERE name = '{LOG}'").fetchone()
            connection.execute(sql.replace(f"TABLE {LOG}", f"TABLE {TWIN}").replace(f'TABLE "{LOG}"', f"TABLE {TWIN}"))
            for index, columns in INDEXES.items():
                connection.execute(f"CREATE INDEX {index} ON {TWIN} ({columns})")

    def settle(self, table: str) -> None:
        self.run(f"ANALYZE {table}")
        self.run("PRAGMA wal_checkpoint(TRUNCATE)")

    def size(self) -> dict[str, float]:
        with self._connected() as connection:
            pages, page = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        return {"file": pages * page / 1e6}

    def series(self, start: int, end: int) -> str:
        return (
            f"(WITH RECURSIVE n(i) AS (SELECT {start} UNION ALL SELECT i + 1 FROM n WHERE i < {end}) SELECT i FROM n)"
        )

    def quantity(self, portions: int) -> str:
        return str(portions * 1000)

    @contextmanager
    def writer(self, table: str) -> Iterator[Any]:
        sql = f"INSERT INTO {table} ({COLUMNS}) VALUES ({','.join('?' * WIDTH)})"
        with self._connected() as connection:

            def write(rows: list[tuple[Any, ...]]) -> None:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(sql, rows)
                connection.execute("COMMIT")

            yield write
