"""Who changed what of the configuration: lines that are written in the transaction of the change itself.

A line holds the object before and after as the wire shows it, so no secret and no hash of one can get into it. A
replacement that changes nothing has no line.
"""

from typing import Any, NamedTuple

import msgspec

from eightysix.core.instant import to_iso
from eightysix.storage.catalog import CatalogWrite, Row
from eightysix.wire.administration import AuditLine
from eightysix.wire.answer import ENCODER

from .clock import now_ms
from .kinds import Kind


class Journal:
    """The lines of one change, by one actor."""

    def __init__(self, actor: str) -> None:
        self._actor = actor
        self._lines: list[dict[str, Any]] = []

    def note(
        self, action: str, kind: str, name: str, brand_id: str | None, *, before: Any = None, after: Any = None
    ) -> None:
        """One object was changed. `before` and `after` are what the wire shows of it, None where it isn't there."""
        self._lines.append(
            {
                "actor": self._actor,
                "action": action,
                "kind": kind,
                "object": name,
                "brand_id": brand_id,
                "before": _plain(before),
                "after": _plain(after),
            }
        )

    async def save(self, write: CatalogWrite) -> None:
        """Write the lines as part of the change."""
        await write.log(self._lines, now_ms())


class Change(NamedTuple):
    """One writing transaction, and the lines that tell of it."""

    write: CatalogWrite
    journal: Journal

    def put(self, kind: Kind, before: Row | None, row: Row, action: str | None = None) -> None:
        """Note an object that was made or replaced, or whatever else `action` calls it."""
        called = action or ("create" if before is None else "replace")
        shown = None if before is None else kind.show(before)
        self.journal.note(called, kind.name, kind.name_of(row), row["brand_id"], before=shown, after=kind.show(row))

    def removed(self, kind: Kind, row: Row) -> None:
        """Note an object that was deleted."""
        self.journal.note("delete", kind.name, kind.name_of(row), row["brand_id"], before=kind.show(row))


def line_of(row: Row) -> AuditLine:
    """A line as it is shown."""
    names = ("actor", "action", "kind", "object", "brand_id", "before", "after", "catalog_version")
    return AuditLine(to_iso(row["at"]), *(row[name] for name in names))


def _plain(shown: Any) -> Any:
    """As JSON columns take it."""
    return None if shown is None else msgspec.json.decode(ENCODER.encode(shown))
