"""SQLAlchemy's engine for the configuration tables: few, short transactions beside the lanes."""

from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from eightysix.storage.url import DatabaseUrl, parse

from .rows import CatalogRows

BUSY_TIMEOUT_SECONDS = 5
_POOL_SIZE = 3
_CONNECT_SECONDS = 5
_ANSWER_SECONDS = 10
"""How long a statement may take. A server that vanished without a word would else hold up the refresh, and with it the
revocation of keys, for as long as the operating system keeps trying."""

_LIMITS: dict[str, dict[str, object]] = {
    "postgresql": {"timeout": _CONNECT_SECONDS, "command_timeout": _ANSWER_SECONDS},
    "mysql": {"connect_timeout": _CONNECT_SECONDS, "read_timeout": _ANSWER_SECONDS},
}


def connect(url: str) -> CatalogRows:
    """The configuration tables of a database. Connections are opened when they are first needed."""
    target = parse(url)
    if target.scheme == "sqlite":
        file = target.sqlalchemy.render_as_string(hide_password=False)
        return CatalogRows(_sqlite(file), _sqlite(file))
    return CatalogRows(_server(target, _POOL_SIZE), _server(target, 1))


def _server(target: DatabaseUrl, pool_size: int) -> AsyncEngine:
    return create_async_engine(
        target.sqlalchemy,
        connect_args=_LIMITS[target.scheme],
        pool_size=pool_size,
        pool_timeout=_ANSWER_SECONDS,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,  # a fault's text goes into the log, and a row may hold the hash of a secret
        isolation_level="READ COMMITTED",
    )


def _sqlite(url: str) -> AsyncEngine:
    """The engine's lane writes the same file from this process: wait for it, and never hold the write lock for long."""
    engine = create_async_engine(
        url, connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "isolation_level": None}, hide_parameters=True
    )
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _begin(connection: Connection) -> None:
    """A writer takes the write lock at once, or its first write could fail instead of waiting."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
