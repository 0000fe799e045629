"""From a change to everybody who must know: what is stuck on its way."""

from eightysix.api.auth import Action
from eightysix.api.endpoint import Endpoint, JsonBody
from eightysix.api.parked import ParkedMessages
from eightysix.wire.parked import ParkedAnswer, ParkedQuery, ParkedReplayBody, ParkedReplayed


def parked_calls(parked: ParkedMessages) -> list[Endpoint]:
    return [
        Endpoint(
            method="GET",
            path="/api/v1/sync/parked",
            summary=("Messages that could not be published, and why", "查询无法发布的消息及原因"),
            action=Action.RUN_SYNC,
            run=parked.listed,
            query=ParkedQuery,
            answers={200: (ParkedAnswer,)},
        ),
        Endpoint(
            method="POST",
            path="/api/v1/sync/parked/replay",
            summary=("Publish parked messages again", "重新发布被搁置的消息"),
            action=Action.RUN_SYNC,
            run=parked.replay,
            body=JsonBody(ParkedReplayBody),
            answers={200: (ParkedReplayed,)},
        ),
    ]
