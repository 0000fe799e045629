"""Whether the log agrees with how far the journals of devices were replayed."""

from collections.abc import Iterator

from .finding import Books, Finding, Rule

SOURCE = "replay"
"""The source of log rows that tell of a journal's event."""


def journal_findings(books: Books) -> Iterator[Finding]:
    """Each event in the log, named `journal#seq`, is one that its journal has behind it. Several devices may have given
    their journals the same name; then the one that came furthest speaks for all."""
    positions: dict[str, int] = {}
    for journal in books.journals:
        positions[journal.journal_id] = max(journal.last_seq, positions.get(journal.journal_id, 0))
    for row in books.logs:
        name, mark, number = (row.event_id or "").rpartition("#")
        if row.source != SOURCE or not mark or not number.isdigit():
            continue
        last = positions.get(name, 0)
        if int(number) > last:
            yield Finding(
                Rule.JOURNAL_POSITION, books.store, row.key, seq=row.seq, expected=last, found=int(number), detail=name
            )
