"""What comes back of a store until an instant, when and why. Pure; asks the same rules as the run itself."""

from collections.abc import Iterable
from typing import NamedTuple

from .catalogue import Catalogue, Store
from .restore import restored
from .stock import RestoreTo, Stock
from .timetable import Return, Timetable


class Coming(NamedTuple):
    """A stock's next return: what it is due for, and the row before and after as it would be if nothing is sold."""

    what: Return
    before: Stock
    after: Stock

    @property
    def nothing_planned(self) -> bool:
        """Whether the plan that it restores to is 0, so that the count is kept."""
        what = self.what
        planless = what.quantity is None and self.before.plan == 0 and self.before.is_limited
        return what.restore_to == RestoreTo.PLAN and planless


def preview(catalogue: Catalogue, store: Store, stocks: Iterable[Stock], now: int, until: int) -> list[Coming]:
    """The next return of each stock that has one by `until`, in the order of time."""
    timetable = Timetable(catalogue, store)
    found = []
    for key, stock in timetable.stocks(stocks).items():
        what = timetable.coming(stock, now)
        if what is not None and what.at <= until:
            item = catalogue.item(store.brand_id, *key)
            found.append(Coming(what, stock, restored(stock, what, 3 if item is None else item.decimals)))
    return sorted(found, key=lambda each: (each.what.at, each.before.key))
