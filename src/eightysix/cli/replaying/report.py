"""What a replay came to: one value for people (tables) and for programs (JSON)."""

import msgspec
from rich.console import Console
from rich.table import Table

from eightysix.cli.calling.latency import Latency, summed_up
from eightysix.cli.checking.inspection import Inspection
from eightysix.cli.checking.sentence import sentence
from eightysix.cli.language import told
from eightysix.core.quantity import as_number

from .account import Account
from .history import BrandHistory
from .sending import Sent


class FileReport(msgspec.Struct):
    """One file's rows and orders."""

    file: str
    store: str
    orders: int
    account: Account
    dates: str
    is_proved: bool


class Report(msgspec.Struct):
    """Everything about one replay. `generated` says what no history could tell."""

    files: list[FileReport]
    dishes: int
    dishes_sold: int
    rows_read: int
    rows_sent: int
    rows_duplicate: int
    rows_rejected: int
    is_proved: bool
    """Rows read = lines sent + duplicates + rejected, and lines sent = lines locked + lines refused."""
    generated: dict[str, str]
    orders: int
    lines: int
    locked: int
    refused: dict[str, int]
    deducted: int
    unlocked: int
    expired: int
    left_locked: int
    settle_refused: dict[str, int]
    portions_locked: float
    refills: int
    seconds: float
    orders_per_second: float
    calls_per_second: float
    latest_seconds: float
    repeated_calls: dict[str, int]
    latency: dict[str, Latency]
    check: Inspection | None = None


def report_of(history: BrandHistory, sent: Sent, generated: dict[str, str]) -> Report:
    """Sum everything up and compare both ends of the account."""
    files = [
        FileReport(
            store.path.name,
            store.poi_id,
            len(store.history.orders),
            store.history.account,
            store.history.dates.value,
            store.history.account.is_proved,
        )
        for store in history.stores
    ]
    read = sum(file.account.rows_read for file in files)
    duplicates = sum(file.account.duplicates for file in files)
    rejected = sum(file.account.rejected.total() for file in files)
    calls = sum(len(times) for times in sent.latency.values())
    seconds = max(sent.seconds, 0.001)
    return Report(
        files=files,
        dishes=len(history.dishes),
        dishes_sold=history.names.sold,
        rows_read=read,
        rows_sent=sent.lines,
        rows_duplicate=duplicates,
        rows_rejected=rejected,
        is_proved=(
            all(file.is_proved for file in files)
            and read == sent.lines + duplicates + rejected
            and sent.lines == sent.lines_locked + sent.lines_refused
            and sent.orders == sent.locked + sent.refused.total()
        ),
        generated=generated,
        orders=sent.orders,
        lines=sent.lines,
        locked=sent.locked,
        refused=dict(sent.refused.most_common()),
        deducted=sent.deducted,
        unlocked=sent.unlocked,
        expired=sent.expired,
        left_locked=sent.left_locked,
        settle_refused=dict(sent.settle_refused.most_common()),
        portions_locked=float(as_number(sent.portions_locked)),
        refills=sent.refills,
        seconds=round(sent.seconds, 3),
        orders_per_second=round(sent.orders / seconds, 1),
        calls_per_second=round(calls / seconds, 1),
        latest_seconds=round(sent.latest_seconds, 3),
        repeated_calls=dict(sent.repeated),
        latency={verb: summed_up(times) for verb, times in sent.latency.items()},
    )


def show(report: Report, console: Console) -> None:
    """Print the report."""
    _show_rows(report, console)
    _show_orders(report, console)
    _show_latency(report, console)
    _show_check(report, console)


def _show_rows(report: Report, console: Console) -> None:
    table = Table(title=told("Rows of the files", "文件中的行"), title_justify="left")
    for name in (told("file", "文件"), told("store", "门店"), told("dates", "日期格式")):
        table.add_column(name)
    for name in (told("rows", "行数"), told("orders", "订单"), told("sent", "已发送"), told("duplicates", "重复")):
        table.add_column(name, justify="right")
    table.add_column(told("rejected", "拒收"), justify="right")
    for file in report.files:
        one = file.account
        counts = (one.rows_read, file.orders, one.rows_kept, one.duplicates, one.rejected.total())
        table.add_row(file.file, file.store, file.dates, *(f"{count:,}" for count in counts))
    console.print(table)
    for file in report.files:
        for title, kinds in (
            (told("rejected", "拒收"), file.account.rejected),
            (told("repaired", "已修复"), file.account.repaired),
            (told("remarked", "备注"), file.account.remarks),
        ):
            for kind, count in kinds.most_common():
                lines = file.account.examples.get(kind)
                where = told(f", first at lines {_list(lines)}", f"，最早见于第 {_list(lines)} 行") if lines else ""
                console.print(f"  {file.store} {title}: {kind} {count:,}{where}", markup=False, highlight=False)
    equation = f"{report.rows_read:,} = {report.rows_sent:,} + {report.rows_duplicate:,} + {report.rows_rejected:,}"
    verdict = told("holds", "成立") if report.is_proved else told("DOES NOT HOLD", "不成立")
    text = told("rows read = lines sent + duplicates + rejected", "读入行数 = 已发送 + 重复 + 拒收")
    console.print(f"{text}: {equation} ({verdict})", style="green" if report.is_proved else "bold red", highlight=False)


def _list(lines: list[int] | None) -> str:
    return ", ".join(str(line) for line in lines or ())


def _show_orders(report: Report, console: Console) -> None:
    table = Table(title=told("Orders", "订单"), title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    rows = [
        (told("orders sent", "已发送订单"), report.orders),
        (told("lines", "订单行"), report.lines),
        (told("locked", "锁定成功"), report.locked),
        *((told(f"refused: {why}", f"被拒：{why}"), count) for why, count in report.refused.items()),
        (told("deducted (paid)", "已扣减（支付）"), report.deducted),
        (told("unlocked (cancelled)", "已解锁（取消）"), report.unlocked),
        (told("expired (unpaid)", "已过期（未支付）"), report.expired),
        *(
            (told(f"paying or cancelling refused: {why}", f"支付或取消被拒：{why}"), count)
            for why, count in report.settle_refused.items()
        ),
        (told("still locked", "仍在锁定"), report.left_locked),
        (told("portions locked", "锁定份数"), report.portions_locked),
        *(((told("refills", "补满次数"), report.refills),) if report.refills else ()),
        (told("dishes (sold)", "菜品（售出）"), f"{report.dishes} ({report.dishes_sold})"),
    ]
    for name, value in rows:
        table.add_row(name, value if isinstance(value, str) else f"{value:,}")
    console.print(table)
    for what, how in report.generated.items():
        console.print(told(f"generated: {what} {how}", f"生成：{what} {how}"), markup=False, highlight=False)


def _show_latency(report: Report, console: Console) -> None:
    table = Table(title=told("Latency, milliseconds", "延迟（毫秒）"), title_justify="left")
    table.add_column(told("verb", "操作"))
    for name in (told("calls", "次数"), "p50", "p95", "p99", told("max", "最大")):
        table.add_column(name, justify="right")
    for verb, one in report.latency.items():
        times = (one.p50_ms, one.p95_ms, one.p99_ms, one.max_ms)
        table.add_row(verb, f"{one.calls:,}", *(f"{time:,.1f}" for time in times))
    console.print(table)
    rate = f"{report.seconds:,.1f} s, {report.orders_per_second:,.0f} orders/s, {report.calls_per_second:,.0f} calls/s"
    console.print(rate, highlight=False)
    if report.latest_seconds:
        late = report.latest_seconds
        console.print(told(f"the latest event was {late} s late", f"最晚的事件迟到 {late} 秒"), highlight=False)
    for cause, count in report.repeated_calls.items():
        console.print(told(f"calls tried again ({cause}): {count}", f"重试次数（{cause}）：{count}"), highlight=False)


def _show_check(report: Report, console: Console) -> None:
    if report.check is None:
        console.print(told("check: not run, the database isn't reachable from here", "校验：未执行，无法访问数据库"))
        return
    clean = report.check.is_clean
    verdict = told("all promises are kept", "所有承诺均成立") if clean else told("BROKEN", "存在不符")
    one = report.check
    size = f"{one.stocks:,} stocks, {one.reservations:,} reservations, {one.log_rows:,} log rows"
    console.print(f"check: {verdict} ({size})", style="green" if clean else "bold red", highlight=False)
    for finding in one.findings[:20]:
        console.print(f"  {sentence(finding)}", markup=False, highlight=False)
