"""The databases that the suite runs on: SQLite, PostgreSQL, MariaDB or MySQL, and MariaDB behind the real proxy.

Each has an own, freshly migrated database for the whole suite; the proxy's tables are emptied first. Which servers
there are is for `tests.servers.fixtures` to say.
"""

import secrets
from collections.abc import AsyncIterator

import pytest

from eightysix.storage.migrate import migrate
from eightysix.storage.open import open_database
from eightysix.storage.port import Database
from tests.servers import scratch

from .scene import Scene


@pytest.fixture(scope="session", params=["sqlite", "postgres", "mysql", "proxy"])
async def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """URL of a migrated, empty database that nobody else uses."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('contract') / 'contract.db'}"
        await migrate(url)
        yield url
    elif request.param == "postgres":
        with scratch.postgres_database(request.getfixturevalue("postgres_server")) as url:
            await migrate(url)
            yield url
    elif request.param == "mysql":
        with scratch.mysql_database(request.getfixturevalue("mysql_server")) as url:
            await migrate(url)
            yield url
    else:
        proxy = request.getfixturevalue("proxy_server")
        scratch.empty_physical_databases(request.getfixturevalue("mysql_server"))
        yield proxy


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
