"""Incidents as calls: which there are, whom one affects, and how it is resolved."""

from decimal import Decimal
from typing import Literal
from urllib.parse import quote

from eightysix.wire.answer import ENCODER
from eightysix.wire.incident import IncidentAnswer, IncidentsAnswer, IncidentShown, ResolveBody, ResolvedAnswer

from .attempts import attempts
from .call import Call, Safety
from .reading import as_type
from .series import Series
from .setup import Setup
from .step import Give, Steps
from .table import safety_of

PAGE = 100
"""Incidents that are asked for at a time."""

_ROOT = "/api/v1/incidents"


def incidents(
    brand_id: str, poi_id: str | None = None, *, open_only: bool = False, limit: int = PAGE
) -> Series[IncidentAnswer]:
    """The incidents of a brand, or of one store of it, newest first; with `open_only` those that nobody has resolved.
    `limit` is how many are asked for at a time."""

    def steps(setup: Setup) -> Steps[None]:
        cursor: str | None = None
        while True:
            page = yield from attempts(_page(brand_id, poi_id, open_only, limit, cursor), setup)
            for each in page.items:
                yield Give(each)
            cursor = page.cursor
            if cursor is None:
                return

    return Series(steps)


def incident(incident_id: str) -> Call[IncidentShown]:
    """One, with its stock and the orders that hold it. Refused INCIDENT_NOT_FOUND where there is none."""
    path = f"{_ROOT}/{quote(incident_id, safe='')}"
    return Call(name="incident", method="GET", path=path, safety=Safety.READ, read=as_type(IncidentShown))


def resolve_incident(
    incident_id: str,
    how: Literal["cancel", "accept", "recount"],
    reason: str,
    counted: Decimal | int | None = None,
) -> Call[ResolvedAnswer]:
    """Resolve it: `cancel` the newest unpaid orders until what is promised fits, `accept` what was sold beyond, or
    `recount`: so much is `counted` now.

    Refused ALREADY_RESOLVED where that was done in another way, NOTHING_TO_CANCEL where no order of the cloud can be.
    """
    body = ResolveBody(how=how, reason=reason, counted_quantity=None if counted is None else Decimal(counted))
    return Call(
        name="resolve_incident",
        method="POST",
        path=f"{_ROOT}/{quote(incident_id, safe='')}/resolve",
        safety=safety_of("POST", f"{_ROOT}/{{incident_id}}/resolve"),
        read=as_type(ResolvedAnswer),
        body=ENCODER.encode(body),
    )


def _page(
    brand_id: str,
    poi_id: str | None,
    open_only: bool,  # noqa: FBT001 - as it came
    limit: int,
    cursor: str | None,
) -> Call[IncidentsAnswer]:
    query = [("brandId", brand_id), ("limit", str(limit)), ("open", "true" if open_only else "false")]
    query += [] if poi_id is None else [("poiId", poi_id)]
    query += [] if cursor is None else [("cursor", cursor)]
    return Call(
        name="incidents",
        method="GET",
        path=_ROOT,
        query=tuple(query),
        safety=Safety.READ,
        read=as_type(IncidentsAnswer),
    )
