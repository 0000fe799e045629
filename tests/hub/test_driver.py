"""What the hub's loop makes of what comes to it."""

from random import Random
from typing import Any

from msgspec.structs import replace

from eightysix.core.hub import Side
from eightysix.core.key import StoreKey
from eightysix.hub.agent import Agent
from eightysix.hub.driver import Driver
from tests.hub.test_mirror_feed import STOCK, told

STORE = StoreKey.of("fox", "1")


def new_driver() -> Driver:
    nothing: Any = None
    agent = Agent(STORE, Side("h1", "j1"), Random(1))
    return Driver(
        STORE, agent, nothing, submit=nothing, books=nothing, reader=nothing, catalog=nothing, orders=nothing
    )  # fmt: skip


def test_rows_that_come_together_are_written_down_together() -> None:
    """With a journal uploaded the cloud tells of a stock again and again: it is taken over once, as told last."""
    driver = new_driver()
    for version, object_id in enumerate((7, 8, 7, 7), start=1):
        driver.heard(replace(told(STOCK), object_id=object_id, version=version), "", "c")
    rows = driver._told_rows()
    assert [(row.stock.key.object_id, row.stock.version) for row in rows] == [(7, 4), (8, 2)]
    assert driver._told_rows() == ()


def test_a_row_that_cannot_be_read_keeps_no_other_back() -> None:
    driver = new_driver()
    driver.heard(replace(told(STOCK), updated_at="yesterday", version=1), "", "c")
    driver.heard(replace(told(STOCK), version=2), "", "c")
    assert [row.stock.version for row in driver._told_rows()] == [2]
