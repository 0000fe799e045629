"""The journal of a device that was cut off, and what its events came to (DESIGN section 5).

An event has the fields of the call that would have been made, without `brandId` and `poiId`.
"""

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from eightysix.core.command import Actor, ChangeStock, CountStock, Event, ReplayEvent, SellStock
from eightysix.core.journal import event_id
from eightysix.core.key import StockKey, StoreKey
from eightysix.core.outcome import EventReplayed

from .answer import EventResult
from .fields import (
    AwareInstant,
    Body,
    Digits,
    HoldSeconds,
    Identifier,
    Integer,
    ObjectId,
    OneOrTwo,
    Quantity,
    Reason,
    documented,
    integer,
    milliseconds,
    object_id,
    quantity,
    reason,
    several,
    whole,
)
from .language import Language
from .messages import sentence
from .order import (
    MAX_LINES,
    AmendBody,
    AmendLine,
    DeductBody,
    HeldLine,
    LockBody,
    LockLine,
    NamedLine,
    ReturnBody,
    ReturnLine,
    UnlockBody,
)
from .pos_report import base_instant, base_quantity
from .stock import MAX_CHANNELS, ChannelStockBody, RestoreToName, SettingBody, object_type

MAX_EVENTS = 1_000
MAX_SEQ = 2**53 - 1

Seq = Annotated[int, whole(1, MAX_SEQ)] | Digits


class EventBody(Body, kw_only=True):
    """`seq` counts the journal's events from 1; `occurred_at` is the device's own clock."""

    seq: Seq
    occurred_at: AwareInstant

    def number(self) -> int:
        return integer(self.seq, "seq", 1, MAX_SEQ)

    def happened_at(self) -> int:
        return milliseconds(self.occurred_at, "occurred_at")

    def event(self, store: StoreKey, actor: Actor) -> Event:
        """What the store tells."""
        raise NotImplementedError


class LockEvent(EventBody, kw_only=True, tag_field="type", tag="lock"):
    """Held for an order, whether it was there or not."""

    order_id: Identifier
    channel_code: Identifier
    lines: Annotated[list[LockLine], several(MAX_LINES)]
    expires_in: HoldSeconds | None = None
    partial: bool = False
    force: bool = False
    reason: Reason | None = None

    def event(self, store: StoreKey, actor: Actor) -> Event:
        body = LockBody(
            *store[1:],
            self.order_id,
            self.channel_code,
            self.lines,
            self.expires_in,
            self.partial,
            self.force,
            self.reason,
        )
        return body.command(actor)


class DeductEvent(EventBody, kw_only=True, tag_field="type", tag="deduct"):
    """The order was paid."""

    order_id: Identifier
    lines: Annotated[list[HeldLine], several(MAX_LINES)] | None = None
    relock: bool = False
    reason: Reason | None = None

    def event(self, store: StoreKey, actor: Actor) -> Event:
        return DeductBody(*store[1:], self.order_id, self.lines, self.relock, self.reason).command(actor)


class UnlockEvent(EventBody, kw_only=True, tag_field="type", tag="unlock"):
    """The order was cancelled before it was paid."""

    order_id: Identifier
    lines: Annotated[list[NamedLine], several(MAX_LINES)] | None = None
    reason: Reason | None = None

    def event(self, store: StoreKey, actor: Actor) -> Event:
        return UnlockBody(*store[1:], self.order_id, self.lines, self.reason).command(actor)


class ReturnEvent(EventBody, kw_only=True, tag_field="type", tag="return"):
    """Paid portions came back."""

    order_id: Identifier
    request_id: Identifier
    lines: Annotated[list[ReturnLine], several(MAX_LINES)] | None = None
    reason: Reason | None = None

    def event(self, store: StoreKey, actor: Actor) -> Event:
        return ReturnBody(*store[1:], self.order_id, self.request_id, self.lines, self.reason).command(actor)


class AmendEvent(EventBody, kw_only=True, tag_field="type", tag="amend"):
    """A live order changed its mind."""

    order_id: Identifier
    request_id: Identifier
    lines: Annotated[list[AmendLine], several(MAX_LINES)] | None = None
    expires_in: HoldSeconds | None = None
    reason: Reason | None = None

    def event(self, store: StoreKey, actor: Actor) -> Event:
        body = AmendBody(*store[1:], self.order_id, self.request_id, self.lines, self.expires_in, self.reason)
        return body.command(actor)


class SaleEvent(EventBody, kw_only=True, tag_field="type", tag="sale"):
    """Sold and paid at once, without a lock."""

    order_id: Identifier
    channel_code: Identifier
    lines: Annotated[list[LockLine], several(MAX_LINES)]
    reason: Reason | None = None

    def event(self, store: StoreKey, actor: Actor) -> Event:
        told = LockBody(*store[1:], self.order_id, self.channel_code, self.lines, reason=self.reason).command(actor)
        return SellStock(store, told.order_id, told.channel_code, told.lines, actor, told.reason)


class CountEvent(EventBody, kw_only=True, tag_field="type", tag="count"):
    """`counted` was there where the device `expected` so much: the difference is what counts. With `updated_at` or
    `expected_version` of the row it knew, settings of the same journal that follow may be based on that row too."""

    object_id: ObjectId
    object_type: OneOrTwo = 2
    counted: Quantity
    expected: Quantity
    updated_at: AwareInstant | None = None
    expected_version: Seq | None = None
    reason: Reason | None = None

    def event(self, store: StoreKey, actor: Actor) -> Event:
        return CountStock(
            store,
            StockKey(object_type(self.object_type), object_id(self.object_id, "object_id")),
            quantity(self.counted, "counted"),
            quantity(self.expected, "expected"),
            actor,
            _version(self.expected_version),
            base_instant(self.updated_at),
            reason(self.reason),
        )


class SettingEvent(EventBody, kw_only=True, tag_field="type", tag="setting"):
    """Somebody in the store set a stock. It is based on the row with this `updated_at`, or with `expected_version` as
    its settings version; without either it counts only where nobody has set the stock yet, or as a newer 86."""

    object_id: ObjectId
    object_type: OneOrTwo = 2
    stock_status: OneOrTwo | UnsetType = UNSET
    stock_type: OneOrTwo | UnsetType = UNSET
    plan_quantity: Quantity | UnsetType = UNSET
    real_quantity: Quantity | UnsetType = UNSET
    base_real_quantity: Quantity | None = None
    manual: bool | UnsetType = UNSET
    auto_restore_type: Annotated[int, whole(0, 2)] | Digits | UnsetType = UNSET
    auto_restore_at: AwareInstant | UnsetType | None = UNSET
    restore_to: RestoreToName | UnsetType = UNSET
    updated_at: AwareInstant | None = None
    expected_version: Annotated[int, whole(0, MAX_SEQ)] | Digits | None = None
    channel_stocks: Annotated[list[ChannelStockBody], documented(maxItems=MAX_CHANNELS)] = msgspec.field(
        default_factory=list
    )
    reason: Reason | None = None

    def event(self, store: StoreKey, actor: Actor) -> Event:
        body = SettingBody(
            self.object_id,
            self.object_type,
            self.stock_status,
            self.stock_type,
            self.plan_quantity,
            self.real_quantity,
            self.manual,
            self.auto_restore_type,
            self.auto_restore_at,
            self.restore_to,
            channel_stocks=self.channel_stocks,
        )
        return ChangeStock(
            store,
            body.setting(),
            actor,
            _version(self.expected_version),
            base_instant(self.updated_at),
            base_quantity(self.base_real_quantity),
            reason(self.reason),
        )


JournalEvent = LockEvent | DeductEvent | UnlockEvent | ReturnEvent | AmendEvent | SaleEvent | CountEvent | SettingEvent


class ReplayBody(Body, kw_only=True):
    """What happened while the store was cut off, in order. `journal_id` is random for each installation of a device."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier = msgspec.field(name="poiId")
    device_id: Identifier
    journal_id: Identifier
    events: Annotated[list[JournalEvent], several(MAX_EVENTS)]


class RawReplayBody(Body, kw_only=True):
    """The same with its events still to be read, so that those before a wrong one count."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier = msgspec.field(name="poiId")
    device_id: Identifier
    journal_id: Identifier
    events: list[msgspec.Raw]

    def command(self, told: EventBody, store: StoreKey, actor: Actor) -> ReplayEvent:
        """One of its events."""
        seq = told.number()
        teller = replace(
            actor, source="replay", event_id=event_id(self.journal_id, seq), happened_at=told.happened_at()
        )
        return ReplayEvent(store, self.device_id, self.journal_id, seq, told.event(store, teller), teller)


class ReplayAnswer(msgspec.Struct, frozen=True, gc=False):
    """A result for each event. `expected_seq` is what the journal goes on with."""

    expected_seq: int
    results: list[EventResult]


def event_result(replayed: EventReplayed, language: Language) -> EventResult:
    """An event's result, and in words why it or a part of it was superseded."""
    code = replayed.code
    return EventResult(
        replayed.seq,
        replayed.result.value,
        replayed.replayed,
        None if code is None else code.value,
        None if code is None else sentence(code, language),
    )


def _version(told: Integer | None) -> int | None:
    return None if told is None else integer(told, "expected_version", 0, MAX_SEQ)
