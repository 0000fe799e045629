"""The client processes, started once, and the databases that they race on."""

from collections.abc import AsyncIterator

import pytest

from tests.servers import scratch

from .arena import Arena, server_arena, sqlite_arena
from .crew import Crew, crew


@pytest.fixture(scope="session", name="crew")
async def _crew(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Crew]:
    """Four processes."""
    async with crew(tmp_path_factory.mktemp("race")) as members:
        yield members


@pytest.fixture(scope="session", params=["sqlite", "postgres", "mysql"])
async def arena(
    request: pytest.FixtureRequest, crew: Crew, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Arena]:
    """Each database."""
    if request.param == "sqlite":
        async with sqlite_arena(crew, tmp_path_factory.mktemp("race-sqlite")) as arena:
            yield arena
            await crew.leave()
        return
    server = request.getfixturevalue(f"{request.param}_server")
    new = scratch.postgres_database if request.param == "postgres" else scratch.mysql_database
    with new(server) as url, new(server) as controls_url:
        yield await server_arena(crew, url, controls_url)
        await crew.leave()
