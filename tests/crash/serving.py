"""A real `eightysix serve` process that may be killed at any instant and started again on the same database."""

import asyncio
import logging
import os
import re
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

_log = logging.getLogger(__name__)


_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_KEY = re.compile(r"\be86_[A-Za-z0-9_-]{40,}")
_READY = re.compile(r"Ready: (\S+)")
_WARM = "import sys, eightysix.app; from eightysix.cli import main; sys.stdin.readline(); main()"
"""The console entry, its modules loaded while the process before it still serves: a restart then takes little time."""


class Serving:
    """One service at a time on one database; `url` and `key` are known after `start`."""

    def __init__(
        self, database: str, log: Path, program: str = _WARM, environment: Mapping[str, str] | None = None
    ) -> None:
        self.database = database
        self.url = ""
        self.key = ""
        self._log = log
        self._program = program
        self._environment = environment or {}
        self._child: asyncio.subprocess.Process | None = None
        self._next: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start, and return when it is ready; a spare for the next start is loaded meanwhile."""
        child = self._next or await self._spawn()
        assert child.stdin is not None
        assert child.stdout is not None
        self._child, self._next = child, None
        child.stdin.write(b"\n")
        printed = ""
        async with asyncio.timeout(_START_SECONDS):
            while (ready := _READY.search(printed)) is None:
                line = await child.stdout.readline()
                assert line, f"the service ended with {await child.wait()}\n{printed}\n{self.said()}"
                printed += line.decode()
        self.url = ready[1]
        key = _KEY.search(printed)
        self.key = key[0] if key else self.key
        self._next = await self._spawn()

    async def kill(self) -> None:
        """As `kill -9`; returns when the process is gone."""
        assert self._child is not None
        self._child.send_signal(signal.SIGKILL)
        assert await self._child.wait() == -signal.SIGKILL, self.said()

    async def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self._child is not None
        self._child.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self._child.wait(), _STOP_SECONDS)

    async def end(self) -> None:
        """Leave no process behind."""
        for child in (self._child, self._next):
            if child is not None and child.returncode is None:
                child.kill()
                await child.wait()

    def said(self) -> str:
        """The end of what was logged."""
        return self._log.read_text(errors="replace")[-4000:]

    async def _spawn(self) -> asyncio.subprocess.Process:
        arguments = ("serve", "--database", self.database, "--host", "127.0.0.1", "--port", "0")
        with self._log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-c", self._program, *arguments,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log,
                env={**os.environ, "EIGHTYSIX_LANG": "en", "PYTHONUNBUFFERED": "1", **self._environment},
                start_new_session=True,
            )  # fmt: skip
