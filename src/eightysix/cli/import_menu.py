"""`eightysix import-menu`: hands a menu file to the service, which makes or replaces the brand's items."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from eightysix.client import ClientError

from .calling.caller import caller, given_up
from .language import told

PATH = "/api/v1/items/import"
_ROWS_SHOWN = 50


def import_menu(
    file: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            readable=True,
            help=told(
                "CSV: sku_id, spu_id, name_en, name_zh, category, tags, decimals.",
                "CSV 文件：sku_id、spu_id、name_en、name_zh、category、tags、decimals。",
            ),
        ),
    ],
    brand: Annotated[str, typer.Option(help=told("The brand (brandId).", "品牌（brandId）。"))],
    url: Annotated[
        str, typer.Option(envvar="EIGHTYSIX_URL", help=told("The service's address.", "服务地址。"))
    ] = "http://127.0.0.1:8686",
    key: Annotated[str | None, typer.Option(envvar="EIGHTYSIX_KEY", help=told("A key for it.", "访问密钥。"))] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=told("Check everything, change nothing.", "只检查，不修改。"))
    ] = False,
) -> None:
    """Import a menu; all rows or none. Exit code 1 if the service refuses it, 2 if it can't be reached."""
    console = Console()
    query = {"brandId": brand} | ({"dry_run": "true"} if dry_run else {})
    try:
        with caller(url, key) as client:
            body = client.ask("POST", PATH, file.read_bytes(), query=query, content_type="text/csv; charset=utf-8")
    except (ClientError, ValueError) as fault:
        raise given_up(fault, console) from None
    _tell_result(body, console)


def _tell_result(body: dict[str, Any], console: Console) -> None:
    table = Table(told("row", "行"), "", "id", told("result", "结果"), box=None)
    results: list[dict[str, Any]] = body.get("results") or []
    for one in results[:_ROWS_SHOWN]:
        kind = "SPU" if one["object_type"] == 1 else "SKU"
        table.add_row(str(one["row"]), kind, str(one["object_id"]), str(one["result"]))
    console.print(table)
    if len(results) > _ROWS_SHOWN:
        console.print(told(f"… and {len(results) - _ROWS_SHOWN} more", f"……另有 {len(results) - _ROWS_SHOWN} 行"))
    created, replaced = body.get("created"), body.get("replaced")
    done = told(f"{created} items made, {replaced} replaced.", f"新建 {created} 个，替换 {replaced} 个。")
    tried = told(f"Would be: {done} Nothing was changed.", f"预演：{done}未做任何修改。")
    console.print(tried if body.get("dry_run") else done, style="green")
