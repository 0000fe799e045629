"""Databases with their tables made, and proxies before them."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from eightysix.storage.migrate import migrate
from eightysix.storage.open import open_database
from eightysix.storage.port import Database
from tests.fault.cutter import Cutter


@pytest.fixture
async def postgres(postgres_url: str) -> str:
    """The URL of a PostgreSQL database with its tables."""
    await migrate(postgres_url)
    return postgres_url


@pytest.fixture(params=["postgres", "mysql"])
async def server_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database with its tables, on each kind of server."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    await migrate(url)
    return url


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """A connected database."""
    database = await open_database(url, owner=uuid.uuid4().hex)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def cut_off(url: str) -> AsyncIterator[tuple[Cutter, str]]:
    """A cutter before the database of `url`, and the URL that goes through it."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    async with Cutter(parts.hostname, parts.port) as cutter:
        user = parts.netloc.rpartition("@")[0]
        netloc = f"{user}@127.0.0.1:{cutter.port}" if user else f"127.0.0.1:{cutter.port}"
        yield cutter, parts._replace(netloc=netloc).geturl()
