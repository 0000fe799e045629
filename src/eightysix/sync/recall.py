"""Asking a store's hub for portions back when online orders go short (DESIGN sections 5 and 7).

The engine tells of each refusal. Where an online lock fell short of a stock of a store with a hub, the stock is read,
and if the hub holds any of it, its store's streams are told how much more was wanted. It is a hint: the hub gives back
what it can spare, through the grants call. What is lost is told again with the next refusal, at most once a second of a
stock. Between processes it takes the bus; where there is none, only streams of the process that refused hear it.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from time import monotonic

from eightysix.core.availability import chain
from eightysix.core.catalogue import Catalogue
from eightysix.core.command import Command, LockStock
from eightysix.core.key import StockKey, StoreKey
from eightysix.core.outcome import BlockedBy, Refused
from eightysix.core.quantity import UNIT, as_number
from eightysix.engine import CatalogueSource, Observer
from eightysix.storage.port import Reader, StorageFault
from eightysix.wire.grant import RECALLS_TOPIC, GrantRecall, encode_recall
from eightysix.wire.message import group_of

from .bus import Bus, BusMessage, BusUnavailable, MessageRefused

_log = logging.getLogger(__name__)

EVERY_SECONDS = 1.0
_UNDER_WAY_MAX = 100
"""Refusals that are looked into at once; others are left to the next of their kind."""
_KNOWN_MAX = 10_000


class Recalls(Observer):
    """The recalls of one process. It is told by the engine, as its observer."""

    def __init__(
        self, reader: Reader, source: CatalogueSource, bus: Bus, clock: Callable[[], float] = monotonic
    ) -> None:
        self._reader = reader
        self._source = source
        self._bus = bus
        self._clock = clock
        self._told_at: dict[tuple[StoreKey, StockKey], float] = {}
        self._under_way: set[asyncio.Task[None]] = set()
        self.told = 0
        """Recalls that were handed to the bus, since the start."""

    def refused(self, command: Command, refusal: Refused) -> None:
        """See `Observer`."""
        if not isinstance(command, LockStock) or len(self._under_way) >= _UNDER_WAY_MAX:
            return
        catalogue = self._source.current
        if catalogue.hub(command.store.brand_id, command.store.poi_id) is None:
            return
        channel = catalogue.channel(command.store.brand_id, command.channel_code)
        if channel is None or channel.in_store:
            return
        wanted = short_of(refusal, command.store, catalogue)
        due = {key: quantity for key, quantity in wanted.items() if self._is_due(command.store, key)}
        if due:
            task = asyncio.create_task(self._look(command.store, due), name="grant recall")
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def stop(self) -> None:
        """What is under way comes to nothing."""
        for task in tuple(self._under_way):
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _is_due(self, store: StoreKey, key: StockKey) -> bool:
        now = self._clock()
        if now - self._told_at.get((store, key), -EVERY_SECONDS) < EVERY_SECONDS:
            return False
        if len(self._told_at) >= _KNOWN_MAX:
            self._told_at = {each: at for each, at in self._told_at.items() if now - at < EVERY_SECONDS}
        self._told_at[store, key] = now
        return True

    async def _look(self, store: StoreKey, wanted: Mapping[StockKey, int]) -> None:
        try:
            rows = await self._reader.store_rows(store, list(wanted))
            for stock in rows.stocks:
                if stock.grant > 0:
                    told = GrantRecall(store.brand_id, store.poi_id, *stock.key, as_number(wanted[stock.key]))
                    group = group_of(store)
                    key = f"{group}/{stock.key.object_type}/{stock.key.object_id}"
                    await self._bus.publish(BusMessage(RECALLS_TOPIC, encode_recall(told), group, key))
                    self.told += 1
        except (StorageFault, BusUnavailable, MessageRefused) as fault:
            _log.warning("the hub of %s isn't asked for what online orders lack: %s", store, fault)


def short_of(refusal: Refused, store: StoreKey, catalogue: Catalogue) -> dict[StockKey, int]:
    """By how much each stock falls short of what was asked for, in thousandths of that stock."""
    short: dict[StockKey, int] = {}
    for line in refusal.lines:
        if line.blocked_by is not BlockedBy.QUANTITY or line.blocker is None or line.requested is None:
            continue
        item = catalogue.item(store.brand_id, 2, line.sku_id)
        ratio = UNIT if item is None else dict(chain(item, catalogue)).get(line.blocker, UNIT)
        lacking = (line.requested - max(0, line.available or 0)) * ratio // UNIT
        if lacking > 0:
            short[line.blocker] = short.get(line.blocker, 0) + lacking
    return short
