"""The table of every endpoint."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from eightysix.catalog.kinds import BRAND, CHANNEL, ITEM, STORE, Kind
from eightysix.catalog.restore_rules import RULE
from eightysix.wire.administration import (
    AuditLine,
    AuditQuery,
    BrandNamed,
    BrandQuery,
    ChannelNamed,
    ChannelQuery,
    Imported,
    ImportQuery,
    ItemNamed,
    ItemQuery,
    KeyBody,
    KeyMade,
    KeyNamed,
    KeyQuery,
    KeyShown,
    LimitBody,
    Page,
    RotateBody,
    Several,
    StoreNamed,
    StoreQuery,
    Written,
)
from eightysix.wire.answer import BatchAnswer, HeldOrderAnswer, OrderAnswer
from eightysix.wire.change_log import LogAnswer, LogBody, LogExportQuery
from eightysix.wire.channels import AlertQuery, AlertsAnswer, ReleaseAnswer, ReleaseBody
from eightysix.wire.eighty_six import EightySixBody
from eightysix.wire.order import BatchBody
from eightysix.wire.restore_rule import PreviewAnswer, PreviewQuery, RestoreRuleNamed, RestoreRuleQuery
from eightysix.wire.stock import AvailabilityAnswer, StockSetAnswer, UpdateManyBody, UpdateOneBody

from .administration import Administration
from .auth import Action
from .body import MAX_IMPORT_BYTES
from .change_log import Log
from .channels import Channels
from .endpoint import Call, CsvBody, Endpoint, JsonBody, OneOrManyBody
from .health import Health, HealthAnswer
from .keys import Audit, Keys
from .orders import VERBS
from .reply import Reply
from .setting import StockSetting, StoresAnswer, UpdateAnswer
from .stock import AvailabilityQuery, OrderQuery, Stocks
from .stock_file import StockExportQuery, StockFiles, StockImportQuery, StocksImported

_VERB_SUMMARIES = {
    "lock": ("Hold portions for an order", "锁定库存"),
    "deduct": ("The order is paid", "支付扣减"),
    "unlock": ("The order is cancelled before payment", "取消解锁"),
    "return": ("Paid portions come back", "退回"),
    "amend": ("New quantities for live lines, or more time", "修改数量或延长锁定"),
}


class Rooms(NamedTuple):
    """Those who answer the calls."""

    stocks: Stocks
    setting: StockSetting
    files: StockFiles
    channels: Channels
    log: Log
    administration: Administration
    keys: Keys
    audit: Audit
    health: Health


def endpoints(rooms: Rooms) -> list[Endpoint]:
    """Every endpoint, in the order in which the documentation shows them.

    One that is added here needs an entry in tests/api/role_calls.py, which says how the test of roles calls it.
    """
    return [
        *_orders(),
        *_stocks(rooms.stocks),
        *_setting(rooms.setting),
        *_files(rooms.files),
        *_channels(rooms.channels),
        *_log(rooms.log),
        *_administration(rooms.administration),
        *_keys(rooms.keys),
        *_audit(rooms.audit),
        *_health(rooms.health),
    ]


def _orders() -> list[Endpoint]:
    verbs = [
        Endpoint(
            method="POST",
            path=f"/api/v1/stock/{name}",
            summary=_VERB_SUMMARIES[name],
            action=Action.ORDER,
            run=name,
            body=JsonBody(body),
            answers={200: (OrderAnswer,)},
            refusals=(409,),
        )
        for name, body in VERBS.items()
    ]
    batch = Endpoint(
        method="POST",
        path="/api/v1/stock/batch",
        summary=("Up to 1,000 verbs, each decided on its own", "批量操作，逐个判定"),
        action=Action.ORDER,
        run="batch",
        body=JsonBody(BatchBody),
        answers={200: (BatchAnswer,)},
    )
    return [*verbs, batch]


def _stocks(stocks: Stocks) -> list[Endpoint]:
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


def _setting(setting: StockSetting) -> list[Endpoint]:
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


def _files(files: StockFiles) -> list[Endpoint]:
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


def _channels(channels: Channels) -> list[Endpoint]:
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


def _log(log: Log) -> list[Endpoint]:
    path = "/api/v1/poi/stock/log"
    return [
        Endpoint(
            method="POST",
            path=path,
            summary=("Who changed what of a store's stocks, newest first", "查询门店库存变更记录（从新到旧）"),
            action=Action.READ_LOG,
            run=log.page,
            body=JsonBody(LogBody),
            answers={200: (LogAnswer,)},
        ),
        Endpoint(
            method="GET",
            path=f"{path}/export",
            summary=(
                "The same as CSV; X-Cursor, where it comes, leads to the next part",
                "导出变更记录为 CSV；如有 X-Cursor，则用它取下一部分",
            ),
            action=Action.READ_LOG,
            run=log.export,
            query=LogExportQuery,
            answers={200: (str,)},
            answer_type="text/csv",
        ),
    ]


def _administration(administration: Administration) -> list[Endpoint]:
    items_import = Endpoint(
        method="POST",
        path="/api/v1/items/import",
        summary=("Import a menu from CSV, all or nothing", "导入 CSV 菜单（全部成功或全部失败）"),
        action=Action.WRITE_CATALOG,
        run=administration.import_items,
        query=ImportQuery,
        body=CsvBody(),
        most_bytes=MAX_IMPORT_BYTES,
        answers={200: (Imported,)},
    )
    return [
        *_objects("brands", BRAND, administration, administration.brands, (BrandQuery, BrandNamed)),
        *_objects("stores", STORE, administration, administration.stores, (StoreQuery, StoreNamed)),
        *_objects("channels", CHANNEL, administration, administration.channels, (ChannelQuery, ChannelNamed)),
        *_objects("items", ITEM, administration, administration.items, (ItemQuery, ItemNamed)),
        items_import,
        *_objects("restore-rules", RULE, administration, administration.rules, (RestoreRuleQuery, RestoreRuleNamed)),
    ]


_CHINESE = {"brands": "品牌", "stores": "门店", "channels": "渠道", "items": "商品", "restore-rules": "恢复规则"}
_WRITES = ((BRAND, Action.WRITE_BRAND), (RULE, Action.WRITE_RULES))


def _objects(
    name: str,
    kind: Kind,
    administration: Administration,
    lister: Callable[[Call], Awaitable[Reply]],
    queries: tuple[type, type],
) -> list[Endpoint]:
    """GET, POST, PUT and DELETE of one kind."""
    path, shown = f"/api/v1/{name}", kind.body
    body = OneOrManyBody(shown, Several[shown])  # type: ignore[valid-type]  # a type known at run time only
    either = (shown, Written[shown])  # type: ignore[valid-type]
    write = next((action for special, action in _WRITES if special is kind), Action.WRITE_CATALOG)
    one, name = _CHINESE[name], name.replace("-", " ")
    return [
        Endpoint(
            method="GET",
            path=path,
            summary=(f"List {name}, or one of them", f"查询{one}"),
            action=Action.READ_CATALOG,
            run=lister,
            query=queries[0],
            answers={200: (Page[shown],)},  # type: ignore[valid-type]
        ),
        Endpoint(
            method="POST",
            path=path,
            summary=(f"Make {name}; 409 where one exists", f"新建{one}"),
            action=write,
            run=administration.writer(kind, replace=False),
            body=body,
            answers={201: either},
            refusals=(409,),
        ),
        Endpoint(
            method="PUT",
            path=path,
            summary=(f"Make or replace {name}", f"新建或替换{one}"),
            action=write,
            run=administration.writer(kind, replace=True),
            body=body,
            answers={200: either},
        ),
        Endpoint(
            method="DELETE",
            path=path,
            summary=(f"Delete one of the {name}", f"删除{one}"),
            action=write,
            run=administration.remover(kind),
            query=queries[1],
            answers={204: ()},
            refusals=(409,),
        ),
    ]


def _keys(keys: Keys) -> list[Endpoint]:
    path = "/api/v1/keys"
    return [
        Endpoint(
            method="GET",
            path=path,
            summary=("List keys, without their secrets", "查询密钥（不含密钥内容）"),
            action=Action.READ_KEYS,
            run=keys.list,
            query=KeyQuery,
            answers={200: (Page[KeyShown],)},
        ),
        Endpoint(
            method="POST",
            path=path,
            summary=("Make a key; its secret is shown this once", "新建密钥（仅显示一次）"),
            action=Action.WRITE_KEYS,
            run=keys.make,
            body=JsonBody(KeyBody),
            answers={201: (KeyMade,)},
        ),
        Endpoint(
            method="POST",
            path=f"{path}/rotate",
            summary=(
                "Give a key another secret; the old one may work on for a while",
                "轮换密钥（旧密钥可保留一段时间）",
            ),
            action=Action.WRITE_KEYS,
            run=keys.rotate,
            body=JsonBody(RotateBody),
            answers={200: (KeyMade,)},
            refusals=(409,),
        ),
        Endpoint(
            method="POST",
            path=f"{path}/limit",
            summary=("Set how many calls a second a key may make", "设置密钥的每秒调用上限"),
            action=Action.WRITE_KEYS,
            run=keys.limit,
            body=JsonBody(LimitBody),
            answers={200: (KeyShown,)},
        ),
        Endpoint(
            method="DELETE",
            path=path,
            summary=("Revoke a key", "吊销密钥"),
            action=Action.WRITE_KEYS,
            run=keys.revoke,
            query=KeyNamed,
            answers={204: ()},
        ),
    ]


def _audit(audit: Audit) -> list[Endpoint]:
    return [
        Endpoint(
            method="GET",
            path="/api/v1/audit",
            summary=("Who changed what of the configuration, newest first", "查询配置变更记录（最新在前）"),
            action=Action.READ_AUDIT,
            run=audit.lines,
            query=AuditQuery,
            answers={200: (Page[AuditLine],)},
        ),
    ]


def _health(health: Health) -> list[Endpoint]:
    return [
        Endpoint(
            method="GET",
            path="/healthz",
            summary=("The process lives", "进程存活"),
            action=None,
            run=health.alive,
            answers={200: (HealthAnswer,)},
        ),
        Endpoint(
            method="GET",
            path="/readyz",
            summary=("The service can take orders", "可以接单"),
            action=None,
            run=health.ready,
            answers={200: (HealthAnswer,)},
        ),
    ]
