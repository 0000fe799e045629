"""One store's loaded rows while a batch decides, and the net effect of what was decided."""

from collections.abc import Iterable

import msgspec

from .catalogue import Catalogue
from .change import DueLock, Head, Incident, LogRow, OrderFact, OutboxRow, RequestRecord, StoreChanges
from .instant import BusinessDay
from .key import StockKey, StoreKey
from .outcome import Outcome
from .reservation import LineKey, Reservation, State
from .stock import ChannelStock, Stock


class Decision(msgspec.Struct, gc=False):
    """What one command comes to: its outcome and every row it changes, as it must be afterwards. Empty if refused."""

    outcome: Outcome
    seq: int = 0
    """The store's sequence after this decision; meaningful when `logs` isn't empty."""
    stocks: dict[StockKey, Stock] = {}
    channels: dict[tuple[StockKey, str], ChannelStock] = {}
    reservations: list[Reservation] = []
    facts: list[OrderFact] = []
    requests: list[RequestRecord] = []
    logs: list[LogRow] = []
    incidents: list[Incident] = []


class Shelf:
    """What a decision reads. `put` makes a decision's changes visible to the next one.

    Missing rows have a meaning: no stock row is on sale, unlimited, version 0; no channel row is on sale without a cap.
    """

    def __init__(self, store: StoreKey, now: int, head: Head, catalogue: Catalogue, day: BusinessDay) -> None:
        self.store = store
        self.now = max(now, head.last_at)
        self.head = head
        self.seq = head.seq
        self.catalogue = catalogue
        self.day = day
        self.stocks: dict[StockKey, Stock] = {}
        self.channels: dict[StockKey, dict[str, ChannelStock]] = {}
        self.orders: dict[str, dict[LineKey, Reservation]] = {}
        self.closed: dict[str, OrderFact] = {}
        self.requests: dict[str, RequestRecord] = {}
        self.due: list[DueLock] = []
        self.taken: list[Reservation] | None = None
