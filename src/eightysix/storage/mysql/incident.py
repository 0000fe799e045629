"""Reads of incidents: a statement a store, which reaches one physical shard."""

from collections.abc import Mapping

from eightysix.core.change import Incident
from eightysix.core.key import StoreKey
from eightysix.core.reservation import Reservation, State
from eightysix.storage.incident import Below

from . import load
from .pool import Pool
from .session import Session
from .statement import key_condition
from .table import INCIDENT, RESERVATION, STORE


class MysqlIncidents:
    """See `storage.incident.Incidents`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def newest(
        self, wanted: Mapping[StoreKey, Below], limit: int, *, open_only: bool
    ) -> list[tuple[StoreKey, Incident]]:
        async def read(session: Session) -> list[tuple[StoreKey, Incident]]:
            found: list[tuple[StoreKey, Incident]] = []
            for store, (at, seq) in wanted.items():
                where = key_condition(STORE, [load.store_tuple(store)])
                where += f" AND opened_at <= {int(at)} AND (opened_at < {int(at)} OR seq < {int(seq)})"
                if open_only:
                    where += " AND resolved_at IS NULL"
                sql = (
                    f"SELECT {INCIDENT.selected} FROM {INCIDENT.table} WHERE {where} "
                    f"ORDER BY opened_at DESC, seq DESC LIMIT {int(limit)}"
                )
                found += [(store, INCIDENT.read(row[3:])) for row in await session.rows(sql)]
            return found

        return await self._pool.run(read)

    async def find(self, store: StoreKey, seq: int) -> Incident | None:
        where = key_condition((*STORE, "seq"), [(*load.store_tuple(store), str(int(seq)))])
        found = await self._pool.rows(f"SELECT {INCIDENT.selected} FROM {INCIDENT.table} WHERE {where}")
        return INCIDENT.read(found[0][3:]) if found else None

    async def locked(self, store: StoreKey) -> tuple[int, list[Reservation]]:
        where = key_condition(STORE, [load.store_tuple(store)])
        sql = f"SELECT {RESERVATION.selected} FROM {RESERVATION.table} WHERE {where} AND state = {int(State.LOCKED)}"

        async def read(session: Session) -> tuple[int, list[Reservation]]:
            now, _ = await load.clock_and_head(session, store)
            return now, [RESERVATION.read(row[3:]) for row in await session.rows(sql)]

        return await self._pool.run(read)
