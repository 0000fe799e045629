"""Opens the database that a URL names. Each database's package is imported only when it is asked for."""

from importlib import import_module

from .port import Database
from .url import parse

_PACKAGES = {"sqlite": "sqlite", "postgresql": "postgres", "mysql": "mysql"}


async def open_database(url: str, *, owner: str) -> Database:
    """Connect. `owner` names this process in its marker rows (1 to 64 characters), different for each running process.

    Raises BadDatabaseUrl, Unavailable, or StorageFault when the database isn't fit for use.
    The schema isn't looked at.
    """
    package = import_module(f"{__package__}.{_PACKAGES[parse(url).scheme]}")
    database: Database = await package.connect(url, owner)
    return database
