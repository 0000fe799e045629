"""`eightysix import-stock`: hands a file of stocks to the service, which answers for each row."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from eightysix.client import ClientError, Safety

from .calling.caller import caller, given_up
from .language import told

PATH = "/api/v1/poi/stock/import"
_CSV = "text/csv; charset=utf-8"
_ROWS_SHOWN = 50
_DEADLINE_SECONDS = 120.0


def import_stock(
    file: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            readable=True,
            help=told("CSV with the columns that export-stock writes.", "CSV 文件，列与 export-stock 导出的相同。"),
        ),
    ],
    *,
    brand: Annotated[str, typer.Option(help=told("The brand (brandId).", "品牌（brandId）。"))],
    store: Annotated[
        str | None,
        typer.Option(help=told("The store (poiId) of rows that name none.", "未写门店的行所属的门店（poiId）。")),
    ] = None,
    request_id: Annotated[
        str | None,
        typer.Option(
            help=told(
                "What the file's additions and counts are known by, such as a delivery note's number: the same id and "
                "file change nothing again.",
                "文件中增减和盘点的标识，如送货单号；相同标识的同一文件不会重复生效。",
            )
        ),
    ] = None,
    reason: Annotated[str | None, typer.Option(help=told("Why, for the change log.", "原因，记入变更记录。"))] = None,
    url: Annotated[
        str, typer.Option(envvar="EIGHTYSIX_URL", help=told("The service's address.", "服务地址。"))
    ] = "http://127.0.0.1:8686",
    key: Annotated[str | None, typer.Option(envvar="EIGHTYSIX_KEY", help=told("A key for it.", "访问密钥。"))] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=told("Show what would change, change nothing.", "只显示将发生的变化。"))
    ] = False,
) -> None:
    """Import stocks, with a result for each row. Exit code 1 if any is refused, 2 if the service can't be reached."""
    console = Console(markup=False, highlight=False)
    query = {"brandId": brand, "poiId": store, "request_id": request_id, "reason": reason}
    query["dry_run"] = "true" if dry_run else None
    given = [(name, value) for name, value in query.items() if value is not None]
    # without an id a count that is sent twice would put back what was sold in between
    safety = Safety.READ if dry_run else Safety.KEYED if request_id else Safety.ONCE
    try:
        with caller(url, key, seconds=_DEADLINE_SECONDS) as client:
            body = client.ask("POST", PATH, file.read_bytes(), query=given, content_type=_CSV, safety=safety)
    except (ClientError, ValueError) as fault:
        raise given_up(fault, console) from None
    _tell(body, console)
    if body["refused"]:
        raise typer.Exit(1)


def _tell(body: dict[str, Any], console: Console) -> None:
    """What changed and what was refused; what stayed as it was is only counted."""
    moved: list[dict[str, Any]] = [each for each in body["results"] if each["result"] != "unchanged"]
    if moved:
        table = Table(
            told("row", "行"), told("store", "门店"), "", "id", told("result", "结果"), box=None, show_header=True
        )
        for one in moved[:_ROWS_SHOWN]:
            kind = {1: "SPU", 2: "SKU"}.get(one["object_type"] or 0, "")
            what = one["error"]["message"] if one["error"] else "; ".join(map(_change, one["changes"]))
            table.add_row(str(one["row"]), one["poiId"] or "", kind, str(one["object_id"] or ""), what)
        console.print(table)
    if len(moved) > _ROWS_SHOWN:
        console.print(told(f"… and {len(moved) - _ROWS_SHOWN} more", f"……另有 {len(moved) - _ROWS_SHOWN} 行"))
    changed, unchanged, refused = body["changed"], body["unchanged"], body["refused"]
    done = told(
        f"{changed} rows changed, {unchanged} unchanged, {refused} refused.",
        f"变更 {changed} 行，未变 {unchanged} 行，拒绝 {refused} 行。",
    )
    tried = told(f"Would be: {done} Nothing was changed.", f"预演：{done}未做任何修改。")
    console.print(tried if body["dry_run"] else done, style="red" if refused else "green")


def _change(change: dict[str, Any]) -> str:
    code = change["channel_code"]
    name = change["field"] if code is None else f"{code}.{change['field']}"
    return f"{name} {_shown(change['before'])} → {_shown(change['after'])}"


def _shown(value: object) -> str:
    return "–" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
