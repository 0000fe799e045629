"""One run of the benchmark, part by part."""

import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

from eightysix.cli.benching.arena import Arena
from eightysix.cli.benching.embedded import compare_embedded
from eightysix.cli.benching.machine import this_machine
from eightysix.cli.benching.orders import compare, field, grow, keep_steady, served, weigh
from eightysix.cli.benching.plan import Plan
from eightysix.cli.benching.postgres import NoServerError, Server, given_server, own_server
from eightysix.cli.benching.progress import Progress
from eightysix.cli.benching.result import Result

_CONNECTIONS_KEPT = 20
"""Connections that the service, the engine and PostgreSQL itself need beside the clients of pgbench."""


async def run(plan: Plan, database: str | None, parent: Path | None, progress: Progress) -> Result:
    """Runs the parts of `plan` on the PostgreSQL at `database`, or on one started for the time being.

    Files lie in a new folder below `parent` (None: the system's temporary one) and are removed afterwards.
    Raises NoServerError, ChildFailedError, ServiceFailedError.
    """
    with _folder(parent) as folder:
        result = Result(
            this_machine(folder), plan, {}, datetime.now(UTC).isoformat(timespec="minutes").replace("+00:00", "Z")
        )
        arena = Arena(plan, result, folder, progress)
        if set(plan.parts) != {"sqlite"}:
            async with _server(database, folder) as server:
                result.database = dict(server.settings)
                _check_connections(plan, server)
                await _postgres_parts(arena, server)
        if "sqlite" in plan.parts:
            await compare_embedded(arena)
        return result


async def _postgres_parts(arena: Arena, server: Server) -> None:
    parts = arena.plan.parts
    if "memory" in parts:
        await weigh(arena, server)
    if "orders" in parts:
        async with field(arena, server) as contestants:
            await compare(arena, contestants)
    if "steady" in parts:
        async with served(arena, server) as (over_http, _):
            await keep_steady(arena, over_http)
    if "scale" in parts:
        await grow(arena, server)


@contextlib.asynccontextmanager
async def _server(url: str | None, folder: Path) -> AsyncIterator[Server]:
    if url is not None:
        yield await given_server(url)
        return
    async with own_server(folder / "postgres") as server:
        yield server


@contextlib.contextmanager
def _folder(parent: Path | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="eightysix-bench-", dir=parent) as name:
        folder = Path(name)
        if os.geteuid() == 0:
            folder.chmod(0o755)  # PostgreSQL runs as somebody else then, and must get through
        yield folder


def _check_connections(plan: Plan, server: Server) -> None:
    allowed = int(server.settings["max_connections"])
    if "orders" in plan.parts and max(plan.clients) + _CONNECTIONS_KEPT > allowed:
        raise NoServerError(
            f"max_connections is {allowed}; {max(plan.clients)} clients need {max(plan.clients) + _CONNECTIONS_KEPT}: "
            "raise it, or give fewer --clients"
        )
