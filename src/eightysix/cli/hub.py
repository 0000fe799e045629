"""`eightysix hub`: a store's hub, in one process on a file of its own; and what saves its journal by hand."""

import os
import socket
from inspect import getdoc
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
import uvloop
from rich.console import Console

from eightysix.api.server import reserved, stop_on_signals
from eightysix.api.server import serve as serve_http
from eightysix.app.hub import hub_settings, prepare_hub, running_hub
from eightysix.hub.pairing import NotPaired, Pairing, check, moved, pair, read
from eightysix.settings import BadSetting, Settings, load
from eightysix.storage.port import StorageFault
from eightysix.storage.sqlite.lockfile import LockFile
from eightysix.wire.language import Language

from .hub_export import CHINESE as EXPORT_CHINESE
from .hub_export import FOLDER, hub_export
from .language import speaks_chinese, told
from .serve import log_quietly
from .settling import settle
from .trouble import trouble

_EVERYWHERE = "0.0.0.0"  # noqa: S104 - the tills and screens of the store are other machines

commands = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)
commands.command("export", help=told(getdoc(hub_export) or "", EXPORT_CHINESE))(hub_export)


class Asked(NamedTuple):
    """Which hub is wanted."""

    store: str
    cloud: str
    folder: Path
    code: str | None
    name: str


@commands.callback(invoke_without_command=True)
def hub(  # noqa: PLR0917 - typer makes an option of each
    context: typer.Context,
    store: Annotated[str, typer.Option(help=told("BRAND/POI: which store.", "品牌/门店。"))] = "",
    cloud: Annotated[str, typer.Option(help=told("The cloud's address.", "云端地址。"))] = "",
    data: Annotated[Path, typer.Option(help=told("The hub's folder.", "中枢的数据目录。"))] = FOLDER,
    code: Annotated[str | None, typer.Option(help=told("The pairing code, once.", "配对码（仅首次）。"))] = None,
    name: Annotated[str | None, typer.Option(help=told("What the hub is called.", "中枢名称。"))] = None,
    host: Annotated[str, typer.Option(help=told("Where to listen.", "监听地址。"))] = _EVERYWHERE,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help=told("0: any free one.", "0 表示任选。"))] = None,
    config: Annotated[Path | None, typer.Option(help=told("A TOML file of settings.", "TOML 设置文件。"))] = None,
) -> None:
    """Run a store's hub until SIGTERM or Ctrl-C. Its first start needs a pairing code; `export` saves its journal."""
    if context.invoked_subcommand is not None:
        return
    lock = LockFile(data / "hub")
    try:
        if not store or not cloud:
            raise BadSetting(
                told("--store BRAND/POI and --cloud URL are needed", "需要 --store 品牌/门店 和 --cloud 地址")
            )
        settings, _ = load(os.environ, config, {"host": host, "port": port})
        log_quietly(settings)
        data.mkdir(parents=True, exist_ok=True)
        lock.take()
        asked = Asked(store, cloud.rstrip("/"), data, code, name or socket.gethostname())
        with reserved(settings.host, settings.port) as bound:
            uvloop.run(_run(hub_settings(settings, data), bound, asked))
    except (NotPaired, StorageFault, OSError, ValueError) as error:
        Console(stderr=True).print(trouble(error), style="red", markup=False)
        raise typer.Exit(2) from None
    finally:
        lock.release()


async def _run(settings: Settings, port: int, asked: Asked) -> None:
    pairing = await _paired(asked)
    await prepare_hub(settings, asked.folder)
    stop = stop_on_signals()

    def ready() -> None:
        address = f"[{settings.host}]" if ":" in settings.host else settings.host
        typer.echo(told("Ready: ", "已就绪：") + f"http://{address}:{port}")

    async with running_hub(settings, pairing, asked.folder) as service:
        settle()
        await serve_http(service.asgi, settings.host, port, ready, stop)


async def _paired(asked: Asked) -> Pairing:
    """Which hub the folder is; by the code where it is none yet."""
    language = Language.CHINESE if speaks_chinese() else Language.ENGLISH
    pairing = read(asked.folder)
    if pairing is None:
        if asked.code is None:
            raise NotPaired(
                told(
                    "this folder is no hub yet: ask the cloud for a pairing code and start with --code",
                    "该目录尚未配对：请在云端获取配对码，并用 --code 启动",
                )
            )
        pairing = await pair(asked.folder, asked.cloud, asked.store, asked.code, name=asked.name, language=language)
        typer.echo(told("Paired: ", "已配对：") + f"{pairing.store}, {pairing.hub_id}")
        return pairing
    check(pairing, asked.store)
    if pairing.cloud != asked.cloud:
        pairing = await moved(asked.folder, pairing, asked.cloud, language)
    return pairing
