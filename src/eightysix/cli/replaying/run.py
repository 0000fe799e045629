"""One replay from an empty brand to the report: start, set up, send, stop, check."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from eightysix.cli.calling.service import Service, own_service
from eightysix.cli.calling.setup import ItemToSet, StoreToSet, limited, put_brand, put_items, put_stores, set_stock
from eightysix.cli.check import check_database
from eightysix.cli.checking.inspection import Inspection
from eightysix.cli.language import told
from eightysix.client import AsyncClient

from .history import BrandHistory
from .report import Report, report_of
from .sending import Pace, Sender, Sent, StockPlan
from .timeline import Shares, place, timeline


class Plan(NamedTuple):
    """What the command line asked for."""

    brand: str
    zone: str
    pace: Pace
    portions: int | None
    refill_daily: bool
    fold_days: bool
    shares: Shares
    channel: str
    prefix: str
    url: str | None
    key: str | None
    database: str | None


async def run(plan: Plan, history: BrandHistory, console: Console) -> Report:
    """Set the brand up, send everything, check the database once the service has let go of it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    inspection: Inspection | None = None
    with tempfile.TemporaryDirectory(prefix="eightysix-replay-") as folder:
        database = plan.database or (f"sqlite:///{folder}/replay.db" if plan.url is None else None)
        async with AsyncExitStack() as stack:
            service = await stack.enter_async_context(_service(plan, database, Path(folder)))
            sent = Sent()
            calling = AsyncClient(service.url, service.key, connections=plan.pace.clients, observe=sent.hear)
            client = await stack.enter_async_context(calling)
            with Progress(*columns, console=console, transient=True) as progress:
                await _set_up(client, plan, history, progress)
                await _send(client, plan, history, progress, sent)
        if database is not None:
            inspection = await check_database(database, console)
    report = report_of(history, sent, _generated(plan))
    report.check = inspection
    return report


@asynccontextmanager
async def _service(plan: Plan, database: str | None, folder: Path) -> AsyncIterator[Service]:
    if plan.url is not None:
        yield Service(plan.url, plan.key, database or "")
        return
    async with own_service(database or "", folder / "serve.log") as service:
        key = plan.key or service.key
        if key is None:
            raise ValueError(
                told("this database has keys already: give one with --key", "该数据库已有密钥，请用 --key 指定")
            )
        yield service._replace(key=key)


async def _set_up(client: AsyncClient, plan: Plan, history: BrandHistory, progress: Progress) -> None:
    dishes = sorted(history.dishes.values(), key=lambda dish: dish.sku_id)
    pois = sorted({store.poi_id for store in history.stores})
    stocks = len(dishes) * len(pois) if plan.portions is not None else 0
    step = progress.add_task(told("Setting up", "正在建立资料"), total=len(dishes) + stocks)
    await put_brand(client, plan.brand, plan.brand)
    await put_stores(client, [StoreToSet(plan.brand, poi_id, poi_id, plan.zone) for poi_id in pois])
    items = [ItemToSet(plan.brand, 2, dish.sku_id, {"en": dish.name, "zh": dish.name}, decimals=3) for dish in dishes]
    await put_items(client, items, lambda count: progress.advance(step, count))
    if plan.portions is None:
        return
    for poi_id in pois:
        stock = [limited(dish.sku_id, plan.portions) for dish in dishes]
        await set_stock(client, plan.brand, poi_id, stock, lambda count: progress.advance(step, count))


async def _send(client: AsyncClient, plan: Plan, history: BrandHistory, progress: Progress, sent: Sent) -> None:
    placed = [one for store in history.stores for one in place(store.poi_id, store.history.orders, plan.shares)]
    events = timeline(placed, plan.zone, fold_days=plan.fold_days, refill_daily=plan.refill_daily)
    sender = Sender(
        client, plan.brand, placed, history.sku_of, pace=plan.pace, plan=StockPlan(plan.portions),
        channel_code=plan.channel, prefix=plan.prefix, sent=sent,
    )  # fmt: skip
    step = progress.add_task(told("Sending orders", "正在发送订单"), total=len(events))
    try:
        await sender.run(events, lambda count: progress.advance(step, count))
    except ExceptionGroup as several:
        raise several.exceptions[0] from None  # each of the senders met the same


def _generated(plan: Plan) -> dict[str, str]:
    """What the history doesn't say and the replay made up."""
    shares = plan.shares
    minutes = told("5 s to 5 min after the order, to pay", "下单后 5 秒至 5 分钟支付")
    made = {told("time of payment", "支付时间"): minutes}
    if shares.cancelled:
        made[told("cancellations", "取消")] = f"{shares.cancelled:.1%}, seed {shares.seed}"
    if shares.unpaid:
        made[told("unpaid orders", "未支付")] = (
            f"{shares.unpaid:.1%}, {plan.pace.unpaid_hold_seconds} s, seed {shares.seed}"
        )
    if plan.portions is not None:
        often = told("each business day", "每个营业日") if plan.refill_daily else told("once", "一次")
        made[told("stock", "库存")] = told(
            f"{plan.portions} portions a dish and store, {often}", f"每店每菜 {plan.portions} 份，{often}"
        )
    made[told("channel", "渠道")] = plan.channel
    return made
