"""Incidents over HTTP: pages of them, one with who is affected, and its resolution."""

from eightysix.catalog.catalog import Catalog
from eightysix.core.command import ResolveIncident
from eightysix.core.hold import holds
from eightysix.core.key import StoreKey
from eightysix.core.outcome import Code, IncidentResolved, Refused
from eightysix.core.stock import Stock
from eightysix.storage.incident import Below, Incidents
from eightysix.storage.port import MAX_SEQ, Reader
from eightysix.wire.answer import refused_answer
from eightysix.wire.incident import (
    IncidentQuery,
    Place,
    ResolveBody,
    incident_shown,
    incidents_answer,
    read_incident_id,
    resolved_answer,
)
from eightysix.wire.problem import STATUS, Problem, Rejection

from .endpoint import Call
from .orders import Submit
from .reply import Reply, json_reply
from .scope import store_named, stores_reached

STORES_MOST = 1_000
"""Stores whose incidents are on one page."""

_END_OF_TIME = 2**53


class IncidentDesk:
    """Answers the calls about incidents."""

    def __init__(self, submit: Submit, incidents: Incidents, reader: Reader, catalog: Catalog) -> None:
        self._submit = submit
        self._incidents = incidents
        self._reader = reader
        self._catalog = catalog

    async def page(self, call: Call) -> Reply:
        """GET a page, newest first: a store's, or those of all stores of a brand that the key reaches."""
        query: IncidentQuery = call.query
        catalogue = self._catalog.current
        if query.poi_id is None:
            poi_ids = stores_reached(call.caller, catalogue, query.brand_id, None)
        else:
            poi_ids = [store_named(call.caller, catalogue, query.brand_id, query.poi_id).poi_id]
        if len(poi_ids) > STORES_MOST:
            raise Rejection(Problem.TOO_MANY, "poiId", most=STORES_MOST)
        place, most = query.place(), query.most()
        wanted = {StoreKey.of(query.brand_id, poi_id): _below(poi_id, place) for poi_id in poi_ids}
        found = await self._incidents.newest(wanted, most + 1, open_only=query.open)
        found.sort(key=lambda each: (each[1].opened_at, each[0].poi_id, each[1].seq), reverse=True)
        return json_reply(incidents_answer(found, most))

    async def one(self, call: Call) -> Reply:
        """GET one, with its stock and the orders that hold it."""
        store, seq = self._named(call)
        incident = await self._incidents.find(store, seq)
        if incident is None:
            raise Rejection(Code.INCIDENT_NOT_FOUND, "incident_id")
        rows = await self._reader.store_rows(store, [incident.key])
        stock = rows.stocks[0] if rows.stocks else Stock(incident.key)
        now, locked = await self._incidents.locked(store)
        return json_reply(incident_shown(store, incident, stock, holds(locked, incident.key, now)))

    async def resolve(self, call: Call) -> Reply:
        """POST how it is resolved."""
        body: ResolveBody = call.body
        store, seq = self._named(call)
        outcome = await self._submit(body.command(store, seq, call.caller.actor))
        if isinstance(outcome, IncidentResolved):
            return json_reply(resolved_answer(store, outcome))
        if isinstance(outcome, Refused):
            return json_reply(refused_answer(outcome, call.language), STATUS[outcome.code])
        raise TypeError(f"{ResolveIncident.__name__} came to {type(outcome).__name__}")

    def _named(self, call: Call) -> tuple[StoreKey, int]:
        """The store and seq that an id stands for; a stranger's store is as absent as it is elsewhere."""
        named = read_incident_id(call.tail)
        if named is None:
            raise Rejection(Code.INCIDENT_NOT_FOUND, "incident_id")
        brand_id, poi_id, seq = named
        return store_named(call.caller, self._catalog.current, brand_id, poi_id), seq


def _below(poi_id: str, place: Place | None) -> Below:
    """Where a store's page goes on. Those opened at the same moment come in the order of their stores, the highest id
    first."""
    if place is None:
        return Below(_END_OF_TIME, 0)
    if poi_id == place.poi_id:
        return Below(place.opened_at, place.seq)
    return Below(place.opened_at, MAX_SEQ if poi_id < place.poi_id else 0)
