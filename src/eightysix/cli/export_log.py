"""`eightysix export-log`: writes a store's change log to a CSV file, part by part, whatever its size."""

import sys
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console

from eightysix.client import ClientError

from .calling.caller import caller, given_up
from .language import told

PATH = "/api/v1/poi/stock/log/export"
STANDARD_OUTPUT = "-"


def export_log(  # noqa: PLR0917 - typer makes an option of each
    brand: Annotated[str, typer.Option(help=told("The brand (brandId).", "品牌（brandId）。"))],
    store: Annotated[str, typer.Option(help=told("The store (poiId).", "门店（poiId）。"))],
    output: Annotated[
        str, typer.Option(help=told("The file to write; - for the standard output.", "输出文件；- 表示标准输出。"))
    ] = STANDARD_OUTPUT,
    since: Annotated[
        str | None, typer.Option("--from", help=told("Recorded at this instant or later.", "记录时间不早于。"))
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", help=told("Recorded before this instant.", "记录时间早于。"))
    ] = None,
    item: Annotated[str | None, typer.Option(help=told("One item (object_id).", "商品（object_id）。"))] = None,
    item_type: Annotated[
        str | None, typer.Option(help=told("1: the item is an SPU; 2: a SKU.", "1 为 SPU，2 为 SKU。"))
    ] = None,
    order: Annotated[str | None, typer.Option(help=told("One order.", "订单。"))] = None,
    actor: Annotated[str | None, typer.Option(help=told("Who.", "操作者。"))] = None,
    source: Annotated[str | None, typer.Option(help=told("From where.", "来源。"))] = None,
    kind: Annotated[
        list[str] | None, typer.Option(help=told("What happened; may come several times.", "类型，可重复。"))
    ] = None,
    channel: Annotated[str | None, typer.Option(help=told("One channel.", "渠道。"))] = None,
    excel: Annotated[
        bool, typer.Option("--excel", help=told("With a byte order mark for Excel.", "带 BOM，便于 Excel 打开。"))
    ] = False,
    url: Annotated[
        str, typer.Option(envvar="EIGHTYSIX_URL", help=told("The service's address.", "服务地址。"))
    ] = "http://127.0.0.1:8686",
    key: Annotated[str | None, typer.Option(envvar="EIGHTYSIX_KEY", help=told("A key for it.", "访问密钥。"))] = None,
) -> None:
    """Write a store's change log as CSV, newest first. Exit code 1 if the service refuses, 2 if it can't be reached."""
    console = Console(stderr=True)
    asked = {
        "brandId": brand, "poiId": store, "from": since, "to": until, "object_id": item, "object_type": item_type,
        "order_id": order, "actor": actor, "source": source, "channel_code": channel,
        "excel": "true" if excel else None,
    }  # fmt: skip
    query = [(name, value) for name, value in asked.items() if value is not None]
    query += [("kind", each) for each in kind or ()]
    try:
        if output == STANDARD_OUTPUT:
            write_log(url, key, query, sys.stdout.buffer)
        else:
            _to_file(Path(output), url, key, query)
    except (ClientError, ValueError) as fault:
        raise given_up(fault, console) from None
    except OSError as fault:
        console.print(told("Can't write", "无法写入") + f": {fault}", style="red", markup=False)
        raise typer.Exit(2) from None


def write_log(url: str, key: str | None, query: list[tuple[str, str]], out: BinaryIO) -> int:
    """Write part after part as they come; how many there were. Raises ClientError, ValueError for a bad address."""
    parts, more = 0, query
    with caller(url, key) as client:
        while True:
            part = client.fetch("GET", PATH, query=more)
            out.write(part.body)
            parts += 1
            if (cursor := part.headers.get("x-cursor")) is None:
                out.flush()
                return parts
            more = [*query, ("cursor", cursor)]


def _to_file(path: Path, url: str, key: str | None, query: list[tuple[str, str]]) -> None:
    """The file has its name only when it is whole."""
    unfinished = path.with_name(path.name + ".part")
    try:
        with unfinished.open("wb") as out:
            write_log(url, key, query, out)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
