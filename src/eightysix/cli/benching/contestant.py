"""The contestants behind one interface: give a load, get a sample."""

from typing import Protocol

from eightysix.cli.benching.child import ask
from eightysix.cli.benching.http_client import Assignment, Finding
from eightysix.cli.benching.in_process import Run, Task
from eightysix.cli.benching.postgres import Server
from eightysix.cli.benching.sample import Sample
from eightysix.cli.benching.seeding import checkpoint, fill_catalogue, fill_stocks, make_database, service_key
from eightysix.cli.benching.service import Service
from eightysix.cli.benching.workload import Load
from eightysix.storage.migrate import migrate

HTTP_DATABASE = "eightysix_bench_http"
PROCESS_DATABASE = "eightysix_bench_process"


class Contestant(Protocol):
    """Something that carries out orders."""

    async def measure(self, load: Load) -> Sample:
        """Carries out the load once."""
        ...


async def prepare(server: Server, name: str, stores: int, items: int) -> str:
    """A database of the program's own, migrated and filled. Its address."""
    url = await make_database(server, name)
    await migrate(url)
    await fill_catalogue(url, stores, items)
    await fill_stocks(url, stores, items, service_key)
    return url


class OverHttp:
    """The service as it runs in production, asked by another process over TCP."""

    def __init__(self, server: Server, url: str, service: Service) -> None:
        self._server = server
        self._url = url
        self._service = service

    async def measure(self, load: Load) -> Sample:
        """The closed loop: every client sends its next request when the last one is answered."""
        return (await self.find(load, None)).sample

    async def find(self, load: Load, rate: int | None) -> Finding:
        """The same, or at `rate` requests a second, with what the steady load tells."""
        await checkpoint(self._url)
        service = self._service
        assignment = Assignment(
            load, service.host, service.port, service.key, rate, service.process_id, self._server.postmaster
        )
        return await ask("eightysix.cli.benching.http_client", assignment, Finding)


class InProcess:
    """The engine without HTTP."""

    def __init__(self, server: Server, url: str) -> None:
        self._server = server
        self._url = url

    async def measure(self, load: Load) -> Sample:
        """Starts the engine in a process of its own, and stops it afterwards."""
        await checkpoint(self._url)
        task = Task(load, self._url, self._server.postmaster)
        return (await ask("eightysix.cli.benching.in_process", task, Run)).sample
