"""What a hub writes down for itself: requests, the cloud's answers, acknowledgements, verbs for the cloud.

None of it is an event. What a hub holds changes here by requests alone: given back when that is written down, before
the cloud hears of it, and got only with the cloud's answer. So no portion is ever in both hands.
"""

from msgspec.structs import replace

from .change import Kind
from .command import AckEvents, Actor, AskGrants, SettleGrants, TellVerb
from .draft import Draft
from .hub import HubBooks, Mirror, held
from .invariant import InvariantError
from .outcome import BooksKept, Code, Refused
from .shelf import Decision, Shelf

ITSELF = Actor("eightysix", "hub")
"""Who changes stocks at a hub where nobody in the store does."""


def books_of(shelf: Shelf) -> HubBooks:
    """The hub's books; the cloud has none, and is never asked."""
    if shelf.books is None:
        raise InvariantError("only a hub keeps books")
    return shelf.books


def kept(draft: Draft, books: HubBooks, changed: int) -> Decision:
    """The decision of something that the hub has written down for itself."""
    decision = draft.decision(BooksKept(changed))
    decision.books = books
    return decision


def ask(command: AskGrants, shelf: Shelf) -> Decision:
    """Journal a request; what it gives back is the cloud's from now on, and must be left of what the hub holds."""
    books, request = books_of(shelf), command.request
    if request.request_id in books.requests:
        return Decision(BooksKept())
    draft = Draft(shelf, ITSELF)
    changed = 0
    for at, change in enumerate(request.changes):
        stock = draft.stock(change.key)
        if change.delta >= 0:
            continue
        if stock.left + change.delta < 0:
            return Decision(Refused(Code.GRANT_EXCEEDED, field=f"changes[{at}].delta", stock=stock))
        draft.restate(replace(stock, grant=stock.grant - change.delta), Kind.GRANT, change.delta)
        changed += 1
    return kept(draft, replace(books, requests=books.requests | {request.request_id: request}), changed)


def settle(command: SettleGrants, shelf: Shelf) -> Decision:
    """Take over what the cloud has given. An answer to nothing that is open has been taken over before.

    It comes off the cloud's part; where a row that came first has it already, the same row has to be looked at again.
    """
    books = books_of(shelf)
    if command.request_id not in books.requests:
        return Decision(BooksKept())
    draft = Draft(shelf, ITSELF)
    changed = 0
    for change in command.given:
        if change.delta <= 0:
            continue
        stock = draft.stock(change.key)
        part = max(0, stock.grant - change.delta)
        real = held(stock) + change.delta + part
        draft.restate(replace(stock, grant=part, real=real), Kind.GRANT, change.delta)
        changed += 1
    rest = {name: each for name, each in books.requests.items() if name != command.request_id}
    return kept(draft, replace(books, requests=rest), changed)


def acknowledge(command: AckEvents, shelf: Shelf) -> Decision:
    """Forget events that the cloud has stored, and remember from which version on its rows have what they set."""
    books = books_of(shelf)
    if command.last_seq > books.last_seq:
        return Decision(Refused(Code.JOURNAL_MISMATCH, field="last_seq", expected_seq=books.last_seq + 1))
    mirrors = dict(books.mirrors)
    for key, version in command.settled:
        known = mirrors.get(key) or Mirror(key)
        mirrors[key] = replace(known, settled_version=max(known.settled_version, version))
    acked_seq = max(books.acked_seq, command.last_seq)
    return kept(Draft(shelf, ITSELF), replace(books, acked_seq=acked_seq, mirrors=mirrors), len(command.settled))


def tell_verb(command: TellVerb, _shelf: Shelf) -> Decision:
    """Journal a verb that the cloud decides on when it hears of it."""
    return Decision(BooksKept(), actor=command.verb.actor, told=(command.verb,))
