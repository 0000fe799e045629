"""Broken promises, and how they are resolved."""

from eightysix.api.auth import Action
from eightysix.api.endpoint import Endpoint, JsonBody
from eightysix.api.incidents import IncidentDesk
from eightysix.wire.incident import IncidentQuery, IncidentsAnswer, IncidentShown, ResolveBody, ResolvedAnswer


def incidents_calls(incidents: IncidentDesk) -> list[Endpoint]:
    path = "/api/v1/incidents"
    return [
        Endpoint(
            method="GET",
            path=path,
            summary=("Incidents of a brand or a store, newest first", "查询品牌或门店的库存事件（从新到旧）"),
            action=Action.READ_INCIDENTS,
            run=incidents.page,
            query=IncidentQuery,
            answers={200: (IncidentsAnswer,)},
        ),
        Endpoint(
            method="GET",
            path=f"{path}/{{incident_id}}",
            summary=("An incident, and the orders that are affected", "查询库存事件及受影响的订单"),
            action=Action.READ_INCIDENTS,
            run=incidents.one,
            answers={200: (IncidentShown,)},
        ),
        Endpoint(
            method="POST",
            path=f"{path}/{{incident_id}}/resolve",
            summary=("Resolve an incident: cancel, accept or recount", "处理库存事件：取消订单、接受或重新盘点"),
            action=Action.RESOLVE,
            run=incidents.resolve,
            body=JsonBody(ResolveBody),
            answers={200: (ResolvedAnswer,)},
            refusals=(409,),
        ),
    ]
