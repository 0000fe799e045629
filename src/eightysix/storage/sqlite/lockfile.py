"""The lock file beside the database: one process at a time.

The lock is the kernel's (`flock`), so it goes with the process however that ends; the file itself stays, and its
content, the owner's process id, only serves the message.
"""

import fcntl
import os
from pathlib import Path

from eightysix.storage.port import StorageFault


class DatabaseInUse(StorageFault):
    """Another process has this SQLite database open."""


class LockFile:
    """An exclusive lock on `<database>.lock`, held until `release`."""

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(database.name + ".lock")
        self._descriptor: int | None = None

    def take(self) -> None:
        """Raises DatabaseInUse naming the file and the other process; OSError when the file can't be made."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise DatabaseInUse(
                f"the database is in use by process {owner} (it holds {self.path}); "
                "SQLite serves one process at a time, use PostgreSQL or MySQL for several"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go; releasing twice does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
