"""Reads of incidents: one statement each, and so one snapshot."""

from collections.abc import Mapping

from eightysix.core.change import Incident
from eightysix.core.key import StoreKey
from eightysix.core.reservation import Reservation
from eightysix.storage.incident import Below

from .following import STORE_KEY, Fetch, by_column
from .rows import (
    CLOCK,
    INCIDENT,
    RESERVATION_FLAG,
    RESERVATION_NUMBERS,
    RESERVATION_TEXTS,
    incident_of,
    reservation_of,
)

_WANTED = (
    "unnest($1::smallint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[]) "
    f"AS s ({', '.join(STORE_KEY)}, below_at, below_seq)"
)
_SHOWN = ", ".join(INCIDENT)


def _newest(also: str) -> str:
    return (
        f"SELECT i.product_shard_id, i.brand_id, i.poi_id, {_SHOWN} FROM {_WANTED} CROSS JOIN LATERAL ("
        "SELECT * FROM poi_stock_incident AS i WHERE i.product_shard_id = s.product_shard_id "
        f"AND i.brand_id = s.brand_id AND i.poi_id = s.poi_id{also} "
        "AND (i.opened_at, i.seq) < (s.below_at, s.below_seq) ORDER BY i.opened_at DESC, i.seq DESC LIMIT $6) AS i"
    )


NEWEST_STATEMENT = _newest("")
OPEN_STATEMENT = _newest(" AND i.resolved_at IS NULL")
"""A statement of its own: an index has the open ones, which are few."""
FIND_STATEMENT = (
    f"SELECT {_SHOWN} FROM poi_stock_incident AS i WHERE i.product_shard_id = $1 AND i.brand_id = $2 "
    "AND i.poi_id = $3 AND i.seq = $4"
)
_TEXTS, _NUMBERS = 2, 2 + len(RESERVATION_TEXTS)
LOCKED_STATEMENT = (
    f"SELECT {CLOCK}, {RESERVATION_FLAG}, {', '.join((*RESERVATION_TEXTS, *RESERVATION_NUMBERS))} "
    "FROM (SELECT 1) AS always LEFT JOIN poi_stock_reservation AS r ON r.product_shard_id = $1 "
    "AND r.brand_id = $2 AND r.poi_id = $3 AND r.state = 1"
)


class PostgresIncidents:
    """See `eightysix.storage.incident.Incidents`."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    async def newest(
        self, wanted: Mapping[StoreKey, Below], limit: int, *, open_only: bool
    ) -> list[tuple[StoreKey, Incident]]:
        below = ([each.at for each in wanted.values()], [each.seq for each in wanted.values()])
        statement = OPEN_STATEMENT if open_only else NEWEST_STATEMENT
        found = await self._fetch(statement, *by_column(list(wanted)), *below, limit)
        return [(StoreKey(*row[:3]), incident_of(row[3:])) for row in found]

    async def find(self, store: StoreKey, seq: int) -> Incident | None:
        found = await self._fetch(FIND_STATEMENT, *store, seq)
        return incident_of(found[0]) if found else None

    async def locked(self, store: StoreKey) -> tuple[int, list[Reservation]]:
        found = await self._fetch(LOCKED_STATEMENT, *store)
        lines = [reservation_of(row[1], row[_TEXTS:_NUMBERS], row[_NUMBERS:]) for row in found if row[2] is not None]
        return found[0][0], lines
