"""A real database for each test of the engine: SQLite, or one of each kind in turn."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from eightysix.storage.migrate import migrate
from eightysix.storage.open import open_database
from eightysix.storage.port import Database


@pytest.fixture(params=["sqlite", "postgres", "mysql", "proxy"])
async def any_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database with its tables."""
    url = str(request.getfixturevalue(f"{request.param}_url"))
    if request.param != "proxy":  # its tables are made beneath it
        await migrate(url)
    return url


@pytest.fixture
async def database_url(tmp_path: Path) -> str:
    """Where `database` is. A module whose tests are for every kind of database overrides it with `any_url`."""
    url = f"sqlite:///{tmp_path}/engine.db"
    await migrate(url)
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await open_database(database_url, owner=uuid.uuid4().hex)
    yield opened
    await opened.close()
