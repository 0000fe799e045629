"""A store's rows as they were read outside of a batch, seen by the same rules as in one."""

from eightysix.core.catalogue import Catalogue
from eightysix.core.change import DueLock
from eightysix.core.decide import release_due
from eightysix.core.draft import Draft
from eightysix.core.expiry import TIMER
from eightysix.core.key import StoreKey
from eightysix.core.shelf import Shelf
from eightysix.storage.port import StoreRows

from .days import BusinessDays


def store_view(store: StoreKey, rows: StoreRows, now: int, catalogue: Catalogue, days: BusinessDays) -> Draft:
    """The store at `now`, locks past their time released."""
    shelf = Shelf(store, now, rows.head, catalogue, days.of(store, now, catalogue))
    shelf.add_stocks(rows.stocks, rows.channels)
    due = {line.order_id: line.expires_at for line in rows.due}
    shelf.add_orders(rows.due, (), (), [DueLock(at, order_id) for order_id, at in due.items()])
    release_due(shelf)
    return Draft(shelf, TIMER)
