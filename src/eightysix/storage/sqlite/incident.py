"""Reads of incidents, on the connection of the other readers: each is one short statement."""

from collections.abc import Mapping

from eightysix.core.change import Incident
from eightysix.core.key import StoreKey
from eightysix.core.reservation import Reservation
from eightysix.storage.incident import Below

from . import rows, statements
from .following import One

_SHOWN = ", ".join(f"t.{name}" for name in statements.INCIDENT)
_KEY = " AND ".join(
    f"t.{name} = json_extract(j.value, '$[{at}]')" for at, name in enumerate(("product_shard_id", "brand_id", "poi_id"))
)
_THIS_STORE = "t.product_shard_id = ?1 AND t.brand_id = ?2 AND t.poi_id = ?3"


def _newest(index: str = "", also: str = "") -> str:
    return (
        "SELECT json_group_array(json(row)) FROM (SELECT json_array(t.product_shard_id, t.brand_id, t.poi_id, "  # noqa: S608
        f"{_SHOWN}) AS row FROM json_each(?1) j CROSS JOIN poi_stock_incident t{index} "
        f"WHERE {_KEY}{also} "
        "AND (t.opened_at, t.seq) < (json_extract(j.value, '$[3]'), json_extract(j.value, '$[4]')) "
        "ORDER BY t.opened_at DESC, t.poi_id DESC, t.seq DESC LIMIT ?2)"
    )


NEWEST_INCIDENTS = _newest()
OPEN_INCIDENTS = _newest(" INDEXED BY ix_stock_incident_open", " AND t.resolved_at IS NULL")
"""A statement of its own: an index has the open ones, which are few. By itself SQLite would rather read the table."""
FIND_INCIDENT = (
    f"SELECT json_group_array(json_array({_SHOWN})) FROM poi_stock_incident t WHERE {_THIS_STORE} AND t.seq = ?4"  # noqa: S608
)
LOCKED_LINES = (
    f"SELECT {statements.NOW}, (SELECT json_group_array(json_array("  # noqa: S608
    f"{', '.join(f't.{name}' for name in statements.RESERVATION)})) FROM poi_stock_reservation t "
    f"WHERE {_THIS_STORE} AND t.state = 1)"
)

HOT_STATEMENTS = {
    "NEWEST_INCIDENTS": NEWEST_INCIDENTS,
    "OPEN_INCIDENTS": OPEN_INCIDENTS,
    "FIND_INCIDENT": FIND_INCIDENT,
    "LOCKED_LINES": LOCKED_LINES,
}


class SqliteIncidents:
    """`storage.incident.Incidents`."""

    def __init__(self, one: One) -> None:
        self._one = one

    async def newest(
        self, wanted: Mapping[StoreKey, Below], limit: int, *, open_only: bool
    ) -> list[tuple[StoreKey, Incident]]:
        """See the port. Those of all stores together are at most `limit`, the newest, which is enough."""
        keys = rows.encode([(*store, *below) for store, below in wanted.items()]).decode()
        (found,) = await self._one(OPEN_INCIDENTS if open_only else NEWEST_INCIDENTS, keys, limit)
        return [(StoreKey(*row[:3]), rows.incident(row[3:])) for row in rows.decode(found)]

    async def find(self, store: StoreKey, seq: int) -> Incident | None:
        """See the port."""
        (found,) = await self._one(FIND_INCIDENT, *store, seq)
        return next((rows.incident(row) for row in rows.decode(found)), None)

    async def locked(self, store: StoreKey) -> tuple[int, list[Reservation]]:
        """See the port."""
        now, found = await self._one(LOCKED_LINES, *store)
        return now, [rows.reservation(row) for row in rows.decode(found)]
