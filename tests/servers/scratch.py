"""Fresh, empty databases on a server that runs already, and their end."""

import asyncio
import secrets
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg
import pymysql

from tests.servers.physical import PHYSICAL_DATABASES


@contextmanager
def postgres_database(server_url: str) -> Iterator[str]:
    """The URL of a new database beside the one that `server_url` names; dropped at the end, whoever is connected."""
    name = _new_name()
    _apart(_postgres(server_url, f"CREATE DATABASE {name}"))
    try:
        yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
    finally:
        _apart(_postgres(server_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


@contextmanager
def mysql_database(server_url: str) -> Iterator[str]:
    """The same on MariaDB or MySQL. Transactions that are still open there are ended first, for DROP waits for them."""
    name = _new_name()
    with mysql_connection(server_url) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    try:
        yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
    finally:
        with mysql_connection(server_url) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT id FROM information_schema.processlist WHERE db = %s", (name,))
            for (session,) in cursor.fetchall():
                _end_session(cursor, session)
            cursor.execute(f"DROP DATABASE IF EXISTS {name}")


def empty_physical_databases(mysql_url: str) -> None:
    """Delete every row behind the proxy, in all physical tables, and keep the tables: the proxy knows their columns."""
    with mysql_connection(mysql_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema IN %s "
            "AND table_name <> 'alembic_version'",
            (PHYSICAL_DATABASES,),
        )
        for schema, table in cursor.fetchall():
            cursor.execute(f"DELETE FROM `{schema}`.`{table}`")


@contextmanager
def mysql_connection(url: str) -> Iterator["pymysql.Connection[pymysql.cursors.Cursor]"]:
    """A direct connection, each statement committed by itself."""
    parts = urlsplit(url)
    connection = pymysql.connect(
        host=parts.hostname,
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        autocommit=True,
        connect_timeout=10,
    )
    try:
        yield connection
    finally:
        connection.close()


def _end_session(cursor: pymysql.cursors.Cursor, session: int) -> None:
    try:
        cursor.execute(f"KILL {int(session)}")
    except pymysql.OperationalError as error:
        if error.args[0] != 1094:  # it ended by itself
            raise


def _new_name() -> str:
    return f"e86_{secrets.token_hex(6)}"


async def _postgres(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _apart(work: Coroutine[Any, Any, None]) -> None:
    """Run in a thread with a loop of its own: fixtures are used by plain and by asynchronous tests."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()
