"""Following a store: what changed, its stream, acknowledgements, devices."""

from eightysix.api.auth import Action
from eightysix.api.endpoint import Endpoint, JsonBody
from eightysix.api.following import DeviceList, Following
from eightysix.api.stream import MEDIA_TYPE, PATH, Streams
from eightysix.wire.event import SentEvent
from eightysix.wire.following import (
    AckAnswer,
    AckBody,
    DevicesAnswer,
    DevicesQuery,
    FindBody,
    FoundAnswer,
    StreamQuery,
)


def following_calls(following: Following, streams: Streams) -> list[Endpoint]:
    return [
        Endpoint(
            method="POST",
            path="/api/v1/poi/stock/find-to-pos",
            summary=("What changed of a store since a cursor", "查询门店自某游标以来的变更"),
            action=Action.FOLLOW,
            run=following.find,
            body=JsonBody(FindBody),
            answers={200: (FoundAnswer,)},
        ),
        Endpoint(
            method="GET",
            path=PATH,
            summary=("A store's changes as server-sent events", "以 SSE 推送门店的变更"),
            action=Action.FOLLOW,
            run=streams.once,
            query=StreamQuery,
            answers={200: (SentEvent,)},
            answer_type=MEDIA_TYPE,
        ),
        Endpoint(
            method="POST",
            path="/api/v1/poi/stock/ack",
            summary=("A device has applied everything up to a cursor", "设备确认已应用到某游标"),
            action=Action.FOLLOW,
            run=following.ack,
            body=JsonBody(AckBody),
            answers={200: (AckAnswer,)},
            refusals=(409,),
        ),
    ]


def devices_calls(devices: DeviceList) -> list[Endpoint]:
    return [
        Endpoint(
            method="GET",
            path="/api/v1/poi/stock/devices",
            summary=("How far the devices of stores are", "查询门店设备的同步进度"),
            action=Action.READ_DEVICES,
            run=devices.devices,
            query=DevicesQuery,
            answers={200: (DevicesAnswer,)},
        ),
    ]
