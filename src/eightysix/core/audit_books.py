"""Whether a hub's own books are whole: its journal, what it waits for, what it asks for."""

from collections.abc import Iterator

import msgspec

from .finding import Books, Finding, Rule
from .hub import HubBooks
from .hub_event import HubEvent, chained, decode_event


def books_findings(books: Books) -> Iterator[Finding]:
    """The cloud keeps none."""
    if books.books is not None:
        yield from _journal_findings(books, books.books)
        yield from _waiting_findings(books, books.books)


def _journal_findings(books: Books, own: HubBooks) -> Iterator[Finding]:
    """Its events from the first that the cloud doesn't have, each by its place and by what it says came before it."""
    store, last = books.store, own.acked_seq
    chain: str | None = None if last else ""
    for seq, _, body in sorted(books.events):
        if seq != last + 1:
            yield Finding(Rule.HUB_JOURNAL, store, seq=seq, expected=last + 1, found=seq, detail="seq")
        event = _event(body)
        if event is None or event.seq != seq:
            found = None if event is None else event.seq
            yield Finding(Rule.HUB_JOURNAL, store, seq=seq, expected=seq, found=found, detail="body")
        elif chain is not None and event.prev != chain:
            yield Finding(Rule.HUB_JOURNAL, store, seq=seq, detail="chain")
        chain = chained("" if event is None else event.prev, body)
        last = seq
    if last != own.last_seq:
        yield Finding(Rule.HUB_JOURNAL, store, seq=last, expected=own.last_seq, found=last, detail="end")
    elif chain is not None and chain != own.chain:
        yield Finding(Rule.HUB_JOURNAL, store, seq=last, detail="chain")


def _event(body: bytes) -> HubEvent | None:
    """What the body tells; None where it can't be read."""
    try:
        return decode_event(body)
    except msgspec.MsgspecError:
        return None


def _waiting_findings(books: Books, own: HubBooks) -> Iterator[Finding]:
    """What it has set is told by an event that was written, and a request asks for something."""
    for key, mirror in sorted(own.mirrors.items()):
        if mirror.pending_seq > own.last_seq:
            found = mirror.pending_seq
            yield Finding(Rule.HUB_WAITS, books.store, key, expected=own.last_seq, found=found, detail="setting")
    for name, request in sorted(own.requests.items()):
        if not any(change.delta for change in request.changes) or request.request_id != name:
            yield Finding(Rule.HUB_WAITS, books.store, expected=1, found=0, detail=f"request {name}")
