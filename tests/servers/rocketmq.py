"""An own RocketMQ: a name server, and a broker with its proxy, started by the script that the project ships.

One shell has both JVMs as children, so a kill is that of all three. The jars are fetched once into
deploy/rocketmq/lib, or wherever EIGHTYSIX_ROCKETMQ_LIB says.
"""

import contextlib
import os
import random
import shutil
import socket
import time
from pathlib import Path
from typing import Any, ClassVar

from eightysix.sync.rocketmq.administration import Administration
from eightysix.sync.rocketmq.remoting import RemotingFailed
from eightysix.sync.topics import Kind, Topic
from tests.servers.server import STOP_SECONDS, Server, ServerFailed, ServerMissing, run

SCRIPT = Path(__file__).parents[2] / "deploy/rocketmq/rocketmq.sh"

_JAVA_OPTS = "-Xms512m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
"""It runs for minutes, beside the tests on two cores: what costs least to compile."""

_PROBE = Topic("eightysix_probe", Kind.FIFO)


class RocketMQServer(Server):
    """RocketMQ on loopback. `port` is the proxy's."""

    kind: ClassVar[str] = "rocketmq"

    def __init__(self, folder: Path | None = None) -> None:
        for program, package in (("java", "default-jre-headless"), ("mvn", "maven")):
            if shutil.which(program) is None:
                message = f"{program} is not here: install Debian's {package}"
                raise ServerMissing(message)
        super().__init__(folder)
        self.port = self.port or _ports_in_a_row()

    @property
    def url(self) -> str:
        """As EIGHTYSIX_BUS_URL takes it."""
        return f"rocketmq://127.0.0.1:{self.port + 1}"

    def prepare(self) -> None:
        """Fetch the jars."""
        run(["bash", str(SCRIPT), "fetch"])

    def command(self) -> list[str]:
        """The script, in the foreground."""
        return ["bash", str(SCRIPT), "run"]

    def popen_arguments(self) -> dict[str, Any]:
        """Where, and on which ports."""
        ports = (self.port, self.port + 1, self.port + 5, self.port + 6, self.port + 2)
        settings = {
            "EIGHTYSIX_ROCKETMQ_JAVA_OPTS": _JAVA_OPTS,
            "EIGHTYSIX_ROCKETMQ_RUN": str(self.folder / "run"),
            "EIGHTYSIX_ROCKETMQ_PORTS": " ".join(map(str, ports)),
        }
        return {"env": {**os.environ, **settings}}

    def answers(self) -> bool:
        """Whether a topic can be made, and the proxy listens."""
        try:
            Administration(f"127.0.0.1:{self.port + 1}").set_up((_PROBE,))
            socket.create_connection(("127.0.0.1", self.port), 2).close()
        except (OSError, RemotingFailed):
            return False
        return True

    def kill(self) -> None:
        """Returns when the ports can be had: the threads of a killed JVM outlive what is seen of it."""
        super().kill()
        deadline = time.monotonic() + STOP_SECONDS
        while True:
            try:
                self._expect_free_port()
            except ServerFailed:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return

    def remove(self) -> None:
        """Without the good order, which takes a broker up to 20 s and serves data that nobody will see again."""
        self.kill()
        super().remove()


def _ports_in_a_row() -> int:
    """The first of seven free ports, below those that the operating system gives to connections: a broker takes the two
    before its own as well, and must have them all again when it is restarted."""
    for _ in range(100):
        first = random.randrange(10_000, 32_000, 10)
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + 7):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
        return first
    message = "no seven free ports in a row"
    raise ServerFailed(message)
