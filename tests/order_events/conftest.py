"""A desk on a real SQLite database for each test."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from eightysix.storage.migrate import migrate
from eightysix.storage.open import open_database
from eightysix.storage.port import Database

from .desk import Desk, open_desk


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path}/events.db"
    await migrate(url)
    opened = await open_database(url, owner=uuid.uuid4().hex)
    yield opened
    await opened.close()


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    async with open_desk(database) as opened:
        yield opened
