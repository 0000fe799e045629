"""`eightysix replay`: runs order histories through the real HTTP API; says what was sold, refused, and how fast."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from eightysix.client import AWAY, ClientError
from eightysix.storage.port import StorageFault

from .calling.service import ServiceFailedError
from .language import told
from .replaying import options
from .replaying.cleaning import Cleaning
from .replaying.columns import ColumnsError, Role
from .replaying.history import BrandHistory, HistoryError, read_histories
from .replaying.moments import DateOrder
from .replaying.report import show
from .replaying.run import Plan, run
from .replaying.sending import Pace
from .replaying.timeline import Shares

_POI_LENGTH = 64
_PLAIN_WIDTH = 120


def replay(  # noqa: PLR0917 - typer passes options by name
    files: options.Files,
    brand: options.Brand = "replay",
    store: options.StoreNames = None,
    menu: options.Menus = None,
    column: options.ColumnNames = None,
    time_zone: options.TimeZone = "UTC",
    dates: options.DatesWritten = options.Dates.AUTO,
    duplicates: options.RepeatedRows = options.Duplicates.DROP,
    speed: options.Speed = None,
    fold_days: options.FoldDays = False,
    portions: options.PortionsEach = None,
    refill: options.RefillWhen = options.Refill.NEVER,
    cancel_share: options.CancelShare = 0.0,
    unpaid_share: options.UnpaidShare = 0.0,
    hold_seconds: options.HoldSeconds = 5,
    seed: options.Seed = 1,
    clients: options.Clients = 16,
    channel: options.ChannelCode = "ONLINE_ORDER",
    prefix: options.Prefix = "",
    url: options.Url = None,
    key: options.Key = None,
    database: options.DatabaseUrl = None,
    json: options.JsonFile = None,
) -> None:
    """Replay order histories. Exit code 1 if a row is unaccounted for or the check finds something, 2 for bad input."""
    console = Console(stderr=True)
    shares = Shares(cancel_share, unpaid_share, seed)
    daily = refill is options.Refill.DAILY
    pace = Pace(clients, speed, hold_seconds)
    plan = Plan(brand, time_zone, pace, portions, daily, fold_days, shares, channel, prefix, url, key, database)
    how = Cleaning(
        _zone(time_zone),
        None if dates is options.Dates.AUTO else DateOrder(dates),
        duplicates is options.Duplicates.KEEP,
    )
    if cancel_share + unpaid_share > 1:
        raise typer.BadParameter(told("the shares sum to more than 1", "占比之和大于 1"))
    try:
        history = _read(_with_stores(files, store or []), menu or [], _named(column or []), how, console)
        report = asyncio.run(run(plan, history, console))
    except (HistoryError, ClientError, ServiceFailedError, StorageFault, ValueError) as fault:
        _tell_fault(fault, console)
        raise typer.Exit(2) from None
    out = Console()
    show(report, out if out.is_terminal else Console(width=_PLAIN_WIDTH))
    if json is not None:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2))
    if not report.is_proved or (report.check is not None and not report.check.is_clean):
        raise typer.Exit(1)


def _read(
    files: Sequence[tuple[Path, str]], menus: Sequence[Path], named: Mapping[Role, str], how: Cleaning, console: Console
) -> BrandHistory:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        step = progress.add_task(told("Reading files", "正在读取文件"), total=len(files))
        return read_histories(files, menus, named, how, lambda _: progress.advance(step))


def _with_stores(files: Sequence[Path], stores: Sequence[str]) -> list[tuple[Path, str]]:
    """Each file's store: as named, or else the file's name."""
    if stores and len(stores) != len(files):
        raise typer.BadParameter(told("give --store once for each file, or not at all", "--store 的个数须与文件数一致"))
    names = stores or [path.name.removesuffix(".gz").removesuffix(".csv")[:_POI_LENGTH] for path in files]
    if len(set(names)) != len(names):
        raise typer.BadParameter(told("two files have the same store", "两个文件的门店相同"))
    return list(zip(files, names, strict=True))


def _named(columns: Sequence[str]) -> dict[Role, str]:
    named = {}
    for text in columns:
        role, equals, name = text.partition("=")
        if not equals or role not in set(Role):
            raise typer.BadParameter(told(f"--column wants ROLE=NAME, not {text}", f"--column 应为 含义=列名：{text}"))
        named[Role(role)] = name
    return named


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError):
        raise typer.BadParameter(told(f"no such time zone: {name}", f"没有这个时区：{name}")) from None


_TABLE_REASONS = {
    "missing": ("it can't be read", "无法读取"),
    "empty": ("it is empty", "文件为空"),
    "damaged": ("it is damaged", "文件损坏"),
    "binary": ("it is no text", "不是文本文件"),
}


def _tell_fault(fault: Exception, console: Console) -> None:
    """What stopped the replay, in a sentence."""
    text = str(fault) or type(fault).__name__
    if isinstance(fault, HistoryError):
        cause = fault.cause
        if isinstance(cause, ColumnsError):
            missing = ", ".join([*cause.missing, *(f"{role}={name}" for role, name in cause.named.items())])
            header = ", ".join(cause.header)
            text = told(
                f"{fault.path}: no column for {missing} in: {header}",
                f"{fault.path}：缺少列 {missing}，表头为：{header}",
            )
        else:
            text = f"{fault.path}: {told(*_TABLE_REASONS[cause.reason])}"
    elif isinstance(fault, ServiceFailedError):
        text = told(f"The service did not start: {fault}", f"服务未能启动：{fault}") + f"\n{fault.log}"
    elif isinstance(fault, AWAY):
        text = told(f"The service can't be reached: {fault}", f"无法连接服务：{fault}")
    console.print(text, style="red", markup=False, highlight=False)
