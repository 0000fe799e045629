"""What the order service tells by messages: what could not be processed of it."""

from eightysix.api.auth import Action
from eightysix.api.endpoint import Endpoint, JsonBody
from eightysix.api.parked_events import ParkedEvents
from eightysix.wire.administration import Page
from eightysix.wire.parked_event import (
    DiscardedEvents,
    DiscardEventsBody,
    ParkedEvent,
    ParkedEventQuery,
    ReplayedEvents,
    ReplayEventsBody,
)


def parked_events_calls(parked: ParkedEvents) -> list[Endpoint]:
    path = "/api/v1/sync/order-events/parked"
    return [
        Endpoint(
            method="GET",
            path=path,
            summary=("Order events that could not be processed, and why", "查询无法处理的订单事件及原因"),
            action=Action.RUN_SYNC,
            run=parked.listed,
            query=ParkedEventQuery,
            answers={200: (Page[ParkedEvent],)},
        ),
        Endpoint(
            method="POST",
            path=f"{path}/replay",
            summary=("Process parked order events again", "重新处理被搁置的订单事件"),
            action=Action.RUN_SYNC,
            run=parked.replay,
            body=JsonBody(ReplayEventsBody),
            answers={200: (ReplayedEvents,)},
        ),
        Endpoint(
            method="POST",
            path=f"{path}/discard",
            summary=("Forget parked order events that nobody needs", "丢弃不再需要的已搁置订单事件"),
            action=Action.RUN_SYNC,
            run=parked.discard,
            body=JsonBody(DiscardEventsBody),
            answers={200: (DiscardedEvents,)},
        ),
    ]
