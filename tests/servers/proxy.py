"""An own ShardingSphere-Proxy before a MariaDB: 2 databases with 4 tables for each sharded one.

Started by `deploy/shardingsphere/proxy.sh`, the script that the project ships; the tables are made here first, directly
in the two physical databases, because the proxy reads their columns only once.
"""

import asyncio
import os
import shutil
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import psutil
import pymysql

from eightysix.storage.migrate import migrate_physical
from tests.servers.mariadb import PASSWORD, USER
from tests.servers.physical import PHYSICAL_DATABASES, TABLE_SUFFIXES
from tests.servers.server import Server, ServerMissing, run

SCRIPT = Path(__file__).parents[2] / "deploy/shardingsphere/proxy.sh"


class Proxy(Server):
    """The proxy before `mariadb_url`, whose account must be the one that tests/servers/mariadb.py makes.

    Two proxies before one MariaDB share their tables.
    """

    kind: ClassVar[str] = "proxy"

    def __init__(self, mariadb_url: str, folder: Path | None = None) -> None:
        for program, package in (("java", "default-jre-headless"), ("mvn", "maven")):
            if shutil.which(program) is None:
                message = f"{program} is not here: install Debian's {package}"
                raise ServerMissing(message)
        super().__init__(folder)
        self._mariadb_url = mariadb_url

    @property
    def url(self) -> str:
        """The logical database."""
        return f"mysql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/eightysix?physical_shards=8"

    @property
    def log_file(self) -> Path:
        """Where the script lets the proxy write."""
        return self.folder / "proxy.log"

    def prepare(self) -> None:
        """Make the physical databases and bring their tables to this program's schema."""
        backend = urlsplit(self._mariadb_url)
        host, port = backend.hostname, backend.port or 3306
        with pymysql.connect(host=host, port=port, user=USER, password=PASSWORD, autocommit=True) as connection:
            for database in PHYSICAL_DATABASES:
                connection.cursor().execute(
                    f"CREATE DATABASE IF NOT EXISTS {database} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
                )
        for database in PHYSICAL_DATABASES:
            asyncio.run(migrate_physical(backend._replace(path=f"/{database}").geturl(), TABLE_SUFFIXES))

    def command(self) -> list[str]:
        """The script, which leaves the proxy in the background."""
        return ["bash", str(SCRIPT), "start", str(urlsplit(self._mariadb_url).port or 3306), str(self.port)]

    def launch(self) -> psutil.Process:
        """Run the script, which returns when the proxy accepts connections."""
        backend = urlsplit(self._mariadb_url)
        settings = {
            "EIGHTYSIX_PROXY_RUN": str(self.folder),
            "EIGHTYSIX_BACKEND_HOST": backend.hostname or "127.0.0.1",
            "EIGHTYSIX_BACKEND_USER": USER,
            "EIGHTYSIX_BACKEND_PASSWORD": PASSWORD,
        }
        run(self.command(), env={**os.environ, **settings}, cwd=self.folder)
        return psutil.Process(int((self.folder / "pid").read_text()))

    def answers(self) -> bool:
        """Whether a statement comes back from the database behind it."""
        try:
            with pymysql.connect(
                host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, database="eightysix", connect_timeout=5
            ) as connection:
                connection.cursor().execute("SELECT 1")
        except pymysql.MySQLError:
            return False
        return True
