"""The proof at its full size: `python -m tests.lossless --changes 100000 --stores 1000 --seed 1 [--bus rocketmq]`.

Prints what was done and found; exit code 1 where anything was lost or out of order.
"""

import argparse
import asyncio
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from eightysix.storage.migrate import migrate
from tests.lossless.run import Plan, Report, run
from tests.lossless.stage import Stage
from tests.servers.postgres import Postgres
from tests.servers.rocketmq import RocketMQServer


def main() -> int:
    """Run once."""
    parser = argparse.ArgumentParser(prog="python -m tests.lossless", description=__doc__.partition("\n")[0])
    for name, default in (("--changes", 100_000), ("--faults", 25), ("--stores", 1_000), ("--seed", 1)):
        parser.add_argument(name, type=int, default=default)
    parser.add_argument("--bus", choices=("local", "rocketmq"), default="local")
    parser.add_argument("--careless", action="store_true", help="messages written after the commit: must be found")
    parser.add_argument("--keep", type=Path, help="a folder for what was written down")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/tmp")))
        folder.mkdir(parents=True, exist_ok=True)
        postgres = stack.enter_context(Postgres(programs="debian"))
        broker = stack.enter_context(RocketMQServer()) if options.bus == "rocketmq" else None
        report = asyncio.run(_proof(folder, postgres, broker, options))
    _tell(report)
    return 1 if report.complaints else 0


async def _proof(
    folder: Path, postgres: Postgres, broker: RocketMQServer | None, options: argparse.Namespace
) -> Report:
    await migrate(postgres.url)
    stage = Stage(folder, postgres, postgres.url, broker, careless=options.careless)
    return await run(stage, Plan(options.changes, options.faults, options.stores, options.seed))


def _tell(report: Report) -> None:
    faults = ", ".join(f"{count} x {name}" for name, count in sorted(report.faults.items()))
    sys.stdout.write(
        f"{report.changes} changes in {report.load_seconds:.0f} s amid faults ({faults}); settled within "
        f"{report.settled_seconds:.0f} s\n"
        f"{report.stream_messages} messages on streams, {report.bus_messages} on the bus\n"
    )
    for complaint in report.complaints:
        sys.stdout.write(f"  {complaint}\n")
    sys.stdout.write("nothing lost, nothing back, nothing out of order\n" if not report.complaints else "FAILED\n")


if __name__ == "__main__":
    sys.exit(main())
