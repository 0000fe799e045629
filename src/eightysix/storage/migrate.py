"""Brings a database to this program's schema, safely when several processes try at once.

The one who comes second waits for the first and finds nothing left to do. PostgreSQL and SQLite migrate in one
transaction; on MySQL a step that was cut short is taken up again by the next run.

Behind ShardingSphere-Proxy the physical databases are migrated directly, never through the proxy: `migrate_physical`
for each of them, then `REFRESH TABLE METADATA` (or a start) of the proxy, which reads the tables' columns only then.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from .port import StorageFault, Unavailable
from .url import BadDatabaseUrl, DatabaseUrl, parse

LOCK_WAIT_SECONDS = 60
"""How long a migration waits for another one that is running."""

_LOCK_NAME = "eightysix-migrate"
_LOCK_KEY = 0x383665


class MigrationBlocked(StorageFault):
    """Another process has been migrating this database for longer than LOCK_WAIT_SECONDS."""

    retryable = True


class SchemaAhead(StorageFault):
    """A newer program has migrated the database: this one doesn't know what it holds now."""


async def migrate(url: str, *, to: str = "head") -> list[str]:
    """Run what is missing up to revision `to`, and return the revisions that were run, oldest first.

    Raises BadDatabaseUrl (also for a proxy's URL), Unavailable, MigrationBlocked, SchemaAhead.
    """
    target = parse(url)
    if target.physical_shards > 1:
        raise BadDatabaseUrl("migrations don't go through the proxy: migrate each physical database")
    return await _migrate(target, ("",), to)


async def migrate_physical(url: str, table_suffixes: Sequence[str], *, to: str = "head") -> list[str]:
    """The same for one physical database behind a proxy, named by a direct `url`.

    Each sharded table is made once per suffix: `("_0", "_1", "_2", "_3")` for four. Broadcast tables are made once.
    """
    return await _migrate(parse(url), tuple(table_suffixes), to)


async def pending(url: str) -> list[str]:
    """The revisions that `migrate` would run, oldest first; nothing is changed. Works through a proxy too."""
    target = parse(url)
    if target.scheme == "sqlite" and not await asyncio.to_thread(target.path.exists):
        return _missing((), "head")
    async with _connected(target) as connection:
        return _missing(await connection.run_sync(_versions), "head")


async def _migrate(target: DatabaseUrl, suffixes: tuple[str, ...], to: str) -> list[str]:
    async with _connected(target) as connection, _locked(connection, target):
        missing = _missing(await connection.run_sync(_versions), to)
        if missing:
            await connection.run_sync(_upgrade, suffixes, to)
        await connection.commit()
    return missing


def is_current(path: Path) -> bool:
    """Whether an SQLite file has this program's schema already; told without alembic, which costs a small process a
    tenth of its memory. False too where that can't be read: `migrate` says why."""
    found = (files(f"{__package__}.migrations") / "versions").iterdir()
    newest = max(file.name[:4] for file in found if file.name[:4].isdecimal())
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(newest,)]
    except sqlite3.Error:
        return False


def _alembic(name: str) -> Any:
    """A module of alembic, loaded only where something may have to be migrated."""
    return import_module(f"alembic.{name}")


def _config() -> Any:
    config = _alembic("config").Config()
    config.set_main_option("script_location", f"{__package__}:migrations")
    return config


def _missing(versions: Sequence[str], to: str) -> list[str]:
    script = _alembic("script").ScriptDirectory.from_config(_config())
    try:
        done = {revision.revision for version in versions for revision in script.iterate_revisions(version, "base")}
    except _alembic("script.revision").RevisionError as error:
        raise SchemaAhead(f"the database was migrated by a newer program (to {', '.join(versions)})") from error
    wanted = [revision.revision for revision in script.iterate_revisions(to, "base")]
    return [revision for revision in reversed(wanted) if revision not in done]


def _versions(connection: Connection) -> tuple[str, ...]:
    if not inspect(connection).has_table("alembic_version"):
        return ()
    heads: tuple[str, ...] = _alembic("runtime.migration").MigrationContext.configure(connection).get_current_heads()
    return heads


def _upgrade(connection: Connection, suffixes: tuple[str, ...], to: str) -> None:
    config = _config()
    config.attributes["connection"] = connection
    config.attributes["table_suffixes"] = suffixes
    _alembic("command").upgrade(config, to)


@asynccontextmanager
async def _connected(target: DatabaseUrl) -> AsyncIterator[AsyncConnection]:
    engine = create_async_engine(target.sqlalchemy, poolclass=NullPool, connect_args=_connect_args(target))
    if target.scheme == "sqlite":
        event.listen(engine.sync_engine, "begin", _take_write_lock)
    try:
        try:
            connection = await engine.connect()
        except (OSError, DBAPIError) as error:
            raise _fault(target, error) from error
        try:
            yield connection
        finally:
            await connection.close()
    finally:
        await engine.dispose()


def _fault(target: DatabaseUrl, error: Exception) -> StorageFault:
    reason = getattr(error, "orig", None) or error
    return Unavailable(f"can't open {target.scheme} database {target.database!r}: {reason}")


def _connect_args(target: DatabaseUrl) -> dict[str, object]:
    if target.scheme == "sqlite":
        return {"timeout": LOCK_WAIT_SECONDS, "isolation_level": None}
    return {}


def _take_write_lock(connection: Connection) -> None:
    """SQLite has no named locks: the write lock itself makes the second migration wait."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


@asynccontextmanager
async def _locked(connection: AsyncConnection, target: DatabaseUrl) -> AsyncIterator[None]:
    if target.scheme == "postgresql":
        await connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_WAIT_SECONDS}s'"))
        try:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        except DBAPIError as error:
            raise MigrationBlocked(f"another process is migrating {target.database!r}") from error
        yield
    elif target.scheme == "mysql":
        name = {"name": f"{_LOCK_NAME}-{target.database}"[:64], "seconds": LOCK_WAIT_SECONDS}
        had = await connection.scalar(text("SELECT GET_LOCK(:name, :seconds)"), name)
        if had != 1:
            raise MigrationBlocked(f"another process is migrating {target.database!r}")
        try:
            yield
        finally:
            await connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": name["name"]})
    else:
        yield
