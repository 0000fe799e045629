"""Whether the log agrees with how far the journals of devices and hubs were told."""

from collections.abc import Iterator

from .finding import Books, Finding, Rule

SOURCES = ("replay", "hub")
"""The sources of log rows that tell of a journal's event, of a device or of a hub."""


def journal_findings(books: Books) -> Iterator[Finding]:
    """Each event in the log, named `journal#seq`, is one that its journal has behind it. Several devices may have given
    their journals the same name; then the one that came furthest speaks for all."""
    positions: dict[str, int] = {}
    for journal in books.journals:
        positions[journal.journal_id] = max(journal.last_seq, positions.get(journal.journal_id, 0))
    for row in books.logs:
        name, mark, number = (row.event_id or "").rpartition("#")
        if row.source not in SOURCES or not mark or not number.isdigit():
            continue
        last = positions.get(name, 0)
        if int(number) > last:
            yield Finding(
                Rule.JOURNAL_POSITION, books.store, row.key, seq=row.seq, expected=last, found=int(number), detail=name
            )
