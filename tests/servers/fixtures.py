"""Pytest fixtures: the servers of a session, and fresh databases on them.

==============================================  ====================================================================
`sqlite_url postgres_url mysql_url`             a fresh, empty database for one test
`module_postgres_url module_mysql_url`          one for all tests of a module
`proxy_url`                                     the proxy with its tables made and empty
`postgres_server mysql_server proxy_server`     the servers themselves (URLs), one a session
`rocketmq_server`                               a RocketMQ (URL); its topics are the tests' own
`own_postgres own_mariadb own_rocketmq`         a server of the test's own, to be killed and restarted
==============================================  ====================================================================

EIGHTYSIX_TEST_POSTGRES_URL, EIGHTYSIX_TEST_MYSQL_URL, EIGHTYSIX_TEST_PROXY_URL and EIGHTYSIX_TEST_ROCKETMQ_URL name
servers that run already.
Without the first an embedded PostgreSQL is started; without the others the tests that need them are skipped, and the
end of the session names them. EIGHTYSIX_TEST_REQUIRE_ALL=1 makes a missing server a failure.
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.servers import scratch
from tests.servers.mariadb import MariaDB
from tests.servers.postgres import Postgres
from tests.servers.rocketmq import RocketMQServer
from tests.servers.server import ServerMissing

NOT_RUN = "not run for lack of a server: "


def lacking(what: str, remedy: str) -> NoReturn:
    """Skip the test, or fail it where every server is required; the reason says what to do."""
    reason = f"{NOT_RUN}{what} ({remedy})"
    if os.environ.get("EIGHTYSIX_TEST_REQUIRE_ALL") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name each suite that could not run, even where skips are not listed."""
    suites: Counter[tuple[str, str]] = Counter()
    for report in terminalreporter.getreports("skipped"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        if NOT_RUN in reason:
            suites[report.nodeid.partition("::")[0], reason.partition(NOT_RUN)[2]] += 1
    if suites:
        terminalreporter.section("not run for lack of a server", sep="-", yellow=True)
        for (suite, server), count in sorted(suites.items()):
            terminalreporter.write_line(f"{suite}: {count} tests need {server}")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A running PostgreSQL: the one that is named, or an embedded one for this session."""
    given = os.environ.get("EIGHTYSIX_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    try:
        server = Postgres()
    except ServerMissing as missing:
        lacking("PostgreSQL", str(missing))
    with server:
        yield server.url


@pytest.fixture(scope="session")
def mysql_server() -> str:
    """A running MariaDB or MySQL."""
    given = os.environ.get("EIGHTYSIX_TEST_MYSQL_URL")
    return given or lacking("MariaDB", "set EIGHTYSIX_TEST_MYSQL_URL, see CONTRIBUTING.md")


@pytest.fixture(scope="session")
def proxy_server(mysql_server: str) -> str:
    """A running ShardingSphere-Proxy before the MariaDB of `mysql_server`, its physical tables made."""
    assert mysql_server
    given = os.environ.get("EIGHTYSIX_TEST_PROXY_URL")
    return given or lacking("ShardingSphere-Proxy", "set EIGHTYSIX_TEST_PROXY_URL, see CONTRIBUTING.md")


@pytest.fixture(scope="session")
def rocketmq_server(request: pytest.FixtureRequest) -> str:
    """A running RocketMQ: the one that is named, or where every server is required the session's own."""
    given = os.environ.get("EIGHTYSIX_TEST_ROCKETMQ_URL")
    if not given and os.environ.get("EIGHTYSIX_TEST_REQUIRE_ALL") == "1":
        server: RocketMQServer = request.getfixturevalue("_session_rocketmq")
        return server.url
    return given or lacking("RocketMQ", "set EIGHTYSIX_TEST_ROCKETMQ_URL, see CONTRIBUTING.md")


@pytest.fixture(scope="session")
def _session_rocketmq() -> Iterator[RocketMQServer]:
    """One for all tests of a session: idle, it still takes a third of a core, and its time to start."""
    try:
        server = RocketMQServer()
    except ServerMissing as missing:
        lacking("RocketMQ", str(missing))
    with server:
        yield server


ONE_OF_A_KIND = {"rocketmq": ("rocketmq_server", "own_rocketmq"), "proxy": ("proxy_url", "proxy_server")}
"""What there is one of in a session, and by which fixtures tests get it. The name of such a test says so."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs a RocketMQ comes last, so that none runs beside all the others."""
    for item in items:
        for kind, fixtures in ONE_OF_A_KIND.items():
            if kind not in item.nodeid and set(fixtures) & set(getattr(item, "fixturenames", ())):
                raise pytest.UsageError(f"{item.nodeid} needs the {kind}, and its name has to say so")
    items.sort(key=lambda item: "rocketmq" in item.nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Where several workers share the tests (`-n 2`)."""
    return _Together(config, log)


class _Together(LoadScopeScheduling):  # type: ignore[misc]  # xdist tells no types
    """A file stays with one worker, and so does all that needs what there is one of. (xdist's own groups need a pytest
    before 9.2.)"""

    def _split_scope(self, nodeid: str) -> str:
        return next((kind for kind in ONE_OF_A_KIND if kind in nodeid), nodeid.partition("::")[0])


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A file that does not exist yet."""
    return f"sqlite:///{tmp_path}/eightysix.db"


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """An empty database for one test."""
    with scratch.postgres_database(postgres_server) as url:
        yield url


@pytest.fixture(scope="module")
def module_postgres_url(postgres_server: str) -> Iterator[str]:
    """An empty database for a module's tests."""
    with scratch.postgres_database(postgres_server) as url:
        yield url


@pytest.fixture
def mysql_url(mysql_server: str) -> Iterator[str]:
    """An empty database for one test."""
    with scratch.mysql_database(mysql_server) as url:
        yield url


@pytest.fixture(scope="module")
def module_mysql_url(mysql_server: str) -> Iterator[str]:
    """An empty database for a module's tests."""
    with scratch.mysql_database(mysql_server) as url:
        yield url


@pytest.fixture
def proxy_url(proxy_server: str, mysql_server: str) -> str:
    """The proxy, all its tables empty. There is one set of tables, so tests that use it don't run side by side."""
    scratch.empty_physical_databases(mysql_server)
    return proxy_server


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A PostgreSQL that the test may kill: `.kill()`, `.restart()`, `.url`."""
    try:
        server = Postgres()
    except ServerMissing as missing:
        lacking("PostgreSQL", str(missing))
    with server:
        yield server


@pytest.fixture
def own_mariadb() -> Iterator[MariaDB]:
    """A MariaDB that the test may kill: `.kill()`, `.restart()`, `.url`."""
    try:
        server = MariaDB()
    except ServerMissing as missing:
        lacking("MariaDB", str(missing))
    with server:
        yield server


@pytest.fixture(scope="session")
def own_rocketmq(request: pytest.FixtureRequest, rocketmq_server: str) -> RocketMQServer:
    """A RocketMQ that a test may kill and must start again: one for all of them, for it takes its time to start."""
    assert rocketmq_server
    server: RocketMQServer = request.getfixturevalue("_session_rocketmq")
    return server
