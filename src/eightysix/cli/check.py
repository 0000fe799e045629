"""`eightysix check`: verifies every invariant of a database and says what is wrong."""

import asyncio
import os
import secrets
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from eightysix.storage.migrate import pending
from eightysix.storage.open import open_database
from eightysix.storage.port import StorageFault
from eightysix.storage.url import parse

from .checking.inspection import Inspection, inspect_database, read_catalogue
from .checking.sentence import sentence
from .language import told

DEFAULT_DATABASE = "sqlite:///var/eightysix.db"


def check(
    database: Annotated[
        str,
        typer.Option(
            envvar="EIGHTYSIX_DATABASE_URL",
            help=told("The database to verify.", "要校验的数据库。"),
        ),
    ] = DEFAULT_DATABASE,
    limit: Annotated[int, typer.Option(min=1, help=told("How many findings to tell.", "最多显示多少条问题。"))] = 20,
) -> None:
    """Verify all invariants of a database; exit code 1 if any is broken, 2 if it can't be read."""
    console = Console(stderr=True)
    try:
        inspection = asyncio.run(check_database(database, console))
    except (StorageFault, ValueError, OSError) as fault:
        text = told("The database can't be checked", "无法校验数据库")
        console.print(f"{text}: {fault or type(fault).__name__}", style="red", markup=False)
        raise typer.Exit(2) from None
    tell(inspection, Console(), limit)
    if not inspection.is_clean:
        raise typer.Exit(1)


async def check_database(url: str, console: Console) -> Inspection:
    """Audit the database at `url`, showing progress on `console`. Raises StorageFault, ValueError for a bad URL."""
    target = parse(url)
    if target.scheme == "sqlite" and not await asyncio.to_thread(target.path.exists):
        raise FileNotFoundError(told(f"there is no file {target.path}", f"文件 {target.path} 不存在"))
    if await pending(url):
        raise ValueError(
            told(
                "its schema isn't this version's; run `eightysix migrate`",
                "库结构不是当前版本，请先运行 eightysix migrate",
            )
        )
    opened = await open_database(url, owner=f"check-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task(told("Checking stores", "正在校验门店"), total=None)

            def show(so_far: Inspection) -> None:
                text = told(f"{so_far.stores} stores checked", f"已校验 {so_far.stores} 家门店")
                progress.update(task, description=text)

            return await inspect_database(opened, show, await read_catalogue(url))
    finally:
        await opened.close()


def tell(inspection: Inspection, console: Console, limit: int = 20) -> None:
    """Say what was read and what is wrong."""
    one = inspection
    console.print(
        told(
            f"Checked {one.stores} stores, {one.stocks} stocks, {one.reservations} lines, {one.log_rows} log rows.",
            f"已校验 {one.stores} 家门店、{one.stocks} 条库存、{one.reservations} 条预占、{one.log_rows} 条日志。",
        ),
        highlight=False,
    )
    if one.is_clean:
        console.print(told("All promises are kept.", "所有承诺均成立。"), style="green")
        return
    total = one.by_rule.total()
    console.print(told(f"{total} promises are broken:", f"有 {total} 处不符："), style="red", highlight=False)
    for finding in one.findings[:limit]:
        console.print(f"  {sentence(finding)}", markup=False, highlight=False)
    if total > limit:
        rest = ", ".join(f"{rule} {count}" for rule, count in one.by_rule.most_common())
        console.print(told(f"  … by rule: {rest}", f"  ……按规则统计：{rest}"), markup=False, highlight=False)
