"""The run at its full size: `python -m tests.outage HISTORY.csv.gz … [--hubs 5] [--cut 150]`, with order histories as
`eightysix replay` reads them; without any, orders are made up.

Prints what was sold, how fast it healed, and what doesn't add up; exit code 1 for that, or for healing in over 5 s.
"""

import argparse
import asyncio
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from eightysix.storage.migrate import migrate
from tests.outage.guest import from_histories, made_up
from tests.outage.run import Plan, Report, Run
from tests.outage.stage import Stage
from tests.servers.postgres import Postgres

HEALED_SECONDS = 5.0


def main() -> int:
    """Run once."""
    parser = argparse.ArgumentParser(prog="python -m tests.outage", description=__doc__.partition("\n")[0])
    parser.add_argument("histories", type=Path, nargs="*", help="order histories, CSV or .gz")
    parser.add_argument("--hubs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--orders", type=int, default=8_000, help="of each store, where they are made up")
    for name in ("together", "cut", "killed", "silent"):
        parser.add_argument(f"--{name}", type=float, default=getattr(Plan(), name), help="seconds, at least")
    parser.add_argument("--keep", type=Path, help="a folder for the hubs' files and all logs")
    options = parser.parse_args()
    shops = (
        from_histories(options.histories, options.hubs, options.seed)
        if options.histories
        else made_up(options.orders, options.hubs, options.seed)
    )
    plan = Plan(options.together, options.cut, options.killed, options.silent)
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/tmp")))
        folder.mkdir(parents=True, exist_ok=True)
        postgres = stack.enter_context(Postgres(programs="debian"))
        asyncio.run(migrate(postgres.url))
        report = asyncio.run(Run(Stage(folder, postgres.url, shops), plan).go())
    _tell(report)
    is_slow = any(healed.seconds > HEALED_SECONDS for healed in report.healed)
    return 1 if report.complaints or is_slow else 0


def _tell(report: Report) -> None:
    out = sys.stdout.write
    out(f"{report.orders} orders in {report.seconds:.0f} s; {report.unanswered} calls without an answer, asked again\n")
    out(
        f"{report.put_in} portions: {report.sold} sold, {report.promised} promised, "
        f"{report.put_in - report.sold - report.promised} there; {report.refused} times a dish was out\n"
    )
    for one in report.healed:
        out(f"healed in {one.seconds:.2f} s after {one.after}: {one.stores} hubs, {one.events} events; ")
        out(f"processor: cloud {one.cloud_cpu:.1f} s, hubs {one.hubs_cpu:.1f} s\n")
    for complaint in report.complaints[:40]:
        out(f"  {complaint}\n")
    out(f"{report.checks} databases checked\n")
    out("everything adds up\n" if not report.complaints else f"FAILED: {len(report.complaints)} complaints\n")


if __name__ == "__main__":
    sys.exit(main())
