"""A hub's probes: it is ready while its file takes what is written, whether it is online or not."""

from typing import Any

from eightysix.api.health import Health
from eightysix.api.reply import Reply
from eightysix.storage.port import Database, StorageFault
from eightysix.wire.problem import Problem, Rejection

from .file_health import FileHealth


class HubHealth(Health):
    """Answers the probes at a hub."""

    def __init__(self, database: Database, file: FileHealth) -> None:
        super().__init__(database)
        self._file = file

    async def ready(self, call: Any) -> Reply:
        """503 with the file's name while it can't be used."""
        self._file.look_again()
        if self._file.why is None:
            try:
                return await super().ready(call)
            except StorageFault as fault:
                self._file.note(str(fault))
        raise Rejection(Problem.FILE_FAILING, file=self._file.path, why=self._file.why)
