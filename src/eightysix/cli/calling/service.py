"""An `eightysix serve` of one's own: a child process on a free port of the loopback, stopped at the end."""

import asyncio
import os
import re
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from eightysix.client import AsyncClient, ClientError

_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_LOOK_SECONDS = 0.1
_KEY = re.compile(r"\be86_[A-Za-z0-9_-]{40,}")
_SERVE = "import sys; from eightysix.cli import main; sys.argv[0] = 'eightysix'; main()"
_LOG_TAIL = 2000


class ServiceFailedError(Exception):
    """The child ended or wasn't ready in time; `log` is the end of what it printed."""

    def __init__(self, why: str, log: str) -> None:
        super().__init__(why)
        self.log = log


class Service(NamedTuple):
    """A running service. `key` is its first key, None where its database has had keys before."""

    url: str
    key: str | None
    database: str


@asynccontextmanager
async def own_service(database: str, log: Path, *, port: int = 0) -> AsyncIterator[Service]:
    """Start a service on `database` (a URL), wait until it is ready, stop it gracefully at the end.

    `port` 0 takes a free one. What it prints goes to the file `log`. Raises ServiceFailedError.
    """
    port = port or _free_port()
    command = [
        sys.executable,
        "-c",
        _SERVE,
        "serve",
        "--migrate",
        "--database",
        database,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    with log.open("wb") as out:
        # a session of its own: Ctrl-C on the terminal is for the command, which then stops the service in good order
        process = await asyncio.create_subprocess_exec(
            *command, stdout=out, stderr=out, stdin=asyncio.subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        await _ready(process, url, log)
        yield Service(url, _first_key(log), database)
    finally:
        await asyncio.shield(_stopped(process))


async def _ready(process: asyncio.subprocess.Process, url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    async with AsyncClient(url) as client:
        probe = client.within(_LOOK_SECONDS)
        while time.monotonic() < deadline:
            if process.returncode is not None:
                raise ServiceFailedError(f"exit code {process.returncode}", _tail(log))
            try:
                await probe.ask("GET", "/readyz")
            except ClientError:
                await asyncio.sleep(_LOOK_SECONDS)
            else:
                return
    raise ServiceFailedError(f"not ready after {_START_SECONDS:.0f} s", _tail(log))


async def _stopped(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), _STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()


def _first_key(log: Path) -> str | None:
    found = _KEY.search(log.read_text(errors="replace"))
    return found[0] if found else None


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-_LOG_TAIL:]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
