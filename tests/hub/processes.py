"""A cloud and a hub as real processes, which may be killed at any instant and started again where they were."""

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from eightysix.client import AsyncClient, ClientError, Store
from eightysix.client.policy import Policy

BRAND, POI = "wok", "soho"
PLACE = Store(BRAND, POI)
DISH, POOL, SIZES, FREE = 11, 1, (21, 22), 31
"""A limited dish; an SPU whose two SKUs share its stock; a dish without a limit."""

POS, WEB = "POS", "ONLINE_ORDER"
_PROGRAM = "import sys; from eightysix.cli import main; sys.argv[0] = 'eightysix'; main()"
_READY = re.compile(r"Ready: (\S+)")
_KEY = re.compile(r"\be86_[A-Za-z0-9_-]{40,}")
_SECONDS = 60.0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Process:
    """One command, at one address over all its starts."""

    def __init__(self, log: Path, *arguments: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.arguments = (*arguments, "--host", "127.0.0.1", "--port", str(self.port))
        self.printed = ""
        self._log = log
        self._child: asyncio.subprocess.Process | None = None

    async def start(self, *more: str, before: Callable[[], object] | None = None) -> None:
        """Start, and return when it is ready."""
        code = await self.begin(*more, before=before)
        assert code is None, f"it ended with {code}\n{self.printed}\n{self.said()}"

    async def begin(self, *more: str, before: Callable[[], object] | None = None) -> int | None:
        """Start; None when it is ready, else the exit code."""
        with self._log.open("ab") as log:
            child = self._child = await asyncio.create_subprocess_exec(
                sys.executable, "-c", _PROGRAM, *self.arguments, *more,
                stdout=asyncio.subprocess.PIPE, stderr=log, stdin=asyncio.subprocess.DEVNULL, start_new_session=True,
                env={**os.environ, "EIGHTYSIX_LANG": "en", "PYTHONUNBUFFERED": "1"}, preexec_fn=before,
            )  # fmt: skip
        assert child.stdout is not None
        async with asyncio.timeout(_SECONDS):
            while not _READY.search(self.printed.rpartition("--\n")[2]):
                line = await child.stdout.readline()
                if not line:
                    return await child.wait()
                self.printed += line.decode()
        self.printed += "--\n"
        return None

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    async def kill(self) -> None:
        """As `kill -9`."""
        assert self._child is not None
        if self._child.returncode is None:
            self._child.send_signal(signal.SIGKILL)
            await self._child.wait()

    async def stop(self) -> int:
        assert self._child is not None
        self._child.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self._child.wait(), _SECONDS)

    async def end(self) -> None:
        if self._child is not None:
            await self.kill()

    def said(self) -> str:
        return self._log.read_text(errors="replace")[-6000:] if self._log.exists() else ""


class Town:
    """A cloud with one store, and that store's hub. Its clients ask with the brand's key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cloud_file, self.hub_folder = folder / "cloud.db", folder / "hub"
        self.cloud = Process(folder / "cloud.log", "serve", "--database", f"sqlite:///{self.cloud_file}")
        self.hub = Process(
            folder / "hub.log", "hub", "--store", f"{BRAND}/{POI}", "--cloud", self.cloud.url,
            "--data", str(self.hub_folder),
        )  # fmt: skip
        self.key = ""
        self._clients: list[AsyncClient] = []

    async def open(self) -> None:
        """The cloud with its store, menu and stock."""
        await self.cloud.start()
        platform = _KEY.search(self.cloud.printed)
        assert platform is not None
        async with AsyncClient(self.cloud.url, platform[0]) as client:
            await furnish(client)
            self.key = (await client.ask("POST", "/api/v1/keys", {"name": "brand", "role": "brand", "brandId": BRAND}))[
                "key"
            ]
        self.online = self.client(self.cloud.url)

    async def pair(self) -> None:
        """The hub, by its code."""
        code = (await self.online.hub_code(PLACE)).code
        await self.hub.start("--code", code)
        self.inside = self.client(self.hub.url)

    def client(self, url: str) -> AsyncClient:
        policy = Policy(deadline_seconds=10.0, attempt_seconds=10.0)
        client = AsyncClient(url, self.key, policy=policy)
        self._clients.append(client)
        return client

    async def status(self) -> Any:
        return await self.inside.ask("GET", "/hub")

    async def in_step(self, seconds: float = 20.0) -> Any:
        """Wait until hub and cloud have nothing more to tell one another."""

        async def is_clear() -> Any:
            status = await self.status()
            clear = status["online"] and status["settled_in"] and not status["journal"]["waiting"]
            return status if clear and not status["open_requests"] else None

        return await eventually(is_clear, seconds)

    async def command(self, *arguments: str) -> tuple[int, str, str]:
        """See `run_command`."""
        return await run_command(*arguments)

    async def close(self) -> None:
        for client in self._clients:
            await client.close()
        await self.hub.end()
        await self.cloud.end()


async def run_command(*arguments: str) -> tuple[int, str, str]:
    """Run a command to its end: (exit code, what it printed, what it complained of)."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PROGRAM, *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL,
        env={**os.environ, "EIGHTYSIX_LANG": "en"},
    )  # fmt: skip
    out, err = await asyncio.wait_for(child.communicate(), _SECONDS)
    return child.returncode or 0, out.decode(), err.decode()


async def eventually(look: Callable[[], Awaitable[Any]], seconds: float = 20.0) -> Any:
    """What `look` gives at last that isn't false."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                found = await look()
            except ClientError:
                found = None
            if found:
                return found
            await asyncio.sleep(0.05)


async def furnish(client: AsyncClient, portions: int = 40) -> None:
    """Brand, store, menu and stock."""
    await client.ask("PUT", "/api/v1/brands", {"brandId": BRAND, "name": "Wok"})
    await client.ask("PUT", "/api/v1/stores", {"brandId": BRAND, "poiId": POI, "name": "Soho", "time_zone": "UTC"})
    items = [item(2, DISH), item(1, POOL), *(item(2, sku, POOL) for sku in SIZES), item(2, FREE)]
    await client.ask("PUT", "/api/v1/items", {"items": items})
    limited = {"stock_status": 1, "stock_type": 2, "plan_quantity": portions, "real_quantity": portions}
    settings = [{"object_type": 2, "object_id": DISH, **limited}, {"object_type": 1, "object_id": POOL, **limited}]
    await client.ask("POST", "/api/v1/poi/stock/update", {"brandId": BRAND, "poiId": POI, "items": settings})


def item(object_type: int, object_id: int, spu_id: int | None = None) -> dict[str, Any]:
    made = {"brandId": BRAND, "object_type": object_type, "object_id": object_id}
    made["name"] = {"en": f"dish {object_id}", "zh": f"菜 {object_id}"}
    return made if spu_id is None else made | {"spu_id": spu_id}
