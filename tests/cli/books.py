"""A store's books, kept by the real rules: commands run over a shelf, their changes are applied as a database would."""

import msgspec

from eightysix.core.audit import findings
from eightysix.core.bucket import bucket_of
from eightysix.core.catalogue import Brand, Channel, Item, Store
from eightysix.core.change import Head, Timer
from eightysix.core.decide import decide, release_due
from eightysix.core.dependent import dependents_of
from eightysix.core.hub import HubBooks
from eightysix.core.instant import business_day
from eightysix.core.key import NO_KEYS, StoreKey
from eightysix.core.restore_rule import NO_RULES
from eightysix.core.shelf import Shelf

STORE = StoreKey(bucket_of("s1"), "b", "s1")
SET_OUT_AT = 1_700_000_000_000


class Menu:
    """SKU 11 and 12 share SPU 1; 21 stands alone."""

    def __init__(self):
        self.items = {(1, 1): Item("b", 1, 1)} | {
            (2, sku): Item("b", 2, sku, spu_id=spu) for sku, spu in ((11, 1), (12, 1), (21, None))
        }
        self.ways = {"POS": Channel("b", "POS", in_store=True), "APP": Channel("b", "APP", in_store=False)}

    def brand(self, brand_id):
        return Brand(brand_id)

    def store(self, brand_id, poi_id):
        return Store(brand_id, poi_id, "Europe/London")

    def channel(self, brand_id, channel_code):
        return self.ways.get(channel_code)

    def channels(self, brand_id):
        return self.ways

    def item(self, brand_id, object_type, object_id):
        return self.items.get((object_type, object_id))

    def rules(self, brand_id):
        return NO_RULES

    def timer_version(self, brand_id, poi_id):
        return 0

    @property
    def timers_version(self):
        return 0

    def hub(self, brand_id, poi_id):
        return None

    @property
    def at_hub(self):
        return False

    def dependents(self, brand_id, key):
        return dependents_of(key, self.items.values(), self)

    def moved_items(self, brand_id, since):
        return NO_KEYS


class Ledger(msgspec.Struct, frozen=True):
    """The rows of the store; what an audit reads."""

    store: StoreKey = STORE
    head: Head = Head()
    stocks: tuple = ()
    channels: tuple = ()
    reservations: tuple = ()
    facts: tuple = ()
    logs: tuple = ()
    outbox: tuple = ()
    incidents: tuple = ()
    due: tuple = ()
    alerts: tuple = ()
    timer: Timer | None = None
    journals: tuple = ()
    hubs: tuple = ()
    books: HubBooks | None = None
    events: tuple = ()

    def rules(self):
        return [finding.rule for finding in findings(self)]

    def after(self, *commands, now):
        """The books after a batch of these commands at `now`."""
        day = business_day(now, "Europe/London", 240)
        shelf = Shelf(STORE, now, self.head, Menu(), day)
        shelf.add_orders(self.reservations, self.facts, (), [due for due in self.due if due.due_at <= now])
        shelf.add_stocks(self.stocks, self.channels)
        shelf.add_journals(self.journals)
        shelf.add_hubs(self.hubs)
        shelf.taken = list(self.reservations)
        release_due(shelf)
        for command in commands:
            shelf.put(decide(command, shelf))
        changes = shelf.changes()
        due = {(row.due_at, row.order_id): row for row in self.due}
        for row in changes.due_removed:
            del due[row.due_at, row.order_id]
        due |= {(row.due_at, row.order_id): row for row in changes.due_added}
        return Ledger(
            head=changes.head,
            stocks=_with(self.stocks, changes.stocks, lambda row: row.key),
            channels=_with(self.channels, changes.channels, lambda row: (row.key, row.channel_code)),
            reservations=_with(
                self.reservations, changes.reservations, lambda row: (row.order_id, row.sku_id, row.line_no)
            ),
            facts=(*self.facts, *changes.facts),
            logs=(*self.logs, *changes.logs),
            outbox=(*self.outbox, *changes.outbox),
            incidents=(*self.incidents, *changes.incidents),
            due=tuple(due.values()),
            alerts=(*self.alerts, *changes.alerts),
            timer=self.timer if changes.timer is None else changes.timer[1],
            journals=_with(self.journals, changes.journals, lambda row: row.key),
            hubs=_with(self.hubs, changes.hubs, lambda row: row.hub_id),
        )


def _with(rows, changed, key_of):
    kept = {key_of(row): row for row in rows}
    kept |= {key_of(after): after for _, after in changed}
    return tuple(kept.values())
