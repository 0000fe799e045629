"""`eightysix serve` as a process: the first key, the port, a graceful end."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil


class Process(NamedTuple):
    """A running service and what it had printed when it was ready."""

    child: asyncio.subprocess.Process
    url: str
    printed: str


@asynccontextmanager
async def serving(folder: Path, *options: str) -> AsyncIterator[Process]:
    async with started("--database", f"sqlite:///{folder}/s.db", *options) as process:
        yield process


@asynccontextmanager
async def started(*options: str) -> AsyncIterator[Process]:
    command = (sys.executable, "-m", "eightysix", "serve", *options)
    child = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, "EIGHTYSIX_LANG": "en"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        printed = ""
        assert child.stdout is not None
        async with asyncio.timeout(60):
            while (found := re.search(r"Ready: (\S+)", printed)) is None:
                line = await child.stdout.readline()
                assert line, (await child.stderr.read()).decode() if child.stderr else ""
                printed += line.decode()
        yield Process(child, found[1], printed)
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def test_the_first_key_is_printed_once_and_a_stop_answers_what_was_accepted(tmp_path: Path) -> None:
    async with serving(tmp_path, "--port", "0") as first:
        key = re.search(r"e86_\S+", first.printed)
        assert key is not None
        headers = {"authorization": f"Bearer {key[0]}"}
        async with httpx.AsyncClient(base_url=first.url, headers=headers, timeout=30) as http:
            assert (await http.get("/readyz")).json() == {"status": "ok"}
            await http.put("/api/v1/brands", json={"brandId": "b", "name": "B"})
            store = {"brandId": "b", "poiId": "s", "name": "S", "time_zone": "UTC"}
            await http.put("/api/v1/stores", json=store)
            body = {"brandId": "b", "poiId": "s"}
            calls = [
                asyncio.create_task(http.post("/api/v1/stock/unlock", json={**body, "order_id": f"o{n}"}))
                for n in range(50)
            ]
            await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
            first.child.send_signal(signal.SIGTERM)
            answers = await asyncio.gather(*calls, return_exceptions=True)
        assert await asyncio.wait_for(first.child.wait(), 30) == 0
        served = [answer for answer in answers if isinstance(answer, httpx.Response)]
        assert {answer.status_code for answer in served} <= {200, 503}
        done = [n for n, answer in enumerate(answers) if isinstance(answer, httpx.Response) and answer.is_success]
        assert done
    async with serving(tmp_path, "--port", "0") as second:
        assert "e86_" not in second.printed
        async with httpx.AsyncClient(base_url=second.url, headers=headers) as http:
            for n in done:
                held = await http.get(f"/api/v1/stock/orders/o{n}", params={"brandId": "b", "poiId": "s"})
                assert held.json()["state"] == "UNLOCKED"


async def test_a_taken_port_is_told(tmp_path: Path) -> None:
    async with serving(tmp_path, "--port", "0") as first:
        other = tmp_path / "other"
        other.mkdir()
        port = first.url.rpartition(":")[2]
        command = (sys.executable, "-m", "eightysix", "serve", "--database", f"sqlite:///{other}/s.db", "--port", port)
        child = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
        _, told = await asyncio.wait_for(child.communicate(), 60)
        assert child.returncode == 2
        assert port in told.decode()


async def test_several_workers_need_a_database_that_takes_them(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "eightysix", "serve", "--database", f"sqlite:///{tmp_path}/s.db", "--port", "0",
               "--workers", "2")  # fmt: skip
    child = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    _, told = await asyncio.wait_for(child.communicate(), 60)
    assert (child.returncode, "one process" in told.decode()) == (2, True)


async def test_workers_end_with_a_supervisor_that_is_killed(postgres_url: str) -> None:
    """Else they would hold the port, and the service could not be started again."""
    async with started("--database", postgres_url, "--migrate", "--port", "0", "--workers", "2") as service:
        workers = psutil.Process(service.child.pid).children()
        assert len(workers) == 2
        service.child.kill()
        _, alive = await asyncio.to_thread(psutil.wait_procs, workers, 20)
        for worker in alive:
            worker.kill()
        assert not alive
