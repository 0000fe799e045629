"""Up from nothing; the same tables as the schema says; several processes at once."""

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine

from eightysix.storage.migrate import SchemaAhead, is_current, migrate, migrate_physical, pending
from eightysix.storage.port import Unavailable
from eightysix.storage.schema import SHARDED, metadata
from eightysix.storage.url import BadDatabaseUrl, parse
from tests.servers import scratch

from .conftest import NewDatabase
from .fingerprint import fingerprint

T = TypeVar("T")


async def in_database(url: str, work: Callable[[Connection], T]) -> T:
    """What `work` says of the database; what it does is committed."""
    engine = create_async_engine(parse(url).sqlalchemy)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names()) - {"alembic_version"}


async def test_up_from_nothing(new_database: NewDatabase) -> None:
    url = new_database()
    missing = await pending(url)
    assert missing
    assert await migrate(url) == missing
    assert await pending(url) == []
    assert await migrate(url) == []
    assert await in_database(url, tables) == set(metadata.tables)


async def test_a_database_of_a_newer_program_is_left_alone(new_database: NewDatabase) -> None:
    url = new_database()
    await migrate(url)
    await in_database(url, lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = 'x'")))
    for act in (migrate, pending):
        with pytest.raises(SchemaAhead, match="newer"):
            await act(url)


async def test_schema_and_migrations_agree(new_database: NewDatabase) -> None:
    migrated, made = new_database(), new_database()
    await migrate(migrated)
    await in_database(made, metadata.create_all)
    assert await in_database(migrated, fingerprint) == await in_database(made, fingerprint)
    assert await in_database(migrated, _differences) == []


def _differences(connection: Connection) -> list[Any]:
    options = {"compare_type": True, "compare_server_default": connection.dialect.name != "mysql"}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


async def test_the_comparison_sees_a_missing_check(new_database: NewDatabase) -> None:
    one, other = new_database(), new_database()
    await in_database(one, metadata.create_all)
    await in_database(other, metadata.create_all)
    await in_database(other, lambda connection: _make_without_checks(connection, "poi_item_stock"))
    assert await in_database(one, fingerprint) != await in_database(other, fingerprint)


def _make_without_checks(connection: Connection, name: str) -> None:
    table = metadata.tables[name]
    table.drop(connection)
    checks = [constraint for constraint in table.constraints if constraint is not table.primary_key]
    table.constraints.difference_update(checks)
    try:
        table.create(connection)
    finally:
        table.constraints.update(checks)


async def test_several_processes_at_once(new_database: NewDatabase) -> None:
    url = new_database()
    program = "import asyncio, sys; from eightysix.storage.migrate import migrate; asyncio.run(migrate(sys.argv[1]))"
    racers = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", program, url, stdout=PIPE, stderr=STDOUT)
        for _ in range(3)
    ]
    said = [(await racer.communicate())[0].decode() for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0, 0], said
    assert await pending(url) == []
    assert await in_database(url, tables) == set(metadata.tables)


async def test_each_physical_database_gets_its_tables(mysql_server: str) -> None:
    suffixes = ("_0", "_1", "_2", "_3")
    with scratch.mysql_database(mysql_server) as url:
        assert await migrate_physical(url, suffixes)
        assert await migrate_physical(url, suffixes) == []
        found = await in_database(url, tables)
        facts = await in_database(url, fingerprint)
    sharded = {name for name, table in metadata.tables.items() if table.info["kind"] == SHARDED}
    assert found == (set(metadata.tables) - sharded) | {name + suffix for name in sharded for suffix in suffixes}
    with scratch.mysql_database(mysql_server) as url:
        await migrate(url)
        single = await in_database(url, fingerprint)
    for name in sharded:
        unlike = [line.replace("_3`", "`") for line in facts[f"{name}_3"]]
        assert sorted(unlike) == single[name]


async def test_mysql_takes_up_a_migration_that_was_cut_short(mysql_server: str) -> None:
    with scratch.mysql_database(mysql_server) as url:
        await migrate(url)
        whole = await in_database(url, fingerprint)

        def cut(connection: Connection) -> None:
            connection.execute(text("ALTER TABLE poi_item_stock_log DROP COLUMN order_prev, DROP COLUMN reason"))
            connection.execute(text("ALTER TABLE admin_log DROP INDEX ix_admin_log_brand"))
            for table in ("api_key", "store", "poi_stock_outbox", "poi_stock_timer"):
                connection.execute(text(f"DROP TABLE {table}"))
            connection.execute(text("DELETE FROM alembic_version"))

        await in_database(url, cut)
        assert await migrate(url) == ["0001", "0002", "0003", "0004", "0005"]
        assert await in_database(url, fingerprint) == whole


async def test_migrations_refuse_to_go_through_the_proxy() -> None:
    with pytest.raises(BadDatabaseUrl, match="physical"):
        await migrate("mysql://root@127.0.0.1/eightysix?physical_shards=8")


@pytest.mark.parametrize(
    "url",
    ["sqlite:////no/such/folder/here.db", "postgresql://nobody@127.0.0.1:1/none", "mysql://nobody@127.0.0.1:1/none"],
)
async def test_no_database_is_said_so(url: str) -> None:
    with pytest.raises(Unavailable, match="can't open"):
        await migrate(url)


async def test_a_current_file_is_known_without_alembic(tmp_path: Path) -> None:
    file = tmp_path / "hub.db"
    url = f"sqlite:///{file}"
    assert not is_current(file)
    await migrate(url, to="0003")
    assert not is_current(file)
    await migrate(url)
    assert is_current(file)
    assert await pending(url) == []
