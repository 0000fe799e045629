"""`eightysix migrate`: brings a database to this program's schema."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from eightysix.settings import BadSetting, load
from eightysix.storage import migrate as migrations
from eightysix.storage.port import StorageFault
from eightysix.storage.url import BadDatabaseUrl, parse

from .language import told
from .trouble import trouble


def migrate(
    database: Annotated[str | None, typer.Option(help=told("The database's URL.", "数据库地址。"))] = None,
    config: Annotated[Path | None, typer.Option(help=told("A TOML file of settings.", "TOML 设置文件。"))] = None,
) -> None:
    """Bring a database to this program's schema."""
    try:
        values, _ = load(os.environ, config, {"database_url": database})
        target = parse(values.database_url)
        if target.scheme == "sqlite":
            target.path.parent.mkdir(parents=True, exist_ok=True)
        done = asyncio.run(migrations.migrate(values.database_url))
    except (BadSetting, BadDatabaseUrl, StorageFault) as error:
        Console(stderr=True).print(trouble(error), style="red", markup=False)
        raise typer.Exit(2) from None
    if done:
        typer.echo(told(f"Migrations run: {', '.join(done)}.", f"已执行迁移：{'、'.join(done)}。"))
    else:
        typer.echo(told("The schema is up to date.", "数据库结构已是最新。"))
