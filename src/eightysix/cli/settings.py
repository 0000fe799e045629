"""`eightysix settings`: every setting, its value and where it came from."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from eightysix.settings import BadSetting, load

from .language import told


def settings(
    config: Annotated[Path | None, typer.Option(help=told("A TOML file of settings.", "TOML 设置文件。"))] = None,
) -> None:
    """Print every setting, its value and where it came from; secrets are hidden."""
    try:
        _, found = load(os.environ, config)
    except BadSetting as error:
        Console(stderr=True).print(str(error), style="red", markup=False)
        raise typer.Exit(2) from None
    table = Table(told("setting", "设置"), told("value", "值"), told("from", "来源"), box=None)
    for one in found:
        table.add_row(one.name, "" if one.value is None else str(one.value), one.origin)
    Console().print(table)
