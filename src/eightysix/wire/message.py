"""What the POS, the channels and the message bus are told: a store's changes, as state (DESIGN section 6).

A receiver ignores a `data.version` that isn't above what it has of that stock: after a repeat, or when another relay
took over, an older message may come again. The data is that of the change or of a later one, so `data.version` may be
above `seq`.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from eightysix.core.availability import StockView, available_to_each, chain, period_start, used_since
from eightysix.core.catalogue import Channel, Item
from eightysix.core.change import Alert, Incident, OutboxRow
from eightysix.core.instant import to_iso
from eightysix.core.key import WHOLE_STORE, StockKey, StoreKey
from eightysix.core.outcome import BlockedBy
from eightysix.core.quantity import UNIT, as_number
from eightysix.core.stock import ChannelStock
from eightysix.core.stock_row import channel_values, row_values

from .channels import AlertAnswer, alert_answer
from .incident import IncidentTold, incident_told
from .stock import ChannelStockAnswer, Number, StockRowAnswer

STOCK_TOPIC = "poi_stock"
"""The topic of these messages; a message group is a store."""


class ChannelState(ChannelStockAnswer, frozen=True, gc=False, kw_only=True):
    """A channel's row of a stock; `used_quantity` is what it took in the current period. `released_at`: since then what
    is guaranteed to it and open is everybody's, for the rest of the period in which that lies."""

    used_quantity: Number
    released_at: str | None = None


class ChannelSale(msgspec.Struct, frozen=True, gc=False):
    """What one channel can sell of an item now; `available` null means unlimited."""

    channel_code: str
    sellable: bool
    available: Number | None
    blocked_by: str | None


class StockState(StockRowAnswer, frozen=True, gc=False, kw_only=True):
    """A stock as it is: the full row of find-to-pos.

    `available` is the total left, null without a limit; `channels` what each channel of the brand can sell of it, with
    everything that stands in the way. `deleted`: the item is no longer in the menu.

    What a hub needs to restore it itself: `epoch_at`, the last restore; `restored_slot`, which occurrence of a rule
    that was, 0 for none; `auto_restore_from`, when a pending one-off was asked for.
    """

    channel_stocks: Sequence[ChannelState]
    available: Number | None
    deleted: bool
    channels: list[ChannelSale]
    epoch_at: str | None = None
    restored_slot: int = 0
    auto_restore_from: str | None = None


class StoreState(msgspec.Struct, frozen=True, gc=False):
    """A store as a whole. While it or its brand isn't open, nothing can be sold there, whatever the stocks say."""

    open: bool
    brand_open: bool
    store_open: bool
    time_zone: str | None
    deleted: bool


class StockMessage(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="eventType", tag="poi.item.stock"):
    """A stock has changed. `prev_seq` is the `seq` of the store's previous message; `alerts` are thresholds that this
    change crossed, `incident` the one that it opened or resolved, as it is now."""

    brand_id: str = msgspec.field(name="brandId")
    poi_id: str = msgspec.field(name="poiId")
    object_kind: Literal["item_stock"] = msgspec.field(name="objectType", default="item_stock")
    seq: int
    prev_seq: int
    committed_at: str
    data: StockState
    alerts: list[AlertAnswer] | UnsetType = UNSET
    incident: IncidentTold | UnsetType = UNSET


class StoreMessage(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="eventType", tag="poi.store"):
    """The store or its brand has opened, closed, moved to another time zone, or is gone."""

    brand_id: str = msgspec.field(name="brandId")
    poi_id: str = msgspec.field(name="poiId")
    object_kind: Literal["store"] = msgspec.field(name="objectType", default="store")
    seq: int
    prev_seq: int
    committed_at: str
    data: StoreState


Message = StockMessage | StoreMessage

encode_message = msgspec.json.Encoder(decimal_format="number").encode
decode_message = msgspec.json.Decoder(Message).decode


def group_of(store: StoreKey) -> str:
    """The message group of a store: unlike for any other pair, whatever the ids hold."""
    return f"{len(store.brand_id)}.{store.brand_id}/{store.poi_id}"


def brand_of(group: str) -> str:
    """The brand of the store whose message group this is. `ValueError` where it is none's."""
    length, _, rest = group.partition(".")
    if not length.isdecimal() or rest[int(length) : int(length) + 1] != "/":
        raise ValueError(f"{group!r} is no store's message group")
    return rest[: int(length)]


def stock_state(view: StockView, key: StockKey) -> StockState:
    """The stock as `view` has it. Its fields are `stock_answer`'s, written out: a relay makes thousands a second."""
    brand_id = view.store.brand_id
    stock, rows = view.stock(key), view.channel_rows(key)
    item = view.catalogue.item(brand_id, *key)
    return StockState(
        *row_values(stock),
        channel_stocks=_channel_states(rows, period_start(view.day, stock)) if rows else [],
        available=as_number(max(0, stock.left)) if stock.is_limited else None,
        deleted=item is None,
        channels=[] if item is None else _sales(view, item, view.catalogue.channels(brand_id)),
        epoch_at=_instant(stock.epoch_at),
        restored_slot=stock.restored_slot,
        auto_restore_from=_instant(stock.auto_restore_from),
    )


def store_state(view: StockView) -> StoreState:
    """The store as the catalogue has it."""
    brand = view.catalogue.brand(view.store.brand_id)
    store = view.catalogue.store(view.store.brand_id, view.store.poi_id)
    brand_open, store_open = brand is not None and brand.open, store is not None and store.open
    return StoreState(
        brand_open and store_open, brand_open, store_open, None if store is None else store.time_zone, store is None
    )


def message(
    view: StockView,
    row: OutboxRow,
    *,
    state: StockState | None = None,
    alerts: Sequence[Alert] = (),
    incident: Incident | None = None,
) -> Message:
    """The message of an outbox row, with the state of now: `state` where it is known already, of a stock. A row that
    tells of an `incident` is about its stock."""
    _, brand_id, poi_id = view.store
    seq, prev_seq, committed_at = row.seq, row.prev_seq, to_iso(row.committed_at)
    if row.key == WHOLE_STORE:
        return StoreMessage(
            brand_id=brand_id,
            poi_id=poi_id,
            seq=seq,
            prev_seq=prev_seq,
            committed_at=committed_at,
            data=store_state(view),
        )
    crossed = [alert_answer(alert) for alert in alerts if alert.seq == seq and alert.key == row.key]
    return StockMessage(
        brand_id=brand_id,
        poi_id=poi_id,
        seq=seq,
        prev_seq=prev_seq,
        committed_at=committed_at,
        data=state or stock_state(view, row.key),
        alerts=crossed or UNSET,
        incident=UNSET if incident is None else incident_told(view.store, incident),
    )


def _channel_states(rows: Mapping[str, ChannelStock], period_at: int) -> list[ChannelState]:
    return [
        ChannelState(
            *channel_values(rows[code]),
            used_quantity=as_number(used_since(rows[code], period_at)),
            released_at=_instant(rows[code].released_at),
        )
        for code in sorted(rows)
    ]


def _instant(at_ms: int) -> str | None:
    """0 is never."""
    return to_iso(at_ms) if at_ms else None


def _sales(view: StockView, item: Item, channels: Mapping[str, Channel]) -> list[ChannelSale]:
    links = ((item.key, UNIT),) if item.object_type == 1 else chain(item, view.catalogue)
    each = [channels[code] for code in sorted(channels)]
    cans = available_to_each(view, item, each, links)
    return [_sale(channel.channel_code, can.quantity, can.blocked_by) for channel, can in zip(each, cans, strict=True)]


@lru_cache(maxsize=4_096)
def _sale(channel_code: str, quantity: int | None, blocked_by: BlockedBy | None) -> ChannelSale:
    """Remembered: what is left of most dishes are the same few numbers."""
    return ChannelSale(
        channel_code,
        blocked_by is None and quantity != 0,
        None if quantity is None else as_number(quantity),
        None if blocked_by is None else blocked_by.value,
    )
