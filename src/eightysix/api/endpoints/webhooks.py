"""Webhooks."""

from eightysix.api.auth import Action
from eightysix.api.endpoint import Endpoint, JsonBody, OneOrManyBody
from eightysix.api.webhooks import WebhookDesk
from eightysix.wire.administration import Page, Several, Written
from eightysix.wire.webhook import (
    DeliveriesAnswer,
    DeliveriesQuery,
    PingAnswer,
    ReplayWebhookBody,
    RotateWebhookBody,
    WebhookBody,
    WebhookMade,
    WebhookNamed,
    WebhookQuery,
    WebhookReplayed,
    WebhookShown,
)

_PATH = "/api/v1/webhooks"


def webhooks_calls(desk: WebhookDesk) -> list[Endpoint]:
    return [*_objects(desk), *_verbs(desk)]


def _objects(desk: WebhookDesk) -> list[Endpoint]:
    body, either = OneOrManyBody(WebhookBody, Several[WebhookBody]), (WebhookMade, Written[WebhookMade])
    return [
        Endpoint(
            method="GET",
            path=_PATH,
            summary=("List webhooks, or one of them, without their secrets", "查询 Webhook（不含密钥）"),
            action=Action.WEBHOOKS,
            run=desk.page,
            query=WebhookQuery,
            answers={200: (Page[WebhookShown],)},
        ),
        Endpoint(
            method="POST",
            path=_PATH,
            summary=(
                "Make webhooks; 409 where one exists; a secret is shown this once",
                "新建 Webhook（密钥仅显示一次）",
            ),
            action=Action.WEBHOOKS,
            run=desk.writer(replace=False),
            body=body,
            answers={201: either},
            refusals=(409,),
        ),
        Endpoint(
            method="PUT",
            path=_PATH,
            summary=("Make or replace webhooks; those that exist keep their secret", "新建或替换 Webhook（密钥不变）"),
            action=Action.WEBHOOKS,
            run=desk.writer(replace=True),
            body=body,
            answers={200: either},
        ),
        Endpoint(
            method="DELETE",
            path=_PATH,
            summary=("Delete a webhook and what is queued for it", "删除 Webhook 及其待发队列"),
            action=Action.WEBHOOKS,
            run=desk.remove,
            query=WebhookNamed,
            answers={204: ()},
        ),
    ]


def _verbs(desk: WebhookDesk) -> list[Endpoint]:
    return [
        Endpoint(
            method="POST",
            path=f"{_PATH}/rotate",
            summary=(
                "Give a webhook another secret; both sign until the overlap ends",
                "轮换 Webhook 密钥（重叠期内新旧密钥同时签名）",
            ),
            action=Action.WEBHOOKS,
            run=desk.rotate,
            body=JsonBody(RotateWebhookBody),
            answers={200: (WebhookMade,)},
            refusals=(409,),
        ),
        Endpoint(
            method="POST",
            path=f"{_PATH}/ping",
            summary=("Send a test now, and see what the endpoint says", "立即发送测试并查看对方应答"),
            action=Action.WEBHOOKS,
            run=desk.ping,
            body=JsonBody(WebhookNamed),
            answers={200: (PingAnswer,)},
        ),
        Endpoint(
            method="POST",
            path=f"{_PATH}/resume",
            summary=("Make a webhook active again after a pause", "暂停后恢复 Webhook"),
            action=Action.WEBHOOKS,
            run=desk.resume,
            body=JsonBody(WebhookNamed),
            answers={200: (WebhookShown,)},
        ),
        Endpoint(
            method="POST",
            path=f"{_PATH}/replay",
            summary=(
                "Tell an endpoint again what is: of stores, or of what was tried in a stretch of time",
                "向 Webhook 重新推送当前状态（按门店或按时间段）",
            ),
            action=Action.WEBHOOKS,
            run=desk.replay,
            body=JsonBody(ReplayWebhookBody),
            answers={200: (WebhookReplayed,)},
        ),
        Endpoint(
            method="GET",
            path=f"{_PATH}/deliveries",
            summary=("What was tried and what came of it, newest first", "查询 Webhook 投递记录（从新到旧）"),
            action=Action.WEBHOOKS,
            run=desk.deliveries,
            query=DeliveriesQuery,
            answers={200: (DeliveriesAnswer,)},
        ),
    ]
