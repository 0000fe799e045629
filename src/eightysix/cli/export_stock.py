"""`eightysix export-stock`: writes the stocks of a brand's stores to a file, as import-stock takes it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from eightysix.client import ClientError

from .calling.caller import caller, given_up
from .language import told


def export_stock(
    file: Annotated[Path, typer.Argument(dir_okay=False, help=told("The CSV file to write.", "要写入的 CSV 文件。"))],
    *,
    brand: Annotated[str, typer.Option(help=told("The brand (brandId).", "品牌（brandId）。"))],
    store: Annotated[
        list[str] | None,
        typer.Option(
            help=told("A store (poiId); may come several times. Default: all.", "门店（poiId），可多次；默认全部。")
        ),
    ] = None,
    url: Annotated[
        str, typer.Option(envvar="EIGHTYSIX_URL", help=told("The service's address.", "服务地址。"))
    ] = "http://127.0.0.1:8686",
    key: Annotated[str | None, typer.Option(envvar="EIGHTYSIX_KEY", help=told("A key for it.", "访问密钥。"))] = None,
    all_items: Annotated[
        bool,
        typer.Option("--all-items", help=told("Also items of which nothing was set.", "包括从未设置过的商品。")),
    ] = False,
    excel: Annotated[
        bool,
        typer.Option("--excel", help=told("With the mark by which Excel knows UTF-8.", "带 Excel 识别 UTF-8 的标记。")),
    ] = False,
) -> None:
    """Write stocks to a CSV file for import-stock. Exit code 1 if the service refuses it, 2 if it can't be reached."""
    console = Console(markup=False, highlight=False)
    query = [("brandId", brand), *(("poiId", poi_id) for poi_id in store or [])]
    query += [(name, "true") for name, wanted in (("all_items", all_items), ("excel", excel)) if wanted]
    try:
        found = _download(url, key, query)
    except (ClientError, ValueError) as fault:
        raise given_up(fault, console) from None
    file.write_bytes(found)


def _download(url: str, key: str | None, query: list[tuple[str, str]]) -> bytes:
    """The parts one behind the other. Raises ClientError, ValueError for a bad address."""
    whole: list[bytes] = []
    cursor: str | None = None
    with caller(url, key) as client:
        while not whole or cursor is not None:
            more = [("cursor", cursor)] if cursor else []
            part = client.fetch("GET", "/api/v1/poi/stock/export", query=[*query, *more])
            whole.append(part.body)
            cursor = part.headers.get("x-cursor")
    return b"".join(whole)
