"""`python -m tests.servers postgres|mariadb|proxy|rocketmq start|stop|kill --dir D`: the tests' servers from a shell.

`start` prints the server's URL, as EIGHTYSIX_TEST_..._URL takes it, and leaves the server running; `stop` and `kill`
end exactly the one that was started in that folder.
"""

import argparse
import sys
from pathlib import Path

from tests.servers.mariadb import MariaDB
from tests.servers.postgres import Postgres
from tests.servers.server import Server, ServerFailed, ServerMissing


def main() -> int:
    """Do what the command line says; 1 when the server did not start or end."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers", description=__doc__.partition("\n")[0])
    parser.add_argument("kind", choices=("postgres", "mariadb", "proxy", "rocketmq"))
    parser.add_argument("act", choices=("start", "stop", "kill"))
    parser.add_argument("--dir", type=Path, required=True, metavar="D", help="the server's folder; under /tmp for root")
    parser.add_argument(
        "--programs", choices=("embedded", "debian"), default="debian", help="whose PostgreSQL to prefer"
    )
    parser.add_argument("--mariadb", metavar="URL", default="", help="what the proxy stands before")
    options = parser.parse_args()
    if options.kind == "proxy" and options.act == "start" and not options.mariadb:
        parser.error("the proxy needs --mariadb URL")
    try:
        server = _server(options)
        getattr(server, options.act)()
    except (ServerFailed, ServerMissing) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if options.act == "start":
        sys.stdout.write(f"{server.url}\n")
    return 0


def _server(options: argparse.Namespace) -> Server:
    folder = options.dir.absolute()
    if options.kind == "postgres":
        return Postgres(folder, programs=options.programs)
    if options.kind == "mariadb":
        return MariaDB(folder)
    if options.kind == "rocketmq":
        from tests.servers.rocketmq import RocketMQServer  # noqa: PLC0415 - it needs the product's word to brokers

        return RocketMQServer(folder)
    from tests.servers.proxy import Proxy  # noqa: PLC0415 - it needs the product's migrations, the others don't

    return Proxy(options.mariadb, folder)


sys.exit(main())
