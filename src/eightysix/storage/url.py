"""Database URLs: the one place that reads them.

Ours say what is meant and leave the driver out::

    sqlite:///relative.db  sqlite:////absolute/path.db
    postgresql://user@host:5432/name  postgresql://user@/name?host=/socket/directory
    mysql://user:password@host:3306/name[?physical_shards=8]

`physical_shards` says that ShardingSphere-Proxy answers there and over how many tables it spreads each sharded one.
"""

from pathlib import Path

import msgspec
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "mysql": "mysql+asyncmy"}
_PORTS = {"postgresql": 5432, "mysql": 3306}


class BadDatabaseUrl(ValueError):
    """The database URL can't be used; the message says why and never holds the password."""


class DatabaseUrl(msgspec.Struct, frozen=True):
    """A database URL, read. `scheme` is sqlite, postgresql or mysql."""

    scheme: str
    database: str
    """The database's name; on SQLite the file's path."""
    host: str | None = None
    """Host name, or the directory of a Unix socket (it starts with a slash)."""
    port: int | None = None
    user: str | None = None
    password: str | None = None
    physical_shards: int = 1
    is_proxied: bool = False

    @property
    def path(self) -> Path:
        """The file of an SQLite database."""
        return Path(self.database)

    @property
    def sqlalchemy(self) -> URL:
        """The same for SQLAlchemy's asynchronous engine."""
        if self.scheme == "sqlite":
            return URL.create(_DRIVERS["sqlite"], database=self.database)
        socket = self.host if self.host is not None and self.host.startswith("/") else None
        query: dict[str, str] = {}
        if self.scheme == "mysql":
            query["charset"] = "utf8mb4"
            if socket is not None:
                query["unix_socket"] = socket
        elif socket is not None:
            query["host"] = socket
        return URL.create(
            _DRIVERS[self.scheme],
            username=self.user,
            password=self.password,
            host=None if socket is not None else self.host,
            port=None if socket is not None else self.port,
            database=self.database,
            query=query,
        )


def parse(url: str) -> DatabaseUrl:
    """Read `url`. Raises BadDatabaseUrl."""
    try:
        parts = make_url(url)
        port = parts.port
    except (ArgumentError, ValueError):
        raise BadDatabaseUrl("not a URL; write sqlite:///file, postgresql://... or mysql://...") from None
    scheme = parts.drivername
    if scheme not in _DRIVERS:
        raise BadDatabaseUrl(f"unknown database {scheme!r}; known are sqlite, postgresql and mysql")
    if not parts.database or (scheme == "sqlite" and parts.database == ":memory:"):
        what = "a file, as in sqlite:///eightysix.db" if scheme == "sqlite" else "the database's name after the host"
        raise BadDatabaseUrl(f"a {scheme} URL needs {what}")
    options = dict(parts.query)
    host = _single(options, "host") or _single(options, "unix_socket") or parts.host
    shards = _single(options, "physical_shards") if scheme == "mysql" else None
    if options:
        raise BadDatabaseUrl(f"a {scheme} URL has no option {min(options)!r}")
    if scheme == "sqlite":
        return DatabaseUrl(scheme, parts.database)
    return DatabaseUrl(
        scheme,
        parts.database,
        host=host or "127.0.0.1",
        port=port or _PORTS[scheme],
        user=parts.username,
        password=parts.password,
        physical_shards=_shard_count(shards),
        is_proxied=shards is not None,
    )


def _single(options: dict[str, tuple[str, ...] | str], name: str) -> str | None:
    value = options.pop(name, None)
    if isinstance(value, tuple):
        raise BadDatabaseUrl(f"the option {name!r} stands there more than once")
    return value


def _shard_count(text: str | None) -> int:
    if text is None:
        return 1
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise BadDatabaseUrl("physical_shards is a number from 1 to 1024")
    return int(text)
