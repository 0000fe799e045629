"""A service of the test's own, its database fresh."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from eightysix.storage.migrate import migrate
from tests.crash.serving import Serving
from tests.servers.postgres import Postgres


@pytest.fixture
async def on_sqlite(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Serving]:
    """A service on a file."""
    serving = Serving(sqlite_url, tmp_path / "serve.log")
    yield serving
    await serving.end()


@pytest.fixture
async def on_postgres(postgres_url: str, tmp_path: Path) -> AsyncIterator[Serving]:
    """A service on a database of the session's PostgreSQL."""
    await migrate(postgres_url)
    serving = Serving(postgres_url, tmp_path / "serve.log")
    yield serving
    await serving.end()


@pytest.fixture
async def on_own_postgres(own_postgres: Postgres, tmp_path: Path) -> AsyncIterator[Serving]:
    """A service on a PostgreSQL that may be killed."""
    await migrate(own_postgres.url)
    serving = Serving(own_postgres.url, tmp_path / "serve.log")
    yield serving
    await serving.end()


@pytest.fixture(params=["sqlite", "postgres"])
def serving(request: pytest.FixtureRequest) -> Serving:
    """A service on each of both."""
    found: Serving = request.getfixturevalue(f"on_{request.param}")
    return found
