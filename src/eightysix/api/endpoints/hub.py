"""A store's hub: pairing and replacing it, and what it asks and tells itself."""

from eightysix.api.auth import Action
from eightysix.api.endpoint import Endpoint, JsonBody
from eightysix.api.hub import HubLine
from eightysix.api.hubs import HubDesk
from eightysix.wire.grant import GrantsAnswer, GrantsBody
from eightysix.wire.hub import (
    HubCodeAnswer,
    HubCodeBody,
    HubQuery,
    HubReplaced,
    HubsAnswer,
    PairAnswer,
    PairBody,
    ReplaceHubBody,
)
from eightysix.wire.hub_event import MAX_EVENTS_BYTES, HubEventsAnswer, HubEventsBody
from eightysix.wire.hub_orders import HubOrdersAnswer, HubOrdersQuery
from eightysix.wire.store_copy import StoreCopy, StoreCopyQuery


def hubs_calls(desk: HubDesk) -> list[Endpoint]:
    return [
        Endpoint(
            method="GET",
            path="/api/v1/hubs",
            summary=("The hubs of stores and how far they are", "查询门店中枢及其进度"),
            action=Action.READ_DEVICES,
            run=desk.listed,
            query=HubQuery,
            answers={200: (HubsAnswer,)},
        ),
        Endpoint(
            method="POST",
            path="/api/v1/hubs/code",
            summary=("A code that pairs a store's hub, once", "获取一次性的门店中枢配对码"),
            action=Action.PAIR_HUB,
            run=desk.invite,
            body=JsonBody(HubCodeBody),
            answers={201: (HubCodeAnswer,)},
            refusals=(409,),
        ),
        Endpoint(
            method="POST",
            path="/api/v1/hubs/pair",
            summary=(
                "Become a store's hub by its code; the key is shown this once",
                "凭配对码成为门店中枢（密钥仅显示一次）",
            ),
            action=None,
            run=desk.pair,
            body=JsonBody(PairBody),
            answers={201: (PairAnswer,)},
            refusals=(404, 422, 429),
        ),
        Endpoint(
            method="POST",
            path="/api/v1/hubs/replace",
            summary=("Write off what a lost hub holds, and shut it out", "核销丢失中枢持有的额度并停用该中枢"),
            action=Action.PAIR_HUB,
            run=desk.replace,
            body=JsonBody(ReplaceHubBody),
            answers={200: (HubReplaced,)},
            refusals=(409,),
        ),
    ]


def hub_calls(line: HubLine) -> list[Endpoint]:
    return [
        Endpoint(
            method="GET",
            path="/api/v1/hub/store",
            summary=("All that the store's hub needs of the configuration", "获取门店中枢所需的全部配置"),
            action=Action.BE_HUB,
            run=line.store,
            query=StoreCopyQuery,
            answers={200: (StoreCopy,), 204: ()},
        ),
        Endpoint(
            method="GET",
            path="/api/v1/hub/orders",
            summary=("The cloud's live orders of the store", "查询门店在云端的有效订单"),
            action=Action.BE_HUB,
            run=line.orders,
            query=HubOrdersQuery,
            answers={200: (HubOrdersAnswer,)},
        ),
        Endpoint(
            method="POST",
            path="/api/v1/hub/events",
            summary=("What a hub has done, in the order of its journal", "上报中枢日志中的事件（按顺序）"),
            action=Action.TELL_HUB,
            run=line.events,
            body=JsonBody(HubEventsBody),
            most_bytes=MAX_EVENTS_BYTES,
            answers={200: (HubEventsAnswer,)},
            refusals=(409,),
        ),
        Endpoint(
            method="POST",
            path="/api/v1/poi/stock/grants",
            summary=("A hub asks for more of its store's stocks, or gives back", "中枢申请或交还库存额度"),
            action=Action.BE_HUB,
            run=line.grants,
            body=JsonBody(GrantsBody),
            answers={200: (GrantsAnswer,)},
            refusals=(409,),
        ),
    ]
