"""EXPLAIN of every statement of a batch: the whole key is used, never a scan of a bucket.

The statements are those that really were sent, recorded while a batch runs on tables with enough rows for the optimizer
to have a choice.
"""

import re
import secrets
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest

from eightysix.core.change import DueLock, Incident, Journal, OrderFact, RequestRecord
from eightysix.core.hub import Hub
from eightysix.core.key import StoreKey
from eightysix.core.reservation import State
from eightysix.storage.migrate import migrate
from eightysix.storage.mysql.session import Session
from eightysix.storage.open import open_database
from eightysix.storage.port import Database, OrdersWanted
from eightysix.storage.url import parse

from .scene import DISH, SOUP, Scene, a_channel, a_reservation, a_stock, changes, new_batch_number, next_changes

IDENT = 64 * 4 + 2
STORE = 2 + IDENT + IDENT
WHOLE_KEY = {
    "poi_stock_head": STORE,
    "poi_item_stock": STORE + 2 + 8,
    "poi_stock_reservation": STORE + IDENT + 8 + 2,
    "poi_stock_order": STORE + IDENT,
    "poi_stock_request": STORE + IDENT,
    "poi_stock_due": 2 + 8 + IDENT + IDENT + IDENT,
    "poi_stock_marker": 2 + IDENT + 2,
    "poi_stock_hub": STORE + IDENT,
    "poi_stock_journal": STORE + IDENT + IDENT,
    "poi_stock_incident": STORE + 8,
}
FRONT_OF_KEY = {
    "poi_item_channel_stock": STORE + 2 + 8,  # all channels of a stock
    "poi_stock_reservation": STORE + IDENT,  # all lines of an order
    "poi_stock_due": 2 + 8,  # what is due in a bucket: a range of its times
}
"""Where a SELECT wants every row below a part of the key."""


@pytest.fixture
async def direct(mysql_url: str) -> AsyncIterator[tuple[Database, str]]:
    await migrate(mysql_url)
    opened = await open_database(mysql_url, owner=f"plans-{secrets.token_hex(4)}")
    yield opened, mysql_url
    await opened.close()


class Recorded(Session):
    """A session that keeps what it sends."""

    sent: list[str]

    async def _talk(self, sql: str) -> tuple[int, Sequence[Sequence[Any]]]:
        self.sent.append(sql)
        return await super()._talk(sql)


def an_incident(seq: int) -> Incident:
    return Incident(seq, "oversold", DISH, 1, None, "me", None, 5)


def first_rows() -> Any:
    return changes(
        stocks=[(None, a_stock()), (None, a_stock(SOUP))],
        channels=[(None, a_channel()), (None, a_channel(SOUP))],
        reservations=[(None, a_reservation(f"o{at}")) for at in range(20)],
        facts=[OrderFact(f"o{at}", 1) for at in range(20)],
        requests=[RequestRecord(f"r{at}", b"d" * 32, b"{}", 1) for at in range(20)],
        due_added=[DueLock(10 + at, f"o{at}") for at in range(20)],
        incidents=[an_incident(seq) for seq in range(20)],
        journals=[(None, Journal(f"h{at}", "j", 1)) for at in range(20)],
        hubs=[(None, Hub(f"h{at}", revision=1)) for at in range(20)],
    )


def second_rows(count: int) -> Any:
    lines = [a_reservation(f"o{at}") for at in range(count)]
    return next_changes(
        1,
        stocks=[(a_stock(key), a_stock(key, version=2)) for key in (DISH, SOUP)[:count]],
        channels=[(a_channel(key), a_channel(key, used=2)) for key in (DISH, SOUP)[:count]],
        reservations=[(line, msgspec.structs.replace(line, state=State.DEDUCTED, revision=2)) for line in lines],
        due_removed=[DueLock(10 + at, f"o{at}") for at in range(count)],
        resolved=[msgspec.structs.replace(an_incident(seq), resolved_at=5) for seq in range(count)],
        journals=[(Journal(f"h{at}", "j", 1), Journal(f"h{at}", "j", 2, chain="c")) for at in range(count)],
        hubs=[(Hub(f"h{at}", revision=1), Hub(f"h{at}", 5, revision=2)) for at in range(count)],
    )


async def a_recorded_batch(url: str, stores: list[StoreKey], lane: Any, count: int) -> list[str]:
    """Everything that one batch over `stores` sends, each store with `count` orders."""
    session = Recorded(parse(url))
    session.sent = []
    await session.open()
    lane._session = session
    await lane.begin(stores, new_batch_number())
    orders, requests = {f"o{at}" for at in range(count)}, {f"r{at}" for at in range(count)}
    await lane.load_orders({store: OrdersWanted(orders, requests) for store in stores}, dict.fromkeys(stores, 10))
    await lane.load_stocks({store: {DISH, SOUP} if count > 1 else {DISH} for store in stores})
    await lane.load_journals({store: {(f"h{at}", "j") for at in range(count)} for store in stores})
    await lane.load_hubs({store: {f"h{at}" for at in range(count)} for store in stores})
    await lane.load_incidents({store: set(range(count)) for store in stores})
    await lane.save(dict.fromkeys(stores, second_rows(count)))
    await lane.rollback()
    return [sql for sql in session.sent if re.match(r"SELECT .* FROM|UPDATE|DELETE", sql)]


@pytest.mark.parametrize(("store_count", "orders"), [(1, 1), (1, 2), (3, 5), (10, 8)])
async def test_every_statement_of_a_batch_finds_its_rows_by_the_whole_key(
    direct: tuple[Database, str], store_count: int, orders: int
) -> None:
    database, url = direct
    scene = Scene(database)
    everywhere = scene.stores(200)
    await scene.write(dict.fromkeys(everywhere, first_rows()))
    stores = everywhere[:store_count]
    lane = await scene.lane(stores[0])
    statements = await a_recorded_batch(url, stores, lane, orders)
    session = Session(parse(url))
    await session.open()
    await session.rows(f"ANALYZE TABLE {','.join(WHOLE_KEY)}, poi_item_channel_stock")
    seen = set()
    for sql in statements:
        table = re.search(r"\bpoi_\w+", sql[sql.index(" FROM ") :] if sql.startswith("SELECT") else sql).group()
        plan = [row for row in await session.rows(f"EXPLAIN {sql}") if row[2] in {table, "s"}]
        assert len(plan) == 1, (sql[:200], plan)
        _, _, _, how, _, key, key_length, *_ = plan[0]
        wanted = {WHOLE_KEY.get(table)} if not sql.startswith("SELECT") else {FRONT_OF_KEY.get(table)}
        wanted = {length for length in wanted if length} or {WHOLE_KEY.get(table, STORE + 2 + 8 + IDENT)}
        assert key == "PRIMARY", sql[:300]
        assert how in {"const", "eq_ref", "ref", "range"}, sql[:300]
        assert int(key_length) in wanted, (key_length, sql[:300])
        seen.add((sql[:6], table))
    await session.close()
    await scene.close()
    assert {("UPDATE", name) for name in ("poi_item_stock", "poi_stock_reservation", "poi_stock_head")} <= seen
    assert ("DELETE", "poi_stock_due") in seen
    assert {(how, name) for how in ("SELECT", "UPDATE") for name in ("poi_stock_hub", "poi_stock_incident")} <= seen
