"""Following a store by asking, telling how far one has got, and looking at how far everybody is."""

import base64
import binascii
from collections.abc import Sequence

import msgspec

from eightysix.catalog.catalog import Catalog
from eightysix.core.instant import to_iso
from eightysix.core.key import StoreKey
from eightysix.storage.device import Device
from eightysix.storage.port import Database
from eightysix.sync.catching_up import CatchingUp
from eightysix.sync.devices import AckedLate, Acknowledgements
from eightysix.sync.gateway import Gateway
from eightysix.wire.cursor import Cursor, cursor_text
from eightysix.wire.following import (
    AckAnswer,
    AckBody,
    DeviceAnswer,
    DevicesAnswer,
    DevicesQuery,
    FindBody,
    FoundAnswer,
    Lag,
)
from eightysix.wire.problem import Problem, Rejection

from .endpoint import Call
from .lag import Lags, changes
from .reply import Reply, json_reply
from .scope import store_named, stores_reached

_STORES_AT_ONCE = 200


class Following:
    """Answers the calls about following a store."""

    def __init__(self, catching_up: CatchingUp, acks: Acknowledgements, catalog: Catalog) -> None:
        self._catching_up = catching_up
        self._acks = acks
        self._catalog = catalog

    async def find(self, call: Call) -> Reply:
        """POST: what changed since a cursor."""
        body: FindBody = call.body
        store = store_named(call.caller, self._catalog.current, body.brand_id, body.poi_id)
        cursor, most = body.cursor(), body.most()
        ours = cursor is not None and await self._catching_up.is_ours(cursor)
        stretch = await self._catching_up.since(store, cursor.seq if cursor is not None and ours else 0, most)
        reset = cursor is not None and not (ours and cursor.seq <= stretch.head.seq)
        if reset and stretch.start:
            stretch = await self._catching_up.since(store, 0, most)
        return json_reply(
            FoundAnswer(
                self._catching_up.text(stretch.end),
                stretch.has_more,
                reset,
                self._catching_up.store(stretch),
                await self._catching_up.states(stretch),
            )
        )

    async def ack(self, call: Call) -> Reply:
        """POST: applied up to here."""
        body: AckBody = call.body
        store = store_named(call.caller, self._catalog.current, body.brand_id, body.poi_id)
        cursor, device_id = body.read(), body.device()
        if not await self._catching_up.is_ours(cursor):
            raise Rejection(Problem.CURSOR_UNKNOWN, "cursor")
        try:
            acked = await self._acks.take(store, device_id, cursor.generation, cursor.seq)
        except AckedLate:
            raise Rejection(Problem.CURSOR_UNKNOWN, "cursor") from None
        device = acked.device
        known = cursor_text(Cursor(device.generation, device.acked_seq))
        return json_reply(AckAnswer(known, changes(device, acked.head, cursor.generation)))


class DeviceList:
    """Answers the call that lists devices."""

    def __init__(self, database: Database, gateway: Gateway, catalog: Catalog) -> None:
        self._database = database
        self._gateway = gateway
        self._catalog = catalog
        self._lags = Lags(database, catalog)

    async def devices(self, call: Call) -> Reply:
        """GET a page of devices, by store and device."""
        query: DevicesQuery = call.query
        most, after = query.most(), _after(query.cursor)
        if query.poi_id is not None:
            store_named(call.caller, self._catalog.current, query.brand_id, query.poi_id)
            poi_ids = [query.poi_id]
        else:
            poi_ids = sorted(stores_reached(call.caller, self._catalog.current, query.brand_id, None))
        stores = [StoreKey.of(query.brand_id, poi_id) for poi_id in poi_ids if after is None or poi_id >= after[0]]
        found: list[Device] = []
        for at in range(0, len(stores), _STORES_AT_ONCE):
            some = await self._database.devices.of_stores(stores[at : at + _STORES_AT_ONCE])
            found += sorted((each for each in some if after is None or _place(each) > after), key=_place)
            if len(found) > most:
                break
        shown = found[:most]
        cursor = _cursor(_place(shown[-1])) if len(found) > most else None
        return json_reply(DevicesAnswer(await self._answers(shown), cursor))

    async def _answers(self, devices: Sequence[Device]) -> list[DeviceAnswer]:
        lags = await self._lags.of(devices)
        return [
            _answer(device, lag, connected=self._gateway.has(device.store, device.device_id))
            for device, lag in zip(devices, lags, strict=True)
        ]


def _answer(device: Device, lag: Lag, *, connected: bool) -> DeviceAnswer:
    reconciled = device.reconciled_at is not None
    return DeviceAnswer(
        device.store.poi_id,
        device.device_id,
        cursor_text(Cursor(device.generation, device.acked_seq)),
        lag,
        to_iso(device.acked_at),
        None if device.lagging_since is None else to_iso(device.lagging_since),
        connected,
        device.drift if reconciled else None,
        to_iso(device.reconciled_at) if device.reconciled_at is not None else None,
    )


def _place(device: Device) -> tuple[str, str]:
    return device.store.poi_id, device.device_id


def _cursor(place: tuple[str, str]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def _after(cursor: str | None) -> tuple[str, str] | None:
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return msgspec.json.decode(base64.urlsafe_b64decode(padded), type=tuple[str, str])
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        raise Rejection(Problem.VALUE_INVALID, "cursor", why="not a cursor of ours") from None
