"""Every statement of a batch, of the readers and of the audit reaches one physical table, as the general log shows.

The negative control: the key tuple alone, without its integer literal, is seen reaching all eight.
"""

import re
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import msgspec
import pymysql
import pytest

from eightysix.core.bucket import BUCKETS
from eightysix.core.change import Alert, DueLock, Incident, Journal, OrderFact, OutboxRow, RequestRecord, Timer
from eightysix.core.hub import Hub
from eightysix.core.key import StoreKey
from eightysix.core.reservation import State
from eightysix.storage.device import Ack
from eightysix.storage.mysql.session import Session
from eightysix.storage.open import open_database
from eightysix.storage.port import Database, OrdersWanted
from eightysix.storage.schema import SHARDED, metadata
from eightysix.storage.url import parse
from tests.servers.physical import PHYSICAL_DATABASES

from .scene import DISH, SOUP, Scene, a_channel, a_reservation, a_stock, changes, new_batch_number, next_changes

SHARDED_TABLES = sorted(table.name for table in metadata.tables.values() if table.info["kind"] == SHARDED)
PHYSICAL = re.compile(rf"\b({'|'.join(SHARDED_TABLES)})_([0-3])\b")


class GeneralLog:
    """What the proxy asked MariaDB while `recording`. Others may use the same server meanwhile: only sessions in the
    physical databases count."""

    def __init__(self, url: str) -> None:
        parts = parse(url)
        self._connection = pymysql.connect(
            host=parts.host, port=parts.port, user=parts.user, password=parts.password or "", autocommit=True
        )

    def run(self, sql: str) -> tuple[tuple[object, ...], ...]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    @contextmanager
    def recording(self) -> Iterator[list[tuple[int, str]]]:
        """Fills the list with (server session, statement) when the block ends."""
        statements: list[tuple[int, str]] = []
        (before,) = self.run("SELECT @@GLOBAL.log_output")[0]
        self.run("SET GLOBAL log_output = 'TABLE'")
        self.run("TRUNCATE TABLE mysql.general_log")
        self.run("SET GLOBAL general_log = 1")
        sessions = self._sessions_of_the_proxy()
        try:
            yield statements
        finally:
            self.run("SET GLOBAL general_log = 0")
            rows = self.run("SELECT thread_id, argument FROM mysql.general_log WHERE command_type = 'Query'")
            self.run(f"SET GLOBAL log_output = '{before}'")
            sessions |= self._sessions_of_the_proxy()
            asked = [(int(str(thread)), _text(argument)) for thread, argument in rows]
            statements.extend((session, statement) for session, statement in asked if session in sessions)

    def _sessions_of_the_proxy(self) -> set[int]:
        rows = self.run(f"SELECT id FROM information_schema.processlist WHERE db IN {PHYSICAL_DATABASES}")
        return {int(str(session)) for (session,) in rows}

    def close(self) -> None:
        self._connection.close()


def _text(argument: object) -> str:
    return argument.decode(errors="replace") if isinstance(argument, bytes) else str(argument)


def tables_of(statement: str) -> set[str]:
    """The physical tables that a statement names."""
    return {f"{name}_{number}" for name, number in PHYSICAL.findall(statement)}


@pytest.fixture
def general_log(mysql_server: str) -> Iterator[GeneralLog]:
    log = GeneralLog(mysql_server)
    yield log
    log.close()


@pytest.fixture
async def proxied(proxy_url: str) -> AsyncIterator[Database]:
    opened = await open_database(proxy_url, owner=f"routing-{secrets.token_hex(4)}")
    yield opened
    await opened.close()


def a_batch(stores: list[StoreKey]) -> list[dict[StoreKey, object]]:
    """A first batch that inserts rows of every kind for each store, and one that rewrites them."""
    incident = Incident(1, "oversold", DISH, 1, None, "me", None, 5)
    locked = a_reservation("first", expires_at=5, locked_at=1)
    new = changes(
        stocks=[(None, a_stock()), (None, a_stock(SOUP))],
        channels=[(None, a_channel()), (None, a_channel(SOUP))],
        reservations=[(None, locked), (None, a_reservation("second"))],
        facts=[OrderFact("first", 1)],
        requests=[RequestRecord("request", b"d" * 32, b"{}", 1)],
        outbox=[OutboxRow(1, 0, DISH, 1)],
        due_added=[DueLock(5, "first"), DueLock(6, "second")],
        alerts=[Alert(1, "", "low_stock", DISH, 900, 1_000, 1)],
        timer=(None, Timer(5, 1, 1, 1)),
        incidents=[incident],
        journals=[(None, Journal("hub", "journal", 1, 1))],
        hubs=[(None, Hub("hub", revision=1))],
    )
    done = msgspec.structs.replace(locked, state=State.DEDUCTED, revision=2)
    rewrite = next_changes(
        1,
        stocks=[(a_stock(), a_stock(version=2, real=9_000)), (a_stock(SOUP), a_stock(SOUP, version=2, real=8_000))],
        channels=[(a_channel(), a_channel(used=2_000)), (a_channel(SOUP), a_channel(SOUP, used=3_000))],
        reservations=[(locked, done)],
        due_removed=[DueLock(5, "first"), DueLock(6, "second")],
        due_added=[DueLock(7, "second")],
        timer=(Timer(5, 1, 1, 1), Timer(7, 1, 5, 2)),
        journals=[(Journal("hub", "journal", 1, 1), Journal("hub", "journal", 2, 2, None, "chain"))],
        hubs=[(Hub("hub", revision=1), Hub("hub", 5, {"2/1": 3}, 2))],
        resolved=[msgspec.structs.replace(incident, resolved_at=5, resolved_by="me", how="accept", resolution="")],
    )
    return [dict.fromkeys(stores, new), dict.fromkeys(stores, rewrite)]


async def test_no_statement_of_a_batch_or_a_reader_reaches_two_physical_tables(
    proxied: Database, general_log: GeneralLog
) -> None:
    scene = Scene(proxied)
    stores = scene.stores(3)
    first, second = a_batch(stores)
    with general_log.recording() as statements:
        lane = await scene.lane(stores[0])
        for batch_no, batch in ((new_batch_number(), first), (new_batch_number(), second)):
            await lane.begin(stores, batch_no, skip_locked=batch is second)
            wanted = {store: OrdersWanted({"first", "second"}, {"request", "another"}) for store in stores}
            await lane.load_orders(wanted, dict.fromkeys(stores, 6))
            await lane.load_stocks({store: {DISH, SOUP} for store in stores})
            await lane.load_taken_since(stores[0], 0)
            await lane.load_timers(stores)
            await lane.load_whole(stores)
            await lane.load_journals({store: {("hub", "journal"), ("till", "journal")} for store in stores})
            await lane.load_hubs({store: {"hub", "another"} for store in stores})
            await lane.load_incidents({store: {1, 2} for store in stores})
            await lane.save(batch)
            await lane.commit()
            await lane.reconnect()
            assert await lane.committed(batch_no)
        await lane.begin(stores, new_batch_number())
        await lane.rollback()
        await proxied.ping()
        await proxied.reader.head(stores[0])
        await proxied.reader.store_rows(stores[0], None)
        await proxied.reader.store_rows(stores[0], [DISH, SOUP])
        await proxied.reader.order(stores[0], "first")
        shard = stores[0].bucket % 8
        assert set(stores) & set(await proxied.reader.due_stores(range(shard, BUCKETS, 8), 1_000))
        _, timers = await proxied.reader.next_timers(range(shard, BUCKETS, 8), 1_000)
        assert set(stores) <= {store for _, store in timers}
        assert set(stores) == set(await proxied.following.heads(stores))
        assert (await proxied.following.changed(stores[0], 0, 10)).stocks
        await proxied.devices.acknowledge([Ack(store, "pos", 1, 1, 1) for store in stores])
        devices = await proxied.devices.of_stores(stores)
        assert len(await proxied.devices.silent([stores[0].bucket], 2)) == 1
        await proxied.devices.mark([msgspec.structs.replace(each, lagging_since=1) for each in devices])
        await proxied.devices.remove(devices)
        assert await proxied.devices.of_stores(stores) == []
        assert set(stores) <= set(await proxied.reader.planned_versions(range(shard, BUCKETS, 8)))
        assert await proxied.reader.alerts(stores[0], None, 10)
        assert set(stores) <= {entry.store async for entry in proxied.audit()}
        await scene.close()
    touching = [(tables_of(statement), statement) for _, statement in statements]
    assert [statement for tables, statement in touching if len(tables) > 1] == []
    used = {name for tables, _ in touching for name in tables}
    not_written_here = {"poi_item_stock_log"}  # the audit reads it, so it is seen as well
    # the relay's, the webhooks' and the order events' have tests of their own: test_*_plans.py
    elsewhere = {"poi_stock_parked", "poi_order_event", "message_parked"}
    elsewhere |= {name for name in SHARDED_TABLES if name.startswith(("sync_", "webhook_"))}
    elsewhere |= {name for name in SHARDED_TABLES if name.startswith("poi_hub_")}  # a hub's own, in its SQLite alone
    assert {name.rpartition("_")[0] for name in used} | not_written_here | elsewhere == set(SHARDED_TABLES)
    written = {name for tables, statement in touching if statement[:6] != "SELECT" for name in tables}
    assert {name.rpartition("_")[2] for name in written} == {str(stores[0].bucket // 2 % 4)}


async def test_a_key_tuple_without_its_literal_is_seen_reaching_all_of_them(
    proxy_server: str, general_log: GeneralLog
) -> None:
    session = Session(parse(proxy_server))
    await session.open()
    with general_log.recording() as statements:
        await session.rows(
            "SELECT version FROM poi_item_stock WHERE (product_shard_id,brand_id,poi_id) IN ((5,'a','b'),(13,'a','b'))"
        )
    await session.close()
    found = [tables_of(statement) for _, statement in statements if tables_of(statement)]
    assert [sorted(tables) for tables in found] == [[f"poi_item_stock_{number}" for number in range(4)]] * 2
    assert len({session for session, statement in statements if tables_of(statement)}) == 2


async def test_a_configuration_row_is_written_to_both_databases(proxy_server: str, general_log: GeneralLog) -> None:
    session = Session(parse(proxy_server))
    await session.open()
    brand_id = f"brand-{secrets.token_hex(6)}"
    columns = "brand_id,name,status,catalog_version,deleted"
    await session.change(f"INSERT INTO brand ({columns}) VALUES ('{brand_id}','🍜','open',1,0)")
    try:
        for database in ("eightysix_0", "eightysix_1"):
            rows = general_log.run(f"SELECT brand_id FROM {database}.brand WHERE brand_id = '{brand_id}'")
            assert rows == ((brand_id,),)
        for name in (table.name for table in metadata.tables.values() if table.info["kind"] != SHARDED):
            assert await session.rows(f"SELECT COUNT(*) FROM {name}") is not None
    finally:
        await session.change(f"DELETE FROM brand WHERE brand_id = '{brand_id}'")
        await session.close()
