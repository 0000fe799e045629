"""Auditing every store of a database."""

from collections import Counter
from collections.abc import Callable

import msgspec

from eightysix.catalog.catalog import Catalog
from eightysix.core.audit import findings
from eightysix.core.catalogue import Catalogue
from eightysix.core.finding import Finding
from eightysix.storage.catalog import connect
from eightysix.storage.port import Database

_FINDINGS_KEPT = 1000


class Inspection(msgspec.Struct):
    """What an audit of a database came to. `findings` has the first thousand; `by_rule` counts all."""

    stores: int = 0
    stocks: int = 0
    reservations: int = 0
    log_rows: int = 0
    by_rule: Counter[str] = msgspec.field(default_factory=Counter)
    findings: list[Finding] = msgspec.field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not self.by_rule


async def read_catalogue(url: str) -> Catalogue:
    """The catalogue as it is in the database."""
    catalog = Catalog(connect(url))
    try:
        await catalog.refresh()
        return catalog.current
    finally:
        await catalog.stop()


async def inspect_database(
    database: Database, done: Callable[[Inspection], object] = lambda _: None, catalogue: Catalogue | None = None
) -> Inspection:
    """Audit store by store; `done` hears after each. Without the catalogue it can't be known what rules make due."""
    inspection = Inspection()
    async for books in database.audit():
        inspection.stores += 1
        inspection.stocks += len(books.stocks)
        inspection.reservations += len(books.reservations)
        inspection.log_rows += len(books.logs)
        for finding in findings(books, catalogue):
            inspection.by_rule[finding.rule] += 1
            if len(inspection.findings) < _FINDINGS_KEPT:
                inspection.findings.append(finding)
        done(inspection)
    return inspection
