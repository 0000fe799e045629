"""Brands, stores, channels, items, rules; keys."""

from collections.abc import Awaitable, Callable

from eightysix.api.administration import Administration
from eightysix.api.auth import Action
from eightysix.api.body import MAX_IMPORT_BYTES
from eightysix.api.endpoint import Call, CsvBody, Endpoint, JsonBody, OneOrManyBody
from eightysix.api.keys import Keys
from eightysix.api.reply import Reply
from eightysix.catalog.kinds import BRAND, CHANNEL, ITEM, STORE, Kind
from eightysix.catalog.restore_rules import RULE
from eightysix.wire.administration import (
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
from eightysix.wire.restore_rule import RestoreRuleNamed, RestoreRuleQuery


def administration_calls(administration: Administration) -> list[Endpoint]:
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


def keys_calls(keys: Keys) -> list[Endpoint]:
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
