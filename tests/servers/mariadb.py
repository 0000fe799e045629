"""An own MariaDB, standing for MySQL 8 as well; Debian's programs, our own settings and data."""

import signal
from pathlib import Path
from typing import Any, ClassVar

import pymysql

from tests.servers.account import Account, find_program
from tests.servers.server import Server, ServerMissing, run

USER = PASSWORD = "eightysix"

SETTINGS = """\
[mariadbd]
datadir={folder}/data
socket={folder}/data/mariadb.sock
pid-file={folder}/data/mariadb.pid
port={port}
bind-address=127.0.0.1
skip-name-resolve
character-set-server=utf8mb4
collation-server=utf8mb4_bin
transaction-isolation=READ-COMMITTED
innodb_lock_wait_timeout=5
innodb_flush_log_at_trx_commit=1
innodb_buffer_pool_size=256M
max_allowed_packet=64M
max_connections=200
general_log_file={folder}/data/general.log
"""


class MariaDB(Server):
    """MariaDB on loopback. `USER` may do everything, also switch the general log on and read it as a table."""

    kind: ClassVar[str] = "mariadb"
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, folder: Path | None = None) -> None:
        self._server = _find("mariadbd")
        self._install = _find("mariadb-install-db")
        super().__init__(folder)
        self._account = Account("mysql")

    @property
    def url(self) -> str:
        """A database that exists and is empty; tests make their own databases beside it."""
        return f"mysql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/eightysix"

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    def prepare(self) -> None:
        """Write the settings, and make the system tables once."""
        (self.folder / "my.cnf").write_text(SETTINGS.format(folder=self.folder, port=self.port))
        if (self.data / "mysql").exists():
            return
        self.data.mkdir(mode=0o700, exist_ok=True)
        self._account.own(self.data)
        # It writes temporary files of its own, so it runs under the account that will own them.
        options = ["--auth-root-authentication-method=normal", "--skip-test-db", f"--datadir={self.data}"]
        run([str(self._install), "--no-defaults", *options], cwd=self.folder, **self._account.popen_arguments())

    def command(self) -> list[str]:
        """The server in the foreground."""
        return [str(self._server), f"--defaults-file={self.folder}/my.cnf"]

    def popen_arguments(self) -> dict[str, Any]:
        """The account."""
        return self._account.popen_arguments()

    def answers(self) -> bool:
        """Whether it greets a client; before the first start is over only root is known."""
        try:
            pymysql.connect(host="127.0.0.1", port=self.port, user="root", connect_timeout=2).close()
        except pymysql.OperationalError:
            return False
        return True

    def after_first_start(self) -> None:
        """Make the account and the database of `url`."""
        connection = pymysql.connect(host="127.0.0.1", port=self.port, user="root", autocommit=True)
        with connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE USER '{USER}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
            cursor.execute(f"GRANT ALL PRIVILEGES ON *.* TO '{USER}'@'127.0.0.1' WITH GRANT OPTION")
            cursor.execute("CREATE DATABASE eightysix")


def _find(program: str) -> Path:
    found = find_program(program)
    if found is None:
        message = f"{program} is not here: install Debian's mariadb-server"
        raise ServerMissing(message)
    return found
