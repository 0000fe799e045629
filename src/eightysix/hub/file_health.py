"""Whether the hub's file takes what is written: a full disk or a damaged file is told, and not found out by a guest."""

import contextlib
from pathlib import Path
from time import time

from eightysix.engine.observer import BatchReport, Observer
from eightysix.storage.port import Conflict, GuardFailed, StorageFault

_PROBE_BYTES = 256 * 1024
"""What has to fit on the disk before it counts as free again where nothing else is written."""


class FileHealth(Observer):
    """As an observer of the engine it hears of each batch that the file didn't take, and of the next that it did."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.why: str | None = None
        """What the database said; None while all is well."""
        self.since: float | None = None
        """Since when, in seconds since 1970."""

    def batch_retried(self, lane_no: int, fault: BaseException) -> None:  # noqa: ARG002 - as the engine tells it
        if isinstance(fault, StorageFault) and not isinstance(fault, (Conflict, GuardFailed)):
            self.note(str(fault))

    def batch_done(self, report: BatchReport) -> None:
        if report.changed:
            self.clear()

    def note(self, why: str) -> None:
        """It can't be used, and why."""
        self.why = why
        self.since = self.since or time()

    def clear(self) -> None:
        self.why = self.since = None

    def look_again(self) -> None:
        """Where nothing is written, nobody would hear that there is room again: try it, beside the database. A file
        that is damaged stays so."""
        if self.why is None or "damaged" in self.why:
            return
        probe = self.path.with_name(self.path.name + ".probe")
        try:
            probe.write_bytes(b"\0" * _PROBE_BYTES)
        except OSError:
            return
        finally:
            with contextlib.suppress(OSError):
                probe.unlink(missing_ok=True)
        self.clear()
