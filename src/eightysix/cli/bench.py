"""`eightysix bench`: EightySix beside hand-written SQL, and the other promises about speed and size."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from eightysix.cli.benching.child import ChildFailedError
from eightysix.cli.benching.plan import Contestant, Part, Plan
from eightysix.cli.benching.postgres import NoServerError
from eightysix.cli.benching.progress import Progress
from eightysix.cli.benching.report import markdown
from eightysix.cli.benching.run import run
from eightysix.cli.benching.service import ServiceFailedError


def bench(
    *,
    database: Annotated[
        str | None,
        typer.Option(
            help="A PostgreSQL whose role may create databases; without it one is started for the time being."
        ),
    ] = None,
    only: Annotated[
        list[Part] | None, typer.Option(help=f"A part to run, several times for several: {', '.join(Part)}.")
    ] = None,
    contestant: Annotated[
        list[Contestant] | None, typer.Option(help=f"Who takes part in `orders`: {', '.join(Contestant)}.")
    ] = None,
    clients: Annotated[
        list[int] | None, typer.Option(help="A number of clients, several times for several.", min=1)
    ] = None,
    rounds: Annotated[int | None, typer.Option(help="Rounds; medians are taken over them.", min=1)] = None,
    seconds: Annotated[float | None, typer.Option(help="Measured seconds of each cell and round.", min=1)] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="See that everything runs; the figures are worth little.")
    ] = False,
    folder: Annotated[Path | None, typer.Option(help="Where temporary files go; not on a RAM disk.")] = None,
    json: Annotated[Path | None, typer.Option(help="Also write everything that was measured here.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write the report here instead of printing it.")] = None,
) -> None:
    """Compare EightySix with hand-written SQL on one PostgreSQL, in one run, side by side."""
    plan = Plan().quick() if quick else Plan()
    changes = {
        "parts": tuple(only) if only else plan.parts,
        "contestants": tuple(contestant) if contestant else plan.contestants,
        "clients": tuple(clients) if clients else plan.clients,
        "rounds": rounds or plan.rounds,
        "seconds": seconds or plan.seconds,
    }
    plan = msgspec.structs.replace(plan, **changes)
    try:
        result = asyncio.run(run(plan, database, folder, Progress()))
    except (NoServerError, ChildFailedError, ServiceFailedError) as error:
        print(f"bench: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    if json is not None:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(result)))
    page = markdown(result)
    if output is None:
        print(page)
    else:
        output.write_text(page + "\n", encoding="utf-8")
