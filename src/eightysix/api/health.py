"""Whether the process lives, and whether it can take orders."""

from typing import Any, Literal

import msgspec

from eightysix.storage.port import Database

from .reply import Reply, json_reply


class HealthAnswer(msgspec.Struct, frozen=True):
    """All is well."""

    status: Literal["ok"] = "ok"


class Health:
    """Answers the probes; they need no key and tell nothing else."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def alive(self, _: Any) -> Reply:
        return json_reply(HealthAnswer())

    async def ready(self, _: Any) -> Reply:
        """503 while the database can't answer."""
        await self._database.ping()
        return json_reply(HealthAnswer())
