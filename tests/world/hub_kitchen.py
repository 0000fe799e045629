"""A hub's kitchen: the same rows and rules, its books beside them, every write of these guarded as a database would."""

from msgspec.structs import replace

from eightysix.core.command import AskGrants, SettleGrants
from eightysix.core.hub import GrantChange, GrantRequest, HubBooks, HubChanges, Mirror, Side
from eightysix.core.hub_event import HubEvent, decode_event
from eightysix.core.key import StockKey, StoreKey
from eightysix.core.shelf import Shelf
from tests.cli.books import Ledger

from .kitchen import NOON, Kitchen
from .menu import STORE, Menu

SIDE = Side("hub-1", "journal-1")


class HubKitchen(Kitchen):
    """The kitchen of a store's hub. `events` is the journal from the first event that wasn't acknowledged."""

    def __init__(self, now: int = NOON, store: StoreKey = STORE, menu: Menu | None = None, side: Side = SIDE) -> None:
        super().__init__(now, store, menu)
        self.menu.at_hub = True
        self.side = side
        self.asked = 0
        self.last_seq = 0
        self.chain = ""
        self.acked_seq = 0
        self.requests_open: dict[str, GrantRequest] = {}
        self.mirrors: dict[StockKey, Mirror] = {}
        self.events: dict[int, tuple[int, bytes]] = {}

    def hub_books(self) -> HubBooks:
        """All of the hub's books."""
        return HubBooks(
            self.side, self.last_seq, self.chain, self.acked_seq, dict(self.requests_open), dict(self.mirrors)
        )

    def books(self) -> Ledger:
        events = tuple((seq, at, body) for seq, (at, body) in sorted(self.events.items()))
        return replace(super().books(), books=self.hub_books(), events=events)

    def journal(self, after: int = 0) -> list[HubEvent]:
        """The events after `after` that are still kept, in order."""
        return [decode_event(body) for seq, (_, body) in sorted(self.events.items()) if seq > after]

    def shelf(self, *, timed: bool = False) -> Shelf:
        shelf = super().shelf(timed=timed)
        shelf.add_books(self.hub_books())
        return shelf

    def _save(self, shelf: Shelf) -> None:
        super()._save(shelf)
        books = shelf.changes().books
        if books is not None:
            self._save_books(books)

    def _save_books(self, books: HubChanges) -> None:
        assert (books.last_seq_before, books.acked_seq_before) == (self.last_seq, self.acked_seq)
        assert books.acked_seq <= self.last_seq, "an event is acknowledged once it is stored"
        assert [seq for seq, _, _ in books.events] == list(range(self.last_seq + 1, books.last_seq + 1))
        self.last_seq, self.chain, self.acked_seq = books.last_seq, books.chain, books.acked_seq
        for seq, at, body in books.events:
            self.events[seq] = (at, body)
        for seq in range(books.acked_seq_before + 1, books.acked_seq + 1):
            del self.events[seq]
        for mirror in books.mirrors:
            self.mirrors[mirror.key] = mirror
        for request in books.asked:
            assert request.request_id not in self.requests_open
            self.requests_open[request.request_id] = request
        for request_id in books.answered:
            del self.requests_open[request_id]

    def hold(self, key: StockKey, quantity: int) -> None:
        """Ask for so much, and get it."""
        self.asked += 1
        name = f"grant-{self.asked}"
        change = GrantChange(key, quantity)
        self.run(AskGrants(self.store, GrantRequest(name, (change,), self.now)))
        self.run(SettleGrants(self.store, name, (change,)))
