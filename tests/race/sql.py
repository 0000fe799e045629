"""The least of a database connection that hand-written SQL needs, on three databases."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Protocol, cast

import asyncpg
import pymysql

from eightysix.storage.url import parse


class Refused(Exception):
    """The database did not do it: a deadlock, a row that is there already, a file that is busy."""


class Sql(Protocol):
    """One connection. Outside `begin` and `commit` every statement is its own transaction."""

    async def rows(self, sql: str) -> Sequence[Sequence[Any]]: ...
    async def run(self, sql: str) -> None: ...
    async def begin(self) -> None: ...
    async def close(self) -> None: ...


class PostgresSql:
    """asyncpg."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def rows(self, sql: str) -> Sequence[Sequence[Any]]:
        return cast("Sequence[Sequence[Any]]", await self._connection.fetch(sql))

    async def run(self, sql: str) -> None:
        try:
            await self._connection.execute(sql)
        except (asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError) as error:
            raise Refused(str(error)) from error

    async def begin(self) -> None:
        await self._connection.execute("BEGIN")

    async def close(self) -> None:
        await self._connection.close()


class MysqlSql:
    """PyMySQL: a client that blocks is no matter where a process has one connection."""

    def __init__(self, connection: "pymysql.Connection[pymysql.cursors.Cursor]") -> None:
        self._connection = connection

    async def rows(self, sql: str) -> Sequence[Sequence[Any]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return cast("Sequence[Sequence[Any]]", cursor.fetchall())

    async def run(self, sql: str) -> None:
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql)
        except (pymysql.IntegrityError, pymysql.OperationalError) as error:
            raise Refused(str(error)) from error

    async def begin(self) -> None:
        await self.run("START TRANSACTION")

    async def close(self) -> None:
        self._connection.close()


class SqliteSql:
    """sqlite3. A transaction takes the write lock at once: one that has read can't get it once another has written."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def rows(self, sql: str) -> Sequence[Sequence[Any]]:
        return self._connection.execute(sql.removesuffix(" FOR UPDATE")).fetchall()

    async def run(self, sql: str) -> None:
        try:
            self._connection.execute(sql)
        except (sqlite3.IntegrityError, sqlite3.OperationalError) as error:
            raise Refused(str(error)) from error

    async def begin(self) -> None:
        await self.run("BEGIN IMMEDIATE")

    async def close(self) -> None:
        self._connection.close()


async def connect(url: str) -> Sql:
    """A connection to the database of `url`."""
    target = parse(url)
    if target.scheme == "sqlite":
        connection = sqlite3.connect(target.path, isolation_level=None, timeout=10)
        connection.execute("PRAGMA synchronous = OFF")
        return SqliteSql(connection)
    if target.scheme == "postgresql":
        # what survives a crash is not what these tests are about
        return PostgresSql(await asyncpg.connect(url, server_settings={"synchronous_commit": "off"}))
    server = pymysql.connect(
        host=target.host, port=target.port, user=target.user, password=target.password or "",
        database=target.database, autocommit=True,
    )  # fmt: skip
    with server.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
    return MysqlSql(server)
