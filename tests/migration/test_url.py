"""Database URLs, read in one place."""

import pytest

from eightysix.storage.open import open_database
from eightysix.storage.url import BadDatabaseUrl, DatabaseUrl, parse

READ = {
    "sqlite:///eightysix.db": DatabaseUrl("sqlite", "eightysix.db"),
    "sqlite:////var/lib/eightysix.db": DatabaseUrl("sqlite", "/var/lib/eightysix.db"),
    "postgresql://me@db.example:6432/stock": DatabaseUrl(
        "postgresql", "stock", host="db.example", port=6432, user="me"
    ),
    "postgresql://me:p%40ss@db.example/stock": DatabaseUrl(
        "postgresql", "stock", host="db.example", port=5432, user="me", password="p@ss"
    ),
    "postgresql://postgres:@/postgres?host=/run/pg": DatabaseUrl(
        "postgresql", "postgres", host="/run/pg", port=5432, user="postgres", password=""
    ),
    "postgresql:///stock": DatabaseUrl("postgresql", "stock", host="127.0.0.1", port=5432),
    "mysql://me:pw@127.0.0.1:3307/stock": DatabaseUrl(
        "mysql", "stock", host="127.0.0.1", port=3307, user="me", password="pw"
    ),
    "mysql://me@proxy/stock?physical_shards=8": DatabaseUrl(
        "mysql", "stock", host="proxy", port=3306, user="me", physical_shards=8, is_proxied=True
    ),
}

FOR_SQLALCHEMY = {
    "sqlite:////var/lib/e.db": "sqlite+aiosqlite:////var/lib/e.db",
    "postgresql://me:pw@h:1/db": "postgresql+asyncpg://me:pw@h:1/db",
    "postgresql://me@/db?host=/run/pg": "postgresql+asyncpg://me@/db?host=%2Frun%2Fpg",
    "mysql://me:pw@h/db?physical_shards=8": "mysql+asyncmy://me:pw@h:3306/db?charset=utf8mb4",
    "mysql://me@/db?unix_socket=/run/m.sock": "mysql+asyncmy://me@/db?charset=utf8mb4&unix_socket=%2Frun%2Fm.sock",
}

BAD = {
    "": "not a URL",
    "eightysix.db": "not a URL",
    "oracle://h/db": "unknown database 'oracle'",
    "sqlite://": "needs a file",
    "sqlite:///:memory:": "needs a file",
    "postgresql://h": "needs the database's name",
    "postgresql://h:port/db": "not a URL",
    "postgresql://h/db?physical_shards=8": "no option 'physical_shards'",
    "postgresql://h/db?sslmode=on": "no option 'sslmode'",
    "mysql://h/db?physical_shards=many": "number from 1 to 1024",
    "mysql://h/db?physical_shards=0": "number from 1 to 1024",
    "mysql://h/db?physical_shards=2&physical_shards=4": "more than once",
}


@pytest.mark.parametrize(("url", "read"), READ.items())
def test_what_a_url_means(url: str, read: DatabaseUrl) -> None:
    assert parse(url) == read


@pytest.mark.parametrize(("url", "theirs"), FOR_SQLALCHEMY.items())
def test_the_same_for_sqlalchemy(url: str, theirs: str) -> None:
    assert parse(url).sqlalchemy.render_as_string(hide_password=False) == theirs


@pytest.mark.parametrize(("url", "reason"), BAD.items())
async def test_what_can_not_be_used_is_refused(url: str, reason: str) -> None:
    with pytest.raises(BadDatabaseUrl, match=reason):
        parse(url)
    with pytest.raises(BadDatabaseUrl):
        await open_database(url, owner="test")


def test_a_password_is_never_told() -> None:
    with pytest.raises(BadDatabaseUrl) as raised:
        parse("postgresql://me:secret-word@h:port/db")
    assert "secret-word" not in str(raised.value)
    assert raised.value.__cause__ is None
