"""The options of `eightysix replay`, each with its help in the reader's language."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from eightysix.cli.language import told


class Refill(StrEnum):
    """When stock goes back to its plan."""

    NEVER = "never"
    DAILY = "daily"


class Duplicates(StrEnum):
    """What an exact repetition of a row is."""

    DROP = "drop"
    KEEP = "keep"


class Dates(StrEnum):
    """How dates such as 03/04/2018 are written."""

    AUTO = "auto"
    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


Files = Annotated[
    list[Path], typer.Argument(help=told("Order histories: CSV, plain or .gz.", "订单历史：CSV 或 .gz。"))
]
Brand = Annotated[str, typer.Option(help=told("The brand to set up and sell as.", "品牌。"))]
StoreNames = Annotated[
    list[str] | None, typer.Option(help=told("The store of each file, in order.", "各文件对应的门店，依次给出。"))
]
Menus = Annotated[
    list[Path] | None,
    typer.Option(help=told("Menu files; their spelling of names wins.", "菜单文件，以其名称为准。")),
]
ColumnNames = Annotated[
    list[str] | None,
    typer.Option(help=told("A column's meaning, e.g. order=Bestellnr.", "指定列含义，例如 order=单据号。")),
]
TimeZone = Annotated[str, typer.Option(help=told("The clock of the dates.", "日期所在时区。"))]
DatesWritten = Annotated[Dates, typer.Option(help=told("How dates are written.", "日期写法。"))]
RepeatedRows = Annotated[
    Duplicates, typer.Option(help=told("What to do with repeated rows.", "如何处理完全重复的行。"))
]
Speed = Annotated[
    float | None,
    typer.Option(min=0.001, help=told("Times real time; default: as fast as possible.", "倍速；默认尽快。")),
]
FoldDays = Annotated[bool, typer.Option("--fold-days", help=told("Lay all days onto one.", "把所有日子叠成一天。"))]
PortionsEach = Annotated[
    int | None, typer.Option(min=0, help=told("Portions of every dish in every store.", "每店每道菜的份数。"))
]
RefillWhen = Annotated[Refill, typer.Option(help=told("Back to the plan each business day.", "每个营业日补满。"))]
CancelShare = Annotated[
    float, typer.Option(min=0, max=1, help=told("Share of cancelled orders (generated).", "取消订单占比（生成）。"))
]
UnpaidShare = Annotated[
    float, typer.Option(min=0, max=1, help=told("Share of unpaid orders (generated).", "未支付订单占比（生成）。"))
]
HoldSeconds = Annotated[
    int, typer.Option(min=1, max=86_400, help=told("How long unpaid orders hold.", "未支付订单的锁定秒数。"))
]
Seed = Annotated[int, typer.Option(help=told("Picks the generated shares.", "生成所用的种子。"))]
Clients = Annotated[int, typer.Option(min=1, max=1024, help=told("Calls at once.", "并发数。"))]
ChannelCode = Annotated[str, typer.Option(help=told("The channel to sell on.", "销售渠道。"))]
Prefix = Annotated[str, typer.Option(help=told("Put before order ids, to repeat a run.", "订单号前缀，便于重复运行。"))]
Url = Annotated[
    str | None, typer.Option(help=told("A running service; default: an own one.", "已运行的服务；默认自启。"))
]
Key = Annotated[str | None, typer.Option(envvar="EIGHTYSIX_KEY", help=told("A key for it.", "其密钥。"))]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(help=told("Of the own service, or to check afterwards.", "自启服务的数据库，或事后校验的数据库。")),
]
JsonFile = Annotated[Path | None, typer.Option(help=told("Write the report here too.", "同时写出 JSON 报告。"))]
