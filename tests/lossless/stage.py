"""Everything in a run: a database, perhaps a broker, two services behind networks that can be cut, subscribers."""

import asyncio
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path

from eightysix.sync.bus_url import set_up_bus
from tests.crash.serving import Serving
from tests.fault.cutter import Cutter
from tests.lossless.load import BRAND
from tests.lossless.serving import CARELESS, OVERHEARD, PROGRAM
from tests.servers.postgres import Postgres
from tests.servers.rocketmq import RocketMQServer

_PARTITION_SECONDS = (0.5, 3.0)


class Stage:
    """Two services on one PostgreSQL, each behind a proxy of its own that subscribers connect through."""

    def __init__(
        self,
        folder: Path,
        postgres: Postgres,
        database: str,
        broker: RocketMQServer | None = None,
        *,
        careless: bool = False,
    ) -> None:
        self.folder = folder
        self.postgres = postgres
        self.database = database
        self.broker = broker
        self.done: Counter[str] = Counter()
        self._overheard = [folder / f"bus-{number}.jsonl" for number in range(2)]
        self._services = [
            Serving(database, folder / f"serve-{number}.log", PROGRAM, self._environment(number, careless=careless))
            for number in range(2)
        ]
        self._networks = [Cutter("127.0.0.1", 0) for _ in self._services]
        self._children: list[asyncio.subprocess.Process] = []
        self.addresses = ["", ""]
        """Of the services themselves; changed in place when one is started anew."""

    @property
    def faults(self) -> int:
        """How many there have been."""
        return self.done.total()

    async def start(self) -> str:
        """Start all that subscribers connect to; answers the key."""
        if self.broker is not None:
            await asyncio.to_thread(set_up_bus, self.broker.url)
        for network in self._networks:
            await network.__aenter__()
        for number in range(2):
            await self._serve(number)
        return self._services[0].key

    async def follow(self, key: str, stores: int, since: str) -> list[Path]:
        """Start the subscribers: each service's streams for half of the stores. Answers the files that they write."""
        half = stores // 2
        parts = [(0, half), (half, stores)]
        files = []
        for number, (network, (first, last)) in enumerate(zip(self._networks, parts, strict=True)):
            file = self.folder / f"streams-{number}.jsonl"
            options = ["--brand", BRAND, "--key", key, "--since", since, "--file", str(file)]
            options += ["--port", str(network.port), "--first", str(first), "--last", str(last)]
            await self._spawn("tests.lossless.listener", options)
            files.append(file)
        return files

    async def overhear(self) -> list[Path]:
        """Start a subscriber of the bus itself."""
        if self.broker is None:
            return self._overheard
        file = self.folder / "bus.jsonl"
        await self._spawn("tests.lossless.bus_listener", ["--url", self.broker.url, "--file", str(file)])
        deadline = time.monotonic() + 60
        while not file.exists():  # made once it is subscribed
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
        return [file]

    async def disturb(self, chance: random.Random, *, kills_only: bool = False) -> None:
        """One fault, healed before it returns; `kills_only`: a service is killed."""
        faults = [self._kill_a_service, self._cut_everything, self._partition, self._restart_the_database]
        if self.broker is not None:
            faults.append(self._restart_the_broker)
        weights = [4, 3, 2, 1, 2][: len(faults)]
        (fault,) = faults[:1] if kills_only else chance.choices(faults, weights)
        self.done[fault.__name__.strip("_").replace("_", " ")] += 1
        await fault(chance)

    async def end(self) -> None:
        """Leave nothing behind."""
        for child in self._children:
            if child.returncode is None:
                child.kill()
                await child.wait()
        for service in self._services:
            await service.end()
        for network in self._networks:
            await network.__aexit__(None, None, None)

    def _environment(self, number: int, *, careless: bool) -> dict[str, str]:
        environment = {CARELESS: "1"} if careless else {}
        if self.broker is None:
            return {**environment, OVERHEARD: str(self._overheard[number])}
        return {**environment, "EIGHTYSIX_BUS_URL": self.broker.url}

    async def _serve(self, number: int) -> None:
        service = self._services[number]
        await service.start()
        self.addresses[number] = service.url
        self._networks[number].aim(int(service.url.rpartition(":")[2]))

    async def _kill_a_service(self, chance: random.Random) -> None:
        number = chance.randrange(2)
        await self._services[number].kill()
        self._networks[number].cut_all()
        await self._serve(number)

    async def _cut_everything(self, _chance: random.Random) -> None:
        for network in self._networks:
            network.cut_all()

    async def _partition(self, chance: random.Random) -> None:
        network = chance.choice(self._networks)
        network.refuses = True
        network.cut_all()
        await asyncio.sleep(chance.uniform(*_PARTITION_SECONDS))
        network.refuses = False

    async def _restart_the_database(self, _chance: random.Random) -> None:
        await asyncio.to_thread(self.postgres.kill)
        await asyncio.to_thread(self.postgres.start)

    async def _restart_the_broker(self, _chance: random.Random) -> None:
        assert self.broker is not None
        await asyncio.to_thread(self.broker.kill)
        await asyncio.to_thread(self.broker.start)

    async def _spawn(self, module: str, options: list[str]) -> None:
        with (self.folder / f"{module}-{len(self._children)}.log").open("ab") as log:
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", module, *options,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, env=dict(os.environ), start_new_session=True,
            )  # fmt: skip
        self._children.append(child)
