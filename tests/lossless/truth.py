"""The database as plain SQL has it."""

import asyncpg

from tests.lossless.checker import State, Truth

_STOCKS = """SELECT poi_id, object_type, object_id, version, real_quantity * 1000, locked_quantity * 1000, stock_status
             FROM poi_item_stock WHERE brand_id = $1"""
_HEADS = "SELECT poi_id, outbox_seq FROM poi_stock_head WHERE brand_id = $1"


async def truth(url: str, brand_id: str) -> Truth:
    """What there is of one brand."""
    connection = await asyncpg.connect(url)
    try:
        stocks: dict[str, dict[tuple[int, int], State]] = {}
        for poi_id, kind, object_id, *state in await connection.fetch(_STOCKS, brand_id):
            stocks.setdefault(poi_id, {})[kind, object_id] = State(*(int(value) for value in state))
        heads = {row[0]: row[1] for row in await connection.fetch(_HEADS, brand_id)}
        unpublished = await connection.fetchval("SELECT count(*) FROM poi_stock_outbox")
        parked = await connection.fetchval("SELECT count(*) FROM poi_stock_parked")
        return Truth(stocks, heads, unpublished, parked)
    finally:
        await connection.close()


async def changes(url: str) -> int:
    """How many changes were committed."""
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM poi_item_stock_log"))
    finally:
        await connection.close()
