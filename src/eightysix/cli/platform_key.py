"""`eightysix platform-key`: the way back in when the last key of the platform is gone."""

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


def platform_key(
    database: Annotated[str | None, typer.Option(help=told("The database's URL.", "数据库地址。"))] = None,
    config: Annotated[Path | None, typer.Option(help=told("A TOML file of settings.", "TOML 设置文件。"))] = None,
) -> None:
    """Make a platform key in the database itself, for when nobody has one that works. Services may go on running."""
    try:
        settings, _ = load(os.environ, config, {"database_url": database})
        key = asyncio.run(app.platform_key(settings))
    except (BadSetting, BadDatabaseUrl, app.SchemaBehind, StorageFault) as error:
        Console(stderr=True).print(trouble(error), style="red", markup=False)
        raise typer.Exit(2) from None
    typer.echo(told("A platform key, shown this once: ", "平台密钥（仅显示一次）：") + key)
