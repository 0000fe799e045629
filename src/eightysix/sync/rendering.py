"""From outbox rows to messages: the rows say which stocks, the messages show them as they are now.

The stocks of a store are those that this process has committed last, or they are read, of many stores together: each
with what its availability depends on, its SPU, a combo's components and their SPUs. A row that can't be rendered fails
alone, and those behind it wait for it.

A lock that has died but has not been released yet still counts as locked here: its release is a change of its own,
with a message of its own, within a second.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import perf_counter

import msgspec
from msgspec.structs import replace

from eightysix.core.availability import keys_behind
from eightysix.core.catalogue import Catalogue
from eightysix.core.change import Alert, Incident, OutboxRow
from eightysix.core.instant import BusinessDay
from eightysix.core.key import INCIDENT, WHOLE_STORE, StockKey, StoreKey
from eightysix.core.stock import ChannelStock, Stock, by_stock
from eightysix.engine import CatalogueSource
from eightysix.engine.days import BusinessDays
from eightysix.storage.outbox import Outbox
from eightysix.wire.message import STOCK_TOPIC, StockState, encode_message, group_of, message, stock_state

from .bus import BusMessage
from .recent import Recent, StockRows
from .stretch import Stretch

Look = Callable[[], Awaitable[object]]
"""Looks for what other processes have changed of the catalogue."""

_NO_ROWS: Mapping[str, ChannelStock] = {}

_Incidents = Mapping[int, Incident]
_NONE: _Incidents = {}


class Rendered(msgspec.Struct, frozen=True, gc=False):
    """An outbox row and its message, or why there is none."""

    row: OutboxRow
    message: BusMessage | None
    fault: Exception | None = None


class Renderer:
    """Renders the outbox rows of one database."""

    def __init__(self, outbox: Outbox, source: CatalogueSource, look_again: Look | None = None) -> None:
        self._outbox = outbox
        self._source = source
        self._look_again = look_again
        self._days = BusinessDays()
        self.stretch = Stretch()
        self.recent = Recent()
        """What was committed here and isn't told yet."""
        self.seconds = 0.0
        """Spent on rendering so far, in which nothing else ran on the event loop."""

    async def render(
        self, pending: Mapping[StoreKey, Sequence[OutboxRow]], now: int, *, look: bool = True
    ) -> dict[StoreKey, list[Rendered]]:
        """Each store's rows as messages, in order, up to the first that can't be rendered. Raises StorageFault.

        What another process has announced from a newer catalogue (a store that closed, a dish that left the menu) must
        not be told from an older one: nothing would correct it. So where another may have written any of the rows,
        `look`.
        """
        if look and self._look_again is not None:
            await self._look_again()
        catalogue = self._source.current
        incidents = await self._incidents(pending)
        keys: dict[StoreKey, list[StockKey]] = {}
        rendered: dict[StoreKey, list[Rendered]] = {}
        for store, rows in pending.items():
            try:
                mine = incidents.get(store, _NONE)
                about = [key for row in rows if (key := _stock_of(row, mine)) is not None]
                keys[store] = keys_behind(store, about, catalogue)
            except Exception as fault:  # noqa: BLE001 - whatever it is stands in this store's way alone
                rendered[store] = [Rendered(rows[0], None, fault)]
        states = await self._states(keys, pending)
        alerts = await self._alerts(pending, states, incidents)
        for store, found in states.items():
            if self.stretch.is_over:
                await self.stretch.breathe()
            started = perf_counter()
            rows = pending[store]
            try:
                view = StoreStates(store, catalogue, self._days.of(store, now, catalogue), found)
            except Exception as fault:  # noqa: BLE001 - as above
                rendered[store] = [Rendered(rows[0], None, fault)]
            else:
                rendered[store] = _rendered(view, rows, alerts.get(store, ()), incidents.get(store, _NONE))
            self.seconds += perf_counter() - started
        return rendered

    async def _states(
        self, keys: Mapping[StoreKey, Sequence[StockKey]], pending: Mapping[StoreKey, Sequence[OutboxRow]]
    ) -> dict[StoreKey, StockRows]:
        """The stocks of each store, as this process has committed them, or read where it doesn't know them all."""
        states: dict[StoreKey, StockRows] = {}
        wanted: dict[StoreKey, Sequence[StockKey]] = {}
        for store, named in keys.items():
            known = self.recent.take(store, named, pending[store][-1].seq)
            if known is None:
                wanted[store] = named
            else:
                states[store] = known
        if wanted:
            for store, found in (await self._outbox.states(wanted)).items():
                states[store] = StockRows({stock.key: stock for stock in found.stocks}, by_stock(found.channels))
        return states

    async def _incidents(self, pending: Mapping[StoreKey, Sequence[OutboxRow]]) -> dict[StoreKey, _Incidents]:
        """Those that rows tell of, by seq."""
        wanted = {
            store: seqs
            for store, rows in pending.items()
            if (seqs := {row.key.object_id for row in rows if row.key.object_type == INCIDENT})
        }
        found = await self._outbox.incidents(wanted) if wanted else {}
        return {store: {each.seq: each for each in mine} for store, mine in found.items()}

    async def _alerts(
        self,
        pending: Mapping[StoreKey, Sequence[OutboxRow]],
        states: Mapping[StoreKey, StockRows],
        incidents: Mapping[StoreKey, _Incidents],
    ) -> dict[StoreKey, list[Alert]]:
        """Looked for only where something is low."""
        wanted: dict[StoreKey, list[int]] = {}
        for store, found in states.items():
            low = {stock.key for stock in found.stocks.values() if stock.is_low}
            for key, rows in found.channels.items():
                if rows and any(row.is_low for row in rows.values()):
                    low.add(key)
            if low and (
                seqs := [row.seq for row in pending[store] if _stock_of(row, incidents.get(store, _NONE)) in low]
            ):
                wanted[store] = seqs
        return await self._outbox.alerts(wanted) if wanted else {}


class StoreStates:
    """`core.availability.StockView` of the rows that were read; a stock without a row is on sale and unlimited."""

    def __init__(self, store: StoreKey, catalogue: Catalogue, day: BusinessDay, found: StockRows) -> None:
        self.store = store
        self.catalogue = catalogue
        self.day = day
        self._stocks = found.stocks
        self._channels = found.channels

    def stock(self, key: StockKey) -> Stock:
        return self._stocks.get(key) or Stock(key)

    def channel_rows(self, key: StockKey) -> Mapping[str, ChannelStock]:
        return self._channels.get(key, _NO_ROWS)


def _stock_of(row: OutboxRow, incidents: _Incidents) -> StockKey | None:
    """Which stock the row is about; None for the store as a whole, or where its incident isn't there."""
    if row.key.object_type == INCIDENT:
        incident = incidents.get(row.key.object_id)
        return None if incident is None else incident.key
    return None if row.key == WHOLE_STORE else row.key


def _rendered(
    view: StoreStates, rows: Sequence[OutboxRow], alerts: Sequence[Alert], incidents: _Incidents
) -> list[Rendered]:
    rendered: list[Rendered] = []
    states: dict[StockKey, StockState] = {}
    group = group_of(view.store)
    for row in rows:
        try:
            incident = incidents[row.key.object_id] if row.key.object_type == INCIDENT else None
            about = row if incident is None else replace(row, key=incident.key)
            if about.key != WHOLE_STORE and about.key not in states:
                states[about.key] = stock_state(view, about.key)
            told = message(view, about, state=states.get(about.key), alerts=alerts, incident=incident)
            body = encode_message(told)
        except Exception as fault:  # noqa: BLE001 - whatever it is stands in this row's way alone
            rendered.append(Rendered(row, None, fault))
            break
        rendered.append(Rendered(row, BusMessage(STOCK_TOPIC, body, group, f"{group}/{row.seq}")))
    return rendered
