"""`eightysix reconcile`: what differs in a store, why, and its repair."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from eightysix.client import ClientError, device_row
from eightysix.wire.message import StockState
from eightysix.wire.reconciliation import DeviceRowBody, Difference, ReconcileAnswer

from .calling.caller import caller, given_up
from .language import told

_CAUSES = {
    "missing": ("the device has no row of it", "设备缺少该行"),
    "behind": ("the device has an older version", "设备版本落后"),
    "altered": ("the device has other values of this version", "设备在同一版本下数值不同"),
    "unknown": ("the device has a row of what was never set here", "设备有此处从未设置过的行"),
    "ahead": ("the device has a version that was never given out", "设备版本从未发出过"),
    "locked": ("locked is not what the orders hold", "锁定数与订单不符"),
    "used": ("what the channel used is not what its orders took", "渠道已用数与订单不符"),
}


class _Found(msgspec.Struct):
    """What find-to-pos answers, as a device saved it."""

    data: list[StockState]


class _Rows(msgspec.Struct):
    """What the call itself takes."""

    rows: list[DeviceRowBody]


def reconcile(
    *,
    store: Annotated[str, typer.Option(help=told("The store: brandId/poiId.", "门店：brandId/poiId。"))],
    rows: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help=told(
                "What a device has, as JSON: an answer of find-to-pos, or rows of object_id, version and digest.",
                "设备数据（JSON）：find-to-pos 的返回，或含 object_id、version、digest 的 rows。",
            ),
        ),
    ] = None,
    device: Annotated[str | None, typer.Option(help=told("Whose rows these are.", "数据所属设备。"))] = None,
    apply: Annotated[bool, typer.Option("--apply", help=told("Repair what differs.", "修复差异。"))] = False,
    url: Annotated[
        str, typer.Option(envvar="EIGHTYSIX_URL", help=told("The service's address.", "服务地址。"))
    ] = "http://127.0.0.1:8686",
    key: Annotated[str | None, typer.Option(envvar="EIGHTYSIX_KEY", help=told("A key for it.", "访问密钥。"))] = None,
) -> None:
    """Compare a store's counters with its orders, and what a device has with what there is; exit code 1 while something
    differs, 2 if the service can't be reached."""
    console = Console(highlight=False)
    try:
        named = _store(store)
        theirs = None if rows is None else _read(rows)
        with caller(url, key) as client:
            answer = client.reconcile(named, theirs, device_id=device, apply=apply)
    except (ClientError, ValueError) as fault:
        raise given_up(fault, console) from None
    _show(answer, console)
    if any(not each.repaired for each in answer.differences):
        raise typer.Exit(1)


def _store(text: str) -> tuple[str, str]:
    brand_id, slash, poi_id = text.partition("/")
    if not slash:
        raise ValueError(told("--store is brandId/poiId", "--store 应为 brandId/poiId"))
    return brand_id, poi_id


def _read(file: Path) -> list[DeviceRowBody]:
    """The rows of a file; ValueError says what is wrong with it."""
    content = file.read_bytes()
    try:
        shape = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
        if "data" in shape:
            return [device_row(row) for row in msgspec.json.decode(content, type=_Found).data]
        return msgspec.json.decode(content, type=_Rows).rows
    except msgspec.DecodeError as error:
        raise ValueError(f"{file}: {error}") from None


def _show(answer: ReconcileAnswer, console: Console) -> None:
    if not answer.differences:
        console.print(told(f"{answer.stocks} stocks, no difference", f"{answer.stocks} 个库存，无差异"))
        return
    table = Table(box=None, pad_edge=False)
    for name in (
        told("item", "商品"), told("cause", "原因"), told("expected", "应为"), told("found", "实为"), told("", ""),
    ):  # fmt: skip
        table.add_column(name)
    for each in answer.differences:
        table.add_row(*_cells(each))
    console.print(table)
    causes = Counter(each.cause for each in answer.differences)
    console.print(", ".join(f"{cause}: {count}" for cause, count in sorted(causes.items())))
    if answer.reset:
        console.print(told("the device must read everything anew", "设备须重新读取全部数据"))


def _cells(each: Difference) -> tuple[str, ...]:
    kind = "SPU" if each.object_type == 1 else "SKU"
    where = "" if each.channel_code is None else f" ({each.channel_code})"
    mended = told("repaired", "已修复") if each.repaired else ""
    found = "-" if each.found is None else str(each.found)
    return f"{kind} {each.object_id}{where}", told(*_CAUSES[each.cause]), str(each.expected), found, mended
