"""Empty databases of each kind, as many as a test asks for."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers import scratch

NewDatabase = Callable[[], str]


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewDatabase]:
    """Call it for the URL of an empty database; all of them go at the end of the test."""
    numbers = itertools.count()
    with ExitStack() as stack:
        if request.param == "sqlite":
            yield lambda: f"sqlite:///{tmp_path}/empty{next(numbers)}.db"
        elif request.param == "postgres":
            server = request.getfixturevalue("postgres_server")
            yield lambda: stack.enter_context(scratch.postgres_database(server))
        else:
            server = request.getfixturevalue("mysql_server")
            yield lambda: stack.enter_context(scratch.mysql_database(server))
