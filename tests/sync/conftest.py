"""Databases for the tests of sync."""

import uuid
from collections.abc import AsyncIterator

import pytest

from eightysix.storage.migrate import migrate
from eightysix.storage.open import open_database
from eightysix.storage.port import Database


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    """An SQLite file."""
    await migrate(sqlite_url)
    opened = await open_database(sqlite_url, owner=uuid.uuid4().hex)
    yield opened
    await opened.close()


@pytest.fixture(params=["sqlite", "postgres", "mysql", "proxy"])
async def any_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database with its tables, on each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    if request.param != "proxy":
        await migrate(url)
    return url


@pytest.fixture
async def any_database(any_url: str) -> AsyncIterator[Database]:
    """That database, opened."""
    opened = await open_database(any_url, owner=uuid.uuid4().hex)
    yield opened
    await opened.close()
