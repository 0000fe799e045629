"""The test servers keep their word: fresh databases, `kill -9`, restart, and no data lost by either."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pymysql
import pytest

from tests.servers.account import Account
from tests.servers.mariadb import MariaDB
from tests.servers.postgres import Postgres
from tests.servers.scratch import mysql_connection
from tests.servers.server import ServerFailed


async def test_postgres_survives_kill_and_restart_at_the_same_address(own_postgres: Postgres) -> None:
    url, pid = own_postgres.url, own_postgres.pid
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE kept (n int)")
    await connection.execute("INSERT INTO kept VALUES (86)")
    own_postgres.kill()
    assert not own_postgres.running
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await connection.fetchval("SELECT 1")
    with pytest.raises(ConnectionRefusedError):
        await asyncpg.connect(url)
    own_postgres.restart()
    assert own_postgres.url == url
    assert own_postgres.pid != pid
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT n FROM kept") == 86
    assert await connection.fetchval("SHOW fsync") == "on"
    await connection.close()


def test_mariadb_survives_kill_and_restart_at_the_same_address(own_mariadb: MariaDB) -> None:
    url = own_mariadb.url
    with mysql_connection(url) as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE eightysix.kept (n int)")
        cursor.execute("INSERT INTO eightysix.kept VALUES (86)")
        own_mariadb.kill()
        with pytest.raises(pymysql.OperationalError):
            cursor.execute("SELECT 1")
    own_mariadb.restart()
    assert own_mariadb.url == url
    with mysql_connection(url) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT n, @@tx_isolation, @@innodb_flush_log_at_trx_commit FROM eightysix.kept")
        assert cursor.fetchall() == ((86, "READ-COMMITTED", 1),)


async def test_each_postgres_url_is_an_empty_database(postgres_url: str, module_postgres_url: str) -> None:
    assert postgres_url != module_postgres_url
    for url in (postgres_url, module_postgres_url):
        connection = await asyncpg.connect(url)
        tables = await connection.fetchval("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        await connection.close()
        assert tables == 0


def test_each_mysql_url_is_an_empty_database(mysql_url: str, module_mysql_url: str) -> None:
    assert mysql_url != module_mysql_url
    with mysql_connection(mysql_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@collation_server")
        assert cursor.fetchall() == (("utf8mb4_bin",),)
        cursor.execute(f"SHOW TABLES FROM {urlsplit(mysql_url).path[1:]}")
        assert cursor.fetchall() == ()


def test_the_proxy_starts_empty_and_hands_rows_to_one_table(proxy_url: str, mysql_server: str) -> None:
    parts = urlsplit(proxy_url)
    assert parts.query == "physical_shards=8"
    connection = pymysql.connect(
        host=parts.hostname, port=parts.port or 0, user=parts.username, password=parts.password or "",
        database=parts.path[1:], autocommit=True,
    )  # fmt: skip
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM poi_stock_order WHERE product_shard_id = 5")
        assert cursor.fetchall() == ((0,),)
        cursor.execute(
            "INSERT INTO poi_stock_order (product_shard_id, brand_id, poi_id, order_id, closed_at) "
            "VALUES (5, 'b', 'p', 'o', 1)"
        )
    with mysql_connection(mysql_server) as direct, direct.cursor() as cursor:
        cursor.execute("SELECT order_id FROM eightysix_1.poi_stock_order_2")
        assert cursor.fetchall() == (("o",),)


async def test_postgres_runs_from_copies_where_its_programs_are_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for root in a clone under a private home folder: the account that runs the server can't enter there."""
    monkeypatch.setattr(Account, "can_reach", lambda _self, path: "eightysix-postgres" in str(path))
    with Postgres() as server:
        assert (server.folder / "programs").is_dir()
        connection = await asyncpg.connect(server.url)
        await connection.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands its servers to another account")
def test_a_private_folder_is_refused_with_a_reason(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(ServerFailed, match="can't enter a folder above"):
        Postgres(tmp_path / "postgres").start()


def test_a_taken_port_is_refused_with_a_reason() -> None:
    """The server that has it would answer in the place of ours."""
    with Postgres() as first:
        second = Postgres()
        second.port = first.port
        with pytest.raises(ServerFailed, match="can't have port"):
            second.start()
        second.remove()
    assert not first.folder.exists()


def test_a_server_that_ends_at_once_says_why(own_postgres: Postgres) -> None:
    own_postgres.stop()
    (own_postgres.data / "PG_VERSION").write_text("1\n")
    with pytest.raises(ServerFailed, match="not compatible with this version"):
        own_postgres.start()
