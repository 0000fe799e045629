"""Hand-written SQL run by pgbench: the opponent. Prepared protocol, two threads, the scripts of `sql/`."""

import asyncio
import re
import resource
from importlib import resources
from pathlib import Path

import asyncpg

from eightysix.cli.benching.postgres import Server
from eightysix.cli.benching.process import cpu_seconds
from eightysix.cli.benching.sample import CpuShare, Latency, Sample
from eightysix.cli.benching.seeding import checkpoint, fill_stocks, make_database, make_tables, script_key
from eightysix.cli.benching.workload import Load

DATABASES = {"": "eightysix_bench_sql", "function_": "eightysix_bench_sql", "small_": "eightysix_bench_small"}
"""The database of each way of writing. The small one has no sequence, so its versions fit no other's guards."""

_DONE = re.compile(r"number of transactions actually processed: (\d+)")
_FAILED = re.compile(r"number of failed transactions: (\d+)")
_RATE = re.compile(r"tps = ([\d.]+) \(without initial connection time\)")
_LATENCY = re.compile(r"latency average = ([\d.]+) ms")


def read_sql(name: str) -> str:
    """A file of `sql/`."""
    return (resources.files("eightysix.cli.benching") / "sql" / name).read_text(encoding="utf-8")


async def prepare(server: Server, database: str, stores: int, items: int) -> str:
    """A database for the scripts, filled. Its address."""
    url = await make_database(server, database)
    await make_tables(url)
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(read_sql("functions.sql"))
    finally:
        await connection.close()
    await fill_stocks(url, stores, items, script_key)
    return url


class HandWritten:
    """One way to write the transaction by hand: `prefix` names its scripts ("" the full one, `function_`, `small_`)."""

    def __init__(self, server: Server, url: str, pgbench: Path, folder: Path, prefix: str) -> None:
        self._server = server
        self._url = url
        self._pgbench = pgbench
        self._folder = folder
        self._prefix = prefix

    async def measure(self, load: Load) -> Sample:
        """Runs pgbench once. The connections are made before the clock starts; there is no other warming up."""
        await checkpoint(self._url)
        script = self._script(load)
        database_before = cpu_seconds(self._server.postmaster)
        own_before = _ended_children_seconds()
        process = await asyncio.create_subprocess_exec(
            self._pgbench, "--no-vacuum", "--protocol=prepared", f"--client={load.clients}", "--jobs=2",
            f"--time={max(1, round(load.seconds))}", f"--random-seed={load.run_no}", f"--file={script}",
            *_variables(load), self._url, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, errors = await process.communicate()
        database_after = cpu_seconds(self._server.postmaster)
        client = _ended_children_seconds() - own_before
        database = None if database_before is None or database_after is None else database_after - database_before
        return _sample(output.decode(), errors.decode(), CpuShare(client=client, database=database))

    def _script(self, load: Load) -> Path:
        parts = [read_sql("choose.pgbench"), read_sql(f"{self._prefix}lock.pgbench")]
        if load.verb == "life":
            parts.append(read_sql(f"{self._prefix}deduct.pgbench"))
        path = self._folder / f"{self._prefix}{load.verb}.pgbench"
        path.write_text("".join(parts), encoding="utf-8")
        return path

    async def close(self) -> None:
        """Nothing is kept running."""


def _variables(load: Load) -> list[str]:
    values = {"stores": load.stores_asked, "items": load.items_asked, "base": load.run_no * 10**10, "n": 0}
    return [f"--define={name}={value}" for name, value in values.items()]


def _sample(output: str, errors: str, cpu: CpuShare) -> Sample:
    done, rate = _DONE.search(output), _RATE.search(output)
    if done is None or rate is None or float(rate[1]) == 0:
        return Sample(0, 0, failed=1, failure=(errors.strip() or output.strip())[-500:], cpu=cpu)
    failed, latency = _FAILED.search(output), _LATENCY.search(output)
    complaint = next((line for line in errors.splitlines() if "error" in line.lower()), None)
    return Sample(
        done=int(done[1]),
        seconds=int(done[1]) / float(rate[1]),
        failed=(int(failed[1]) if failed else 0) + (complaint is not None),
        failure=complaint,
        latency=Latency(float(latency[1])) if latency else None,
        cpu=cpu,
    )


def _ended_children_seconds() -> float:
    """CPU seconds of all children of ours that have ended; between two readings only pgbench does."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
