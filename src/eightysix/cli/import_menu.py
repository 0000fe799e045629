"""`eightysix import-menu`: hands a menu file to the service, which makes or replaces the brand's items."""

import asyncio
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import typer
from rich.console import Console
from rich.table import Table

from .calling.http import Answer, HttpClient, ServiceAwayError
from .language import speaks_chinese, told

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
    try:
        answer = asyncio.run(upload(url, key, brand, file.read_bytes(), dry_run=dry_run))
    except (ServiceAwayError, ValueError) as fault:
        console.print(told("The service can't be reached", "无法连接服务") + f": {fault}", style="red", markup=False)
        raise typer.Exit(2) from None
    if not answer.is_ok:
        _tell_refusal(answer, console)
        raise typer.Exit(1)
    _tell_result(answer.body, console)


async def upload(url: str, key: str | None, brand_id: str, menu: bytes, *, dry_run: bool) -> Answer:
    """Send the file as it is. Raises ServiceAwayError, ValueError for a bad address."""
    client = HttpClient(url, key, connections=1, language="zh-CN" if speaks_chinese() else "en")
    try:
        query = urlencode({"brandId": brand_id, **({"dry_run": "true"} if dry_run else {})})
        return await client.call("POST", f"/api/v1/items/import?{query}", menu, content_type="text/csv; charset=utf-8")
    finally:
        await client.close()


def _tell_refusal(answer: Answer, console: Console) -> None:
    console.print(f"{answer.code}: {answer.message}", style="red", markup=False, highlight=False)
    wrong: list[dict[str, Any]] = (answer.body.get("rows") if isinstance(answer.body, dict) else None) or []
    for row in wrong:
        line = told(f"row {row.get('row')}", f"第 {row.get('row')} 行")
        console.print(f"  {line}: {row.get('field') or ''} {row.get('message')}", markup=False, highlight=False)


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
