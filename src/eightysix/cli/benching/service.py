"""A real `eightysix serve` in a process of its own."""

import asyncio
import contextlib
import hashlib
import secrets
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx
import msgspec

_HOST = "127.0.0.1"
_START_SECONDS = 60


class ServiceFailedError(Exception):
    """`eightysix serve` did not become ready; the message is the end of its output."""


class Service(msgspec.Struct, frozen=True):
    """A running service, and a key that may do everything."""

    host: str
    port: int
    key: str
    process_id: int


@contextlib.asynccontextmanager
async def serve(url: str, folder: Path) -> AsyncIterator[Service]:
    """Starts the service on the migrated database `url`, waits until it is ready, stops it at the end."""
    key = await _make_key(url)
    port = _free_port()
    output = folder / f"serve-{port}.log"
    with output.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "eightysix", "serve", "--database", url, "--host", _HOST, "--port", str(port),
            stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        await _ready(port, process, output)
        yield Service(_HOST, port, key, process.pid)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _make_key(url: str) -> str:
    """A key with the platform's role, written as administration writes it: its SHA-256 only."""
    key = secrets.token_urlsafe(32)
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "INSERT INTO api_key (key_id, key_hash, name, role, created_at, catalog_version, deleted) "
            "VALUES ($1, $2, 'benchmark', 'platform', 0, 1, false)",
            secrets.token_hex(8), hashlib.sha256(key.encode()).hexdigest(),
        )  # fmt: skip
    finally:
        await connection.close()
    return key


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port


async def _ready(port: int, process: asyncio.subprocess.Process, output: Path) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _START_SECONDS
    async with httpx.AsyncClient() as client:
        while True:
            with contextlib.suppress(httpx.TransportError):
                if (await client.get(f"http://{_HOST}:{port}/readyz")).status_code == httpx.codes.OK:
                    return
            if process.returncode is not None or loop.time() > deadline:
                raise ServiceFailedError(await asyncio.to_thread(_end_of, output))
            await asyncio.sleep(0.1)


def _end_of(output: Path) -> str:
    return output.read_text(encoding="utf-8", errors="replace")[-3000:]
