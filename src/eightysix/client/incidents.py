"""Incidents as calls: which there are, whom one affects, and how it is resolved."""

from decimal import Decimal
from typing import Literal
from urllib.parse import quote

from eightysix.wire.incident import IncidentAnswer, IncidentsAnswer, IncidentShown, ResolveBody, ResolvedAnswer

from .asking import get, pages, post
from .call import Call
from .reading import as_type
from .series import Series

PAGE = 100
"""Incidents that are asked for at a time."""

_ROOT = "/api/v1/incidents"


def incidents(
    brand_id: str, poi_id: str | None = None, *, open_only: bool = False, limit: int = PAGE
) -> Series[IncidentAnswer]:
    """The incidents of a brand, or of one store of it, newest first; with `open_only` those that nobody has resolved.
    `limit` is how many are asked for at a time."""

    def ask(cursor: str | None) -> Call[IncidentsAnswer]:
        fields = (
            ("brandId", brand_id),
            ("poiId", poi_id),
            ("open", "true" if open_only else "false"),
            ("cursor", cursor),
            ("limit", str(limit)),
        )
        return get("incidents", _ROOT, as_type(IncidentsAnswer), fields)

    return pages(ask, lambda page: page.items)


def incident(incident_id: str) -> Call[IncidentShown]:
    """One, with its stock and the orders that hold it. Refused INCIDENT_NOT_FOUND where there is none."""
    return get("incident", f"{_ROOT}/{quote(incident_id, safe='')}", as_type(IncidentShown))


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
    return post(
        "resolve_incident",
        f"{_ROOT}/{quote(incident_id, safe='')}/resolve",
        body,
        as_type(ResolvedAnswer),
        endpoint=f"{_ROOT}/{{incident_id}}/resolve",
    )
