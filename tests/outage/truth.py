"""Rows of both sides as plain SQL has them."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg

from tests.outage.ledger import Lines, Row, Rows

BRAND = "outage"

_STOCKS = """SELECT object_id, real_quantity, locked_quantity, grant_quantity, oversold_quantity
             FROM poi_item_stock WHERE brand_id = {} AND poi_id = {}"""
_LINES = """SELECT order_id, sku_id, quantity, state FROM poi_stock_reservation WHERE brand_id = {} AND poi_id = {}"""
_INCIDENTS = "SELECT count(*) FROM poi_stock_incident WHERE brand_id = {} AND poi_id = {}"
_UNTOLD = """SELECT sum(last_seq - acked_seq) + (SELECT count(*) FROM poi_hub_request) FROM poi_hub_books"""


_CONNECTIONS = 5
_UNIT = 1_000
"""SQLite has quantities in thousandths."""


class CloudRows:
    """The cloud's database; `close` it."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    @classmethod
    async def open(cls, url: str) -> "CloudRows":
        return cls(await asyncpg.create_pool(url, min_size=1, max_size=_CONNECTIONS))

    async def stocks(self, poi_id: str) -> dict[int, Row]:
        return _stocks(await self._pool.fetch(_STOCKS.format("$1", "$2"), BRAND, poi_id))

    async def all(self, poi_id: str) -> Rows:
        lines = await self._pool.fetch(_LINES.format("$1", "$2"), BRAND, poi_id)
        incidents = await self._pool.fetchval(_INCIDENTS.format("$1", "$2"), BRAND, poi_id)
        return Rows(await self.stocks(poi_id), _orders(lines), incidents)

    async def close(self) -> None:
        await self._pool.close()


class HubRows:
    """A hub's file, read beside the running hub."""

    def __init__(self, file: Path, poi_id: str) -> None:
        self._file = file
        self._poi_id = poi_id

    def untold(self) -> int:
        """Events that the cloud hasn't acknowledged, and requests that it hasn't answered."""
        with closing(self._connect()) as connection:
            return int(connection.execute(_UNTOLD).fetchone()[0])

    def stocks(self) -> dict[int, Row]:
        with closing(self._connect()) as connection:
            return _stocks(connection.execute(_STOCKS.format("?", "?"), (BRAND, self._poi_id)), _UNIT)

    def all(self) -> Rows:
        place = (BRAND, self._poi_id)
        with closing(self._connect()) as connection:
            stocks = _stocks(connection.execute(_STOCKS.format("?", "?"), place), _UNIT)
            orders = _orders(connection.execute(_LINES.format("?", "?"), place), _UNIT)
            incidents = connection.execute(_INCIDENTS.format("?", "?"), place).fetchone()[0]
            return Rows(stocks, orders, incidents, int(connection.execute(_UNTOLD).fetchone()[0]))

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self._file}?mode=ro", uri=True, timeout=10)


def _stocks(rows: Iterable[Any], unit: int = 1) -> dict[int, Row]:
    return {row[0]: Row(*(_portions(value, unit) for value in (row[1], row[2], row[3], row[4]))) for row in rows}


def _orders(rows: Iterable[Any], unit: int = 1) -> dict[str, Lines]:
    orders: dict[str, Lines] = {}
    for order_id, sku_id, quantity, state in rows:
        orders.setdefault(order_id, {})[sku_id] = (_portions(quantity, unit), state)
    return orders


def _portions(value: Any, unit: int) -> int:
    """These runs sell whole portions."""
    assert value == int(value), value
    portions, rest = divmod(int(value), unit)
    assert not rest, value
    return portions
