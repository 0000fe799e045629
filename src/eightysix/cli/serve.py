"""`eightysix serve`: the service, in one process or several that share the port."""

import logging
import os
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from eightysix.api.server import PortTaken, reserved, stop_on_signals
from eightysix.api.server import serve as serve_http
from eightysix.app import SchemaBehind, prepare, running, supports_workers
from eightysix.settings import BadSetting, Settings, load
from eightysix.storage.port import StorageFault
from eightysix.storage.url import BadDatabaseUrl

from .language import told
from .settling import settle
from .trouble import trouble
from .workers import stop_when_alone, supervise

_CHATTY = ("alembic", "sqlalchemy", "aiosqlite")
"""Libraries that would log each statement, the last two with its rows, and so the hashes of keys."""


def serve(  # noqa: PLR0917 - typer makes an option of each
    database: Annotated[str | None, typer.Option(help=told("The database's URL.", "数据库地址。"))] = None,
    host: Annotated[str | None, typer.Option(help=told("Where to listen.", "监听地址。"))] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help=told("0: any free one.", "0 表示任选。"))] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help=told("Processes.", "进程数。"))] = None,
    migrate: Annotated[
        bool, typer.Option("--migrate", help=told("Update the schema first.", "先更新库结构。"))
    ] = False,
    config: Annotated[Path | None, typer.Option(help=told("A TOML file of settings.", "TOML 设置文件。"))] = None,
    as_worker: Annotated[bool, typer.Option("--as-worker", hidden=True)] = False,
) -> None:
    """Serve the API until SIGTERM or Ctrl-C; everything accepted is answered first."""
    options = {"database_url": database, "host": host, "port": port, "workers": workers}
    try:
        settings, _ = load(os.environ, config, options)
        log_quietly(settings)
        with reserved(settings.host, settings.port, shared=as_worker) as bound:
            uvloop.run(_serve(settings, bound, may_migrate=migrate, as_worker=as_worker))
    except (BadSetting, BadDatabaseUrl, PortTaken, SchemaBehind, StorageFault, ValueError) as error:
        Console(stderr=True).print(trouble(error), style="red", markup=False)
        raise typer.Exit(2) from None


def log_quietly(settings: Settings) -> None:
    """Log as the settings say, and let no library tell each statement."""
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)


async def _serve(settings: Settings, port: int, *, may_migrate: bool, as_worker: bool) -> None:
    def ready() -> None:
        if not as_worker:
            address = f"[{settings.host}]" if ":" in settings.host else settings.host
            typer.echo(told("Ready: ", "已就绪：") + f"http://{address}:{port}")

    if not as_worker:
        await prepare(settings, may_migrate=may_migrate)
    if settings.workers > 1 and not as_worker:
        if not supports_workers(settings):
            raise BadSetting(told("this database takes one process only", "该数据库只支持单进程"))
        raise typer.Exit(await supervise(settings, port, ready, stop_on_signals()))
    stop = stop_on_signals()
    if as_worker:
        stop_when_alone(stop)
    async with running(settings) as service:
        if service.first_key is not None:
            # before the address: whoever waits for that one finds the key already printed
            typer.echo(told("The first key, shown this once: ", "首个密钥（仅显示一次）：") + service.first_key)
        settle()
        await serve_http(service.asgi, settings.host, port, ready, stop)
