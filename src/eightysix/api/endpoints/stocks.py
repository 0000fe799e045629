"""What can be sold and what comes back; what sets stocks."""

from eightysix.api.auth import Action
from eightysix.api.body import MAX_IMPORT_BYTES
from eightysix.api.channels import Channels
from eightysix.api.endpoint import CsvBody, Endpoint, JsonBody, OneOrManyBody
from eightysix.api.setting import StockSetting, StoresAnswer, UpdateAnswer
from eightysix.api.stock import AvailabilityQuery, OrderQuery, Stocks
from eightysix.api.stock_file import StockExportQuery, StockFiles, StockImportQuery, StocksImported
from eightysix.wire.answer import HeldOrderAnswer
from eightysix.wire.channels import AlertQuery, AlertsAnswer, ReleaseAnswer, ReleaseBody
from eightysix.wire.eighty_six import EightySixBody
from eightysix.wire.restore_rule import PreviewAnswer, PreviewQuery
from eightysix.wire.stock import AvailabilityAnswer, StockSetAnswer, UpdateManyBody, UpdateOneBody


def stocks_calls(stocks: Stocks) -> list[Endpoint]:
    return [
        Endpoint(
            method="GET",
            path="/api/v1/stock/orders/{order_id}",
            summary=("An order's reservations", "查询订单的占用"),
            action=Action.READ_ORDER,
            run=stocks.order,
            query=OrderQuery,
            answers={200: (HeldOrderAnswer,)},
        ),
        Endpoint(
            method="GET",
            path="/api/v1/stock/availability",
            summary=("What can be sold on a channel", "查询渠道可售"),
            action=Action.READ_STOCK,
            run=stocks.available,
            query=AvailabilityQuery,
            answers={200: (AvailabilityAnswer,)},
        ),
        Endpoint(
            method="GET",
            path="/api/v1/poi/stock/restore-preview",
            summary=("What comes back of a store, when and why", "查询门店将恢复的库存"),
            action=Action.READ_STOCK,
            run=stocks.restore_preview,
            query=PreviewQuery,
            answers={200: (PreviewAnswer,)},
        ),
    ]


def setting_calls(setting: StockSetting) -> list[Endpoint]:
    return [
        Endpoint(
            method="POST",
            path="/api/v1/poi/stock/update",
            summary=("Set, add to or count stocks, in one store or many", "设置、增减或盘点库存，可多门店"),
            action=Action.SET_STOCK,
            run=setting.update,
            body=OneOrManyBody(UpdateOneBody, UpdateManyBody),
            answers={200: (StockSetAnswer, UpdateAnswer, StoresAnswer)},
            refusals=(409,),
        ),
        Endpoint(
            method="POST",
            path="/api/v1/poi/stock/86",
            summary=("Dishes off sale, or back on sale, in one store or many", "估清或恢复售卖，可多门店"),
            action=Action.SET_STOCK,
            run=setting.eighty_six,
            body=JsonBody(EightySixBody),
            answers={200: (StoresAnswer,)},
        ),
    ]


def files_calls(files: StockFiles) -> list[Endpoint]:
    return [
        Endpoint(
            method="POST",
            path="/api/v1/poi/stock/import",
            summary=("Set, add to or count stocks from CSV; a result for each row", "导入 CSV 库存，逐行给出结果"),
            action=Action.SET_STOCK,
            run=files.take,
            query=StockImportQuery,
            body=CsvBody(),
            most_bytes=MAX_IMPORT_BYTES,
            answers={200: (StocksImported,)},
        ),
        Endpoint(
            method="GET",
            path="/api/v1/poi/stock/export",
            summary=(
                "Stocks as CSV; X-Cursor, where it comes, leads to the next part",
                "导出库存为 CSV；如有 X-Cursor，则用它取下一部分",
            ),
            action=Action.EXPORT_STOCK,
            run=files.give,
            query=StockExportQuery,
            answers={200: (str,)},
            answer_type="text/csv",
        ),
    ]


def channels_calls(channels: Channels) -> list[Endpoint]:
    return [
        Endpoint(
            method="POST",
            path="/api/v1/poi/stock/guarantees/release",
            summary=("Let open guarantees flow back until the next period", "释放未用完的渠道保底，下个周期恢复"),
            action=Action.SET_STOCK,
            run=channels.release,
            body=JsonBody(ReleaseBody),
            answers={200: (ReleaseAnswer,)},
        ),
        Endpoint(
            method="GET",
            path="/api/v1/poi/stock/alerts",
            summary=("What has run low, newest first", "查询低库存提醒（从新到旧）"),
            action=Action.READ_STOCK,
            run=channels.alerts,
            query=AlertQuery,
            answers={200: (AlertsAnswer,)},
        ),
    ]
