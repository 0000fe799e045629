"""What an event tells: the newest state of its object that is known when it is sent.

A state that has just passed by as a message is used as it is; else the object is read from the database and seen as the
relay sees it. Either way it is at least as new as what was queued, and its bytes are made once for all webhooks that
are told the same.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol, cast

import msgspec

from eightysix.catalog.snapshot import Snapshot
from eightysix.core.availability import keys_behind
from eightysix.core.change import OutboxRow
from eightysix.core.instant import to_iso
from eightysix.core.key import INCIDENT, WHOLE_STORE, StockKey, StoreKey
from eightysix.engine.days import BusinessDays
from eightysix.engine.view import store_view
from eightysix.storage.incident import Incidents
from eightysix.storage.port import Reader, Rejected
from eightysix.storage.webhook_queue import QueueRow
from eightysix.wire.channels import AlertAnswer, alert_answer
from eightysix.wire.incident import incident_answer
from eightysix.wire.message import Message, StockMessage, message
from eightysix.wire.webhook import WebhookEvent
from eightysix.wire.webhook_event import encode_event, incident_event, webhook_event

_log = logging.getLogger(__name__)

KEPT_SECONDS = 5.0
"""So long a state that passed by is used: within it nothing can change of it without another message."""

KEPT_MOST = 5_000
_ALERTS_MOST = 100


class CatalogueSource(Protocol):
    """The catalogue of the moment."""

    @property
    def current(self) -> Snapshot: ...

    async def refresh(self) -> None:
        """Take over what others have changed."""
        ...


class _State(msgspec.Struct):
    """A state, known as `seq`; the bodies made of it by (seq, instant of the change, event, channel)."""

    message: Message
    seq: int
    at: float
    bodies: dict[tuple[int, int, str, str | None], bytes] = {}


_Key = tuple[StoreKey, StockKey]


class States:
    """The states of one process. `ticks` are seconds that only go on."""

    def __init__(
        self,
        reader: Reader,
        incidents: Incidents,
        source: CatalogueSource,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader = reader
        self._incidents = incidents
        self._source = source
        self._ticks = ticks
        self._days = BusinessDays()
        self._kept: OrderedDict[_Key, _State] = OrderedDict()
        self._alerts: OrderedDict[_Key, tuple[int, list[AlertAnswer]]] = OrderedDict()
        self._wanted: dict[StoreKey, dict[StockKey, asyncio.Future[_State]]] = {}
        self._reading: dict[StoreKey, asyncio.Task[None]] = {}

    def heard(self, told: Message) -> None:
        """A message passed by."""
        key = _key_of(told)
        self._keep(key, told, told.seq)
        if isinstance(told, StockMessage) and told.alerts:
            self._alerts[key] = (told.seq, told.alerts)
            if len(self._alerts) > KEPT_MOST:
                self._alerts.popitem(last=False)

    async def body(self, row: QueueRow, channel_code: str | None) -> bytes:
        """The body of what is queued. Raises StorageFault."""
        poi_id, event, *object_key = row.subject
        store, key = StoreKey.of(row.webhook.brand_id, poi_id), StockKey(*object_key)
        if key.object_type == INCIDENT:
            return await self._of_incident(store, key.object_id, row, event)
        state = self._kept.get((store, key))
        if state is None or state.seq < row.seq or self._ticks() - state.at > KEPT_SECONDS:
            state = await self._read(store, key)
        seq = max(state.seq, row.seq)
        if event == "stock.low":
            return await self._low(state, (store, key), row, channel_code)
        made = (seq, row.committed_at, event, channel_code)
        body = state.bodies.get(made)
        if body is None:
            told = webhook_event(state.message, cast(WebhookEvent, event), seq, to_iso(row.committed_at), channel_code)
            body = state.bodies[made] = encode_event(told)
        return body

    async def close(self) -> None:
        """Return when nothing is being read any more."""
        if self._reading:
            await asyncio.wait(self._reading.values())

    async def _low(self, state: _State, key: _Key, row: QueueRow, channel_code: str | None) -> bytes:
        seq, alerts = self._alerts.get(key, (0, []))
        if seq < row.seq:
            found = await self._reader.alerts(key[0], (row.seq + 1, ""), _ALERTS_MOST)
            own = [each for each in found if each.key == key[1]]
            alerts = [alert_answer(each) for each in own if each.seq == own[0].seq]
        told = cast(StockMessage, state.message)
        shown = msgspec.structs.replace(told, alerts=alerts)
        seq, at = max(state.seq, row.seq), to_iso(row.committed_at)
        return encode_event(webhook_event(shown, "stock.low", seq, at, channel_code))

    async def _of_incident(self, store: StoreKey, seq: int, row: QueueRow, event: str) -> bytes:
        incident = await self._incidents.find(store, seq)
        if incident is None:
            raise Rejected(f"there is no incident {seq} in {store.poi_id!r}")
        told = incident_event(incident_answer(store, incident), event, row.seq, to_iso(row.committed_at))
        return encode_event(told)

    def _keep(self, key: _Key, told: Message, seq: int) -> _State:
        if isinstance(told, StockMessage):
            seq = max(seq, told.data.version)
        known = self._kept.get(key)
        if known is not None and known.seq > seq:
            return known
        state = self._kept[key] = _State(told, seq, self._ticks())
        self._kept.move_to_end(key)
        if len(self._kept) > KEPT_MOST:
            self._kept.popitem(last=False)
        return state

    async def _read(self, store: StoreKey, key: StockKey) -> _State:
        """Who asks for objects of a store while it is being read is answered by the next read."""
        wanted = self._wanted.setdefault(store, {})
        answer = wanted.get(key)
        if answer is None:
            answer = wanted[key] = asyncio.get_running_loop().create_future()
        if store not in self._reading:
            self._reading[store] = asyncio.create_task(self._read_store(store))
        return await asyncio.shield(answer)

    async def _read_store(self, store: StoreKey) -> None:
        try:
            while wanted := self._wanted.pop(store, {}):
                try:
                    states = await self._states(store, list(wanted))
                except Exception as fault:  # noqa: BLE001 - it belongs to those who ask
                    for answer in wanted.values():
                        answer.set_exception(fault)
                        answer.exception()  # they may have left
                else:
                    for key, answer in wanted.items():
                        answer.set_result(states[key])
        finally:
            del self._reading[store]

    async def _states(self, store: StoreKey, keys: list[StockKey]) -> dict[StockKey, _State]:
        if WHOLE_STORE in keys:
            await self._source.refresh()  # all that it tells is in the catalogue
        catalogue = self._source.current
        named = [key for key in keys if key != WHOLE_STORE]
        rows = await self._reader.store_rows(store, keys_behind(store, named, catalogue))
        view = store_view(store, rows, rows.now, catalogue, self._days)
        states = {}
        for key in keys:
            seq = rows.head.seq if key == WHOLE_STORE else view.stock(key).version
            told = message(view, OutboxRow(seq, 0, key, rows.now))
            states[key] = self._keep((store, key), told, seq)
        return states


def _key_of(told: Message) -> _Key:
    store = StoreKey.of(told.brand_id, told.poi_id)
    if isinstance(told, StockMessage):
        return store, StockKey(told.data.object_type, told.data.object_id)
    return store, WHOLE_STORE
