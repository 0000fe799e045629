"""Stations on each kind of database, and receivers."""

from collections.abc import AsyncIterator

import pytest

from eightysix.storage.migrate import migrate
from tests.webhooks.receiver import Receiver, receiving
from tests.webhooks.station import Station, working


@pytest.fixture
async def station(sqlite_url: str) -> AsyncIterator[Station]:
    """A station on SQLite, with webhooks."""
    await migrate(sqlite_url)
    async with working(sqlite_url) as at_work:
        await at_work.begin()
        yield at_work


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
async def any_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database with its tables."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    await migrate(url)
    return url


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver that answers 204 until it is told otherwise."""
    async with receiving() as listening:
        yield listening
