"""One server process: its folder, its port, its life. What PostgreSQL, MariaDB and the proxy have in common."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import psutil

READY_SECONDS = 90.0
STOP_SECONDS = 30.0


class ServerFailed(Exception):
    """A server did not start, or did not end; the message ends with the last lines of its log."""


class ServerMissing(Exception):
    """The programs of a server are not on this machine; the message says what to install."""


class Server(ABC):
    """A server with its own folder and its own port on loopback.

    The folder keeps `server.json` (pid, port, url), so another process can stop what this one started. Killing and
    restarting keeps port, url and data.
    """

    kind: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, folder: Path | None = None) -> None:
        self._made_folder = folder is None
        # Under /tmp and not under TMPDIR: the account that runs the server must be able to get there.
        self.folder = Path(tempfile.mkdtemp(prefix=f"eightysix-{self.kind}-", dir="/tmp")) if folder is None else folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        self._process: psutil.Process | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self.port = 0
        self._recall()

    # --- what each kind of server says about itself

    @property
    @abstractmethod
    def url(self) -> str:
        """The address, as EIGHTYSIX_DATABASE_URL takes it."""

    @abstractmethod
    def prepare(self) -> None:
        """Make the data folder; called before each start, does nothing the second time."""

    @abstractmethod
    def command(self) -> list[str]:
        """What to run, in the foreground."""

    def popen_arguments(self) -> dict[str, Any]:
        """Further arguments of subprocess.Popen, such as the account."""
        return {}

    @abstractmethod
    def answers(self) -> bool:
        """Whether the server takes a statement now."""

    def after_first_start(self) -> None:  # noqa: B027 - most servers have nothing to do here
        """What is to be done once, on the running server."""

    def launch(self) -> psutil.Process:
        """Begin the process, without waiting for it to be ready."""
        with self.log_file.open("ab") as log:
            self._child = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,
                **self.popen_arguments(),
            )
        return psutil.Process(self._child.pid)

    # --- its life

    @property
    def running(self) -> bool:
        """Whether the process is there (a zombie is not)."""
        return self._process is not None and _lives(self._process)

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        if self._process is None:
            message = f"{self.kind} is not running"
            raise ServerFailed(message)
        return self._process.pid

    @property
    def log_file(self) -> Path:
        """Where the server writes what it has to say."""
        return self.folder / "log"

    def start(self) -> Self:
        """Start, and return when statements are taken. Starting what runs does nothing."""
        if self.running:
            return self
        first = self.port == 0
        self.port = self.port or free_port()
        self._expect_free_port()
        self.prepare()
        self._process = self.launch()
        self._remember()
        self._wait_until_it_answers()
        if first:
            self.after_first_start()
        return self

    def stop(self) -> None:
        """End in good order, then by force. Stopping what does not run does nothing."""
        if self.running:
            family = self._family()
            self._signal(self.stop_signal)
            if not self._ended(family, STOP_SECONDS):
                self._kill(family)
        self._forget()

    def kill(self) -> None:
        """As `kill -9` of the server and everything it forked; returns when all of them are gone."""
        if self.running:
            self._kill(self._family())
        self._forget()

    def restart(self) -> Self:
        """Start again on the same port and data, whether it was stopped, killed or still runs."""
        self.stop()
        return self.start()

    def remove(self) -> None:
        """Stop, and delete the folder if this object made it."""
        self.stop()
        if self._made_folder:
            shutil.rmtree(self.folder)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except ServerFailed:
            self.remove()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    # --- within

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self.answers():
            if not self.running:
                self._forget()
                raise ServerFailed(self._with_log(f"{self.kind} ended instead of starting"))
            psutil.wait_procs([self._process] if self._process else [], timeout=0.03)
            if time.monotonic() > deadline:
                self.kill()
                raise ServerFailed(self._with_log(f"{self.kind} did not answer within {READY_SECONDS:.0f} s"))

    def _expect_free_port(self) -> None:
        """Another server on the port would answer in our place."""
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", self.port))
            except OSError as error:
                message = f"{self.kind} can't have port {self.port}: {error.strerror}"
                raise ServerFailed(message) from error

    def _with_log(self, message: str) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines()[-20:] if self.log_file.exists() else []
        return "\n".join((message, *lines))

    def _family(self) -> list[psutil.Process]:
        assert self._process is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            return [self._process, *self._process.children(recursive=True)]
        return [self._process]

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            self._process.send_signal(number)

    def _kill(self, family: list[psutil.Process]) -> None:
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        if not self._ended(family, STOP_SECONDS):
            raise ServerFailed(self._with_log(f"{self.kind} can't be killed"))

    def _ended(self, family: list[psutil.Process], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while any(_lives(member) for member in family):
            if time.monotonic() > deadline:
                return False
            psutil.wait_procs(family, timeout=0.02)
        return True

    def _remember(self) -> None:
        assert self._process is not None
        state = {
            "kind": self.kind,
            "pid": self._process.pid,
            "created": self._process.create_time(),
            "port": self.port,
            "url": self.url,
        }
        self._state_file.write_text(json.dumps(state))

    def _recall(self) -> None:
        """Find the process that an earlier run started in this folder. A process id used anew is not it."""
        if not self._state_file.exists():
            return
        state = json.loads(self._state_file.read_text())
        self.port = state["port"]
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(state["pid"])
            if abs(process.create_time() - state["created"]) < 1:
                self._process = process

    def _forget(self) -> None:
        if self._child is not None:
            self._child.wait(timeout=STOP_SECONDS)  # it has ended; this collects its status
        self._process = None
        self._child = None

    @property
    def _state_file(self) -> Path:
        return self.folder / "server.json"


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def free_port() -> int:
    """A loopback port that the operating system says is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(command: list[str], *, env: dict[str, str] | None = None, **arguments: Any) -> None:
    """Run a program to its end; its output is shown only when it fails."""
    with tempfile.TemporaryFile("w+") as output:  # not a pipe: a server that is left running would hold it open
        done = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**(env or os.environ), "LC_ALL": "C.UTF-8"},
            **arguments,
        )
        if done.returncode != 0:
            output.seek(0)
            message = f"{command[0]} failed with status {done.returncode}\n{output.read()}"
            raise ServerFailed(message)
