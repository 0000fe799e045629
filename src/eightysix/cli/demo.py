"""`eightysix demo`: a service on SQLite, a brand of three stores, and a lunch rush to watch. What `make run` starts."""

import asyncio
import signal
import socket
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from eightysix.client import AsyncClient, ClientError
from eightysix.storage.port import StorageFault

from .calling.service import Service, ServiceFailedError, own_service
from .calling.setup import StoreToSet, limited, put_brand, put_stores, set_stock
from .check import check_database, tell
from .demoing.menu import DemoDish, demo_dishes, menu_file
from .demoing.rush import Rush
from .language import speaks_chinese, told

BRAND = "golden-wok"
STORES = (
    ("soho", "Golden Wok Soho / 金镬苏豪店", "Europe/London"),
    ("flushing", "Golden Wok Flushing / 金镬法拉盛店", "America/New_York"),
    ("jingan", "Golden Wok Jing'an / 金镬静安店", "Asia/Shanghai"),
)
_USUAL_PORT = 8686
_CLIENTS = 32
_PLAIN_LINE_SECONDS = 5.0
_REFRESH_SECONDS = 0.5
_NAMES_SHOWN = 4


def demo(
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help=told("Port; 0 for any free one.", "端口；0 表示任选。"))
    ] = _USUAL_PORT,
    rate: Annotated[float, typer.Option(min=0.1, max=5000, help=told("Orders a second.", "每秒订单数。"))] = 50.0,
    seconds: Annotated[
        float | None,
        typer.Option(min=0, help=told("Stop after so long; default: Ctrl-C.", "运行秒数；默认到 Ctrl-C。")),
    ] = None,
    folder: Annotated[Path, typer.Option(help=told("Where its database goes.", "数据库所在目录。"))] = Path("var/demo"),
) -> None:
    """Start a demo: service, brand, stores, menu and live orders. Everything is thrown away at the end."""
    console = Console()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as fresh:
            asyncio.run(_demo(Path(fresh).resolve(), _port(port), rate, seconds, console))
    except ServiceFailedError as fault:
        console.print(
            told("The service did not start", "服务未能启动") + f": {fault}\n{fault.log}", style="red", markup=False
        )
        raise typer.Exit(1) from None
    except (ClientError, StorageFault, OSError) as fault:
        console.print(told("The demo has ended", "演示已结束") + f": {fault}", style="red", markup=False)
        raise typer.Exit(1) from None


async def _demo(folder: Path, port: int, rate: float, seconds: float | None, console: Console) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    database = f"sqlite:///{folder / 'demo.db'}"
    console.print(told("Starting …", "正在启动……"))
    async with own_service(database, folder / "serve.log", port=port) as service:
        async with AsyncClient(service.url, service.key, connections=_CLIENTS) as client:
            dishes = demo_dishes()
            await _set_up(client, dishes)
            _introduce(service, dishes, console)
            rush = Rush(client, BRAND, [poi_id for poi_id, _, _ in STORES], dishes, rate)
            running = asyncio.create_task(rush.run(stopped))
            await _watch(rush, running, seconds, console)
            stopped.set()
            await running
            if rush.fault is not None:
                raise rush.fault
        console.print(told("Stopping …", "正在停止……"))
    tell(await check_database(database, console), console)


async def _set_up(client: AsyncClient, dishes: list[DemoDish]) -> None:
    await put_brand(client, BRAND, "Golden Wok / 金镬")
    await put_stores(client, [StoreToSet(BRAND, *store) for store in STORES])
    third = {
        "brandId": BRAND,
        "channel_code": "DELIVERY",
        "name": "Delivery / 外卖平台",
        "place": "online",
        "party": "third",
        "expires_in": 300,
    }
    await client.ask("PUT", "/api/v1/channels", third)
    await client.ask("POST", "/api/v1/items/import", menu_file(), query={"brandId": BRAND}, content_type="text/csv")
    stocks = [
        limited(dish.object_id, dish.portions, object_type=dish.object_type)
        for dish in dishes
        if dish.portions is not None
    ]
    for poi_id, _, _ in STORES:
        await set_stock(client, BRAND, poi_id, stocks)


def _introduce(service: Service, dishes: list[DemoDish], console: Console) -> None:
    """Where it is, how to get in, what to try."""
    skus = [dish for dish in dishes if dish.object_type == 2]
    lines = (
        (told("address", "地址"), service.url),
        (told("pages", "接口文档"), f"{service.url}/docs"),
        (told("key", "密钥"), str(service.key)),
        (told("brand", "品牌"), f"{BRAND} ({', '.join(poi_id for poi_id, _, _ in STORES)})"),
        (
            told("menu", "菜单"),
            told(
                f"{len(skus)} dishes, {sum(dish.portions is not None for dish in dishes)} stocks limited",
                f"{len(skus)} 道菜，{sum(dish.portions is not None for dish in dishes)} 个限量",
            ),
        ),
    )
    console.print()
    for name, value in lines:
        console.print(f"  {name:8} {value}", markup=False, highlight=False, soft_wrap=True)
    body = f'{{"brandId":"{BRAND}","poiId":"soho","order_id":"my-1","channel_code":"POS",'
    body += f'"lines":[{{"sku_id":{_always_there(dishes)},"quantity":2}}]}}'
    call = f"curl -s {service.url}/api/v1/stock/lock -H 'Authorization: Bearer {service.key}' -d '{body}'"
    console.print(told("\n  try:", "\n  试一试："))
    console.print(f"  {call}\n", markup=False, highlight=False, soft_wrap=True)
    console.print(told("  Ctrl-C stops and checks the books.\n", "  按 Ctrl-C 停止并校验账目。\n"))


def _always_there(dishes: list[DemoDish]) -> int:
    """A dish that the rush can't sell out, so that the first call of a guest succeeds at any time."""
    return next(dish.object_id for dish in dishes if dish.object_type == 2 and dish.portions is None)


async def _watch(rush: Rush, running: asyncio.Task[None], seconds: float | None, console: Console) -> None:
    """The live line, until the rush ends or the time is up. Without a terminal: a plain line now and then."""
    ends = time.monotonic() + seconds if seconds is not None else None

    async def waits(step: float) -> bool:
        left = step if ends is None else min(step, ends - time.monotonic())
        if left <= 0:
            return False
        done, _ = await asyncio.wait([running], timeout=left)
        return not done

    if console.is_terminal:
        with Live(_line(rush), console=console, auto_refresh=False) as live:
            while await waits(_REFRESH_SECONDS):
                live.update(_line(rush), refresh=True)
    else:
        while await waits(_PLAIN_LINE_SECONDS):
            console.print(_line(rush), soft_wrap=True)
        console.print(_line(rush), soft_wrap=True)


def _line(rush: Rush) -> Text:
    counts = rush.counts
    parts = [
        told(f"{rush.orders_a_second:.0f} orders/s", f"{rush.orders_a_second:.0f} 单/秒"),
        told(f"locked {counts['locked']:,}", f"锁定 {counts['locked']:,}"),
        told(f"paid {counts['paid']:,}", f"支付 {counts['paid']:,}"),
        told(f"cancelled {counts['cancelled']:,}", f"取消 {counts['cancelled']:,}"),
        told(f"unpaid {counts['unpaid']:,}", f"未付 {counts['unpaid']:,}"),
        told(f"refused {counts['refused']:,}", f"被拒 {counts['refused']:,}"),
        told(f"cooked again {counts['cooked']:,}", f"补做 {counts['cooked']:,}"),
        _sold_out(rush),
    ]
    return Text(" · ".join(parts), no_wrap=True, overflow="ellipsis")


def _sold_out(rush: Rush) -> str:
    gone = [(poi_id, dish) for poi_id, dishes in rush.sold_out.items() for dish in dishes if dish.object_type == 2]
    names = ", ".join(
        f"{dish.name_zh if speaks_chinese() else dish.name_en} ({poi_id})" for poi_id, dish in gone[:_NAMES_SHOWN]
    )
    more = f" +{len(gone) - _NAMES_SHOWN}" if len(gone) > _NAMES_SHOWN else ""
    return told(f"86'd {len(gone)}: {names}{more}", f"售罄 {len(gone)}：{names}{more}")


def _port(wanted: int) -> int:
    """The port that was asked for; any free one if it is the usual and taken."""
    if wanted != _USUAL_PORT:
        return wanted
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", wanted))
        except OSError:
            return 0
    return wanted
