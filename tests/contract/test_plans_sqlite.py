"""SQLite's plan for every hot statement: the whole key is used, no table is read from end to end.

The other databases have a page like this one; their statements are named by their own packages.
"""

import re
import sqlite3

import pytest

from eightysix.storage.migrate import migrate
from eightysix.storage.sqlite import device, hub_rows, incident
from eightysix.storage.sqlite.statements import HOT_STATEMENTS

STORE = ("product_shard_id", "brand_id", "poi_id")
STOCK = (*STORE, "object_type", "object_id")
KEYS = {
    "poi_stock_head": STORE,
    "poi_item_stock": STOCK,
    "poi_item_channel_stock": STOCK,
    "poi_stock_reservation": (*STORE, "order_id"),
    "poi_stock_order": (*STORE, "order_id"),
    "poi_stock_request": (*STORE, "request_id"),
    "poi_stock_marker": ("product_shard_id", "owner", "lane"),
    "poi_stock_due": ("product_shard_id", "due_at"),
    "poi_stock_timer": STORE,
    "poi_stock_alert": (*STORE, "seq"),
    "poi_stock_journal": (*STORE, "device_id", "journal_id"),
    "poi_stock_device": (*STORE, "device_id"),
    "poi_stock_hub": (*STORE, "hub_id"),
    "poi_stock_incident": (*STORE, "seq"),
    "poi_hub_books": STORE,
    "poi_hub_event": (*STORE, "seq"),
    "poi_hub_mirror": STOCK,
    "poi_hub_request": (*STORE, "request_id"),
}
"""How much of a table's key each look-up must use."""

BY_STORE = {
    "READ_HEAD", "READ_STORE", "TAKEN_SINCE", "WHOLE", "CHANGED", "OF_STORES", "BOOKS", "ALL_MIRRORS",
    "NEWEST_INCIDENTS", "OPEN_INCIDENTS", "LOCKED_LINES", "HUB_ROWS",
}  # fmt: skip
"""These read all rows of one store, by the key's prefix."""

BY_BUCKET = {
    "NEXT_TIMERS": ("product_shard_id", "due_at"),
    "PLANNED_VERSIONS": ("product_shard_id",),
    "SILENT": ("product_shard_id",),
}
"""These read all timers or heads of a bucket."""


@pytest.fixture(scope="module")
async def connection(tmp_path_factory: pytest.TempPathFactory) -> sqlite3.Connection:
    path = tmp_path_factory.mktemp("plans") / "plans.db"
    await migrate(f"sqlite:///{path}")
    return sqlite3.connect(path)


STATEMENTS = HOT_STATEMENTS | device.HOT_STATEMENTS | hub_rows.HOT_STATEMENTS | incident.HOT_STATEMENTS


@pytest.mark.parametrize("name", STATEMENTS)
def test_the_whole_key_is_used(connection: sqlite3.Connection, name: str) -> None:
    statement = STATEMENTS[name]
    count = max([int(number) for number in re.findall(r"\?(\d+)", statement)], default=statement.count("?"))
    tables = set(re.findall(r"\b(poi_\w+|catalog_head)\b", statement))
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", ["[]"] * count)]
    assert tables
    steps = [step for step in plan if _is_about_a_table(step)]
    assert steps or statement.startswith("INSERT"), plan
    for step in steps:
        assert step.startswith("SEARCH"), f"{name} reads a whole table: {step}"
        used = set(re.findall(r"(\w+)[=<>]", step))
        table = _table_of(step, statement)
        wanted = STORE if name in BY_STORE and table != "poi_stock_due" else KEYS[table]
        if name in BY_BUCKET:
            wanted = BY_BUCKET[name]
        if name == "REMOVE_DUE":
            wanted = (*STORE, "due_at", "order_id")
        assert set(wanted) <= used, f"{name} uses only {sorted(used)} of {table}'s key: {step}"


def _is_about_a_table(step: str) -> bool:
    return bool(re.match(r"(SCAN|SEARCH) (?!j\b|v\b|\(|json_each|(\d+ )?CONSTANT)", step))


def _table_of(step: str, statement: str) -> str:
    alias = re.match(r"SEARCH (\w+)", step)
    assert alias is not None, step
    if alias[1].startswith("poi_"):
        return alias[1]
    tables = re.findall(rf"\b(poi_\w+)(?: AS)? {alias[1]}\b", statement)
    # One alias may stand for several tables, in subqueries: the one whose key this step uses is meant.
    used = set(re.findall(r"(\w+)[=<>]", step))
    return max(tables, key=lambda table: len(used & set(KEYS[table])))


async def test_the_suite_would_see_a_scan(connection: sqlite3.Connection) -> None:
    plan = [
        row[3] for row in connection.execute("EXPLAIN QUERY PLAN SELECT * FROM poi_item_stock t WHERE t.version = 1")
    ]
    assert [step for step in plan if _is_about_a_table(step) and not step.startswith("SEARCH")]
