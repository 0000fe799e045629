"""A real service on a real SQLite file, spoken to over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from eightysix.api import server
from eightysix.app import prepare, running
from eightysix.settings import Settings

from .shop import Shop


@asynccontextmanager
async def open_shop(folder: Path, database_url: str | None = None, **more: Any) -> AsyncIterator[Shop]:
    """Two brands with stores and a menu, behind a listening server; on a file in `folder` unless said otherwise.

    `more` are settings."""
    database_url = database_url or f"sqlite:///{folder}/shop.db"
    settings = Settings(database_url=database_url, catalog_refresh_seconds=0.05, **more)
    await prepare(settings, may_migrate=True)
    async with running(settings) as service:
        with server.reserved("127.0.0.1", 0) as port:
            ready, stop = asyncio.Event(), asyncio.Event()
            serving = asyncio.create_task(server.serve(service.asgi, "127.0.0.1", port, ready.set, stop))
            await asyncio.wait_for(ready.wait(), 30)
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
                shop = Shop(service, http, settings)
                await shop.furnish()
                yield shop
            stop.set()
            await serving


@pytest.fixture(scope="session")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """The shop that the tests share."""
    async with open_shop(tmp_path_factory.mktemp("api")) as shared:
        yield shared


@pytest.fixture(scope="module")
async def module_shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """A shop for the tests of one file: what they set would stand in the way of others."""
    async with open_shop(tmp_path_factory.mktemp("module")) as own:
        yield own


@pytest.fixture
async def own_shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """A shop that a test may break."""
    async with open_shop(tmp_path) as own:
        yield own
