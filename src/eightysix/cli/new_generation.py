"""`eightysix new-generation`: after a database was restored from a backup."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from eightysix import app
from eightysix.settings import BadSetting, load
from eightysix.storage.port import StorageFault
from eightysix.storage.url import BadDatabaseUrl

from .language import told
from .trouble import trouble


def new_generation(
    database: Annotated[str | None, typer.Option(help=told("The database's URL.", "数据库地址。"))] = None,
    config: Annotated[Path | None, typer.Option(help=told("A TOML file of settings.", "TOML 设置文件。"))] = None,
) -> None:
    """Begin a new generation of a database that was restored from a backup: whoever follows a store pulls everything.

    Cursors of before then mean nothing any more, for what they count may have been undone. Services may go on running.
    """
    try:
        settings, _ = load(os.environ, config, {"database_url": database})
        generation = asyncio.run(app.new_generation(settings))
    except (BadSetting, BadDatabaseUrl, app.SchemaBehind, StorageFault) as error:
        Console(stderr=True).print(trouble(error), style="red", markup=False)
        raise typer.Exit(2) from None
    typer.echo(told("The generation that begins: ", "新的一代：") + str(generation))
