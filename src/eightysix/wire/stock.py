"""Stocks on the wire: what can be sold, rows as they are, and what the back office sets."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from eightysix.core.command import Actor, ChannelSetting, SetStock, Setting
from eightysix.core.instant import from_datetime, to_iso
from eightysix.core.key import ObjectType, StockKey, StoreKey
from eightysix.core.quantity import as_number
from eightysix.core.stock import Allocation, ChannelStock, Stock

from .fields import (
    AwareInstant,
    Body,
    Digits,
    Identifier,
    Integer,
    ObjectId,
    OneOrTwo,
    Quantity,
    Reason,
    documented,
    identifier,
    integer,
    object_id,
    quantity,
    reason,
    several,
    whole,
)
from .problem import Problem, Rejection

MAX_SETTINGS = 1_000
MAX_CHANNELS = 100
MAX_WEIGHT = 1_000_000

Number = int | Decimal


class AvailableItem(msgspec.Struct, frozen=True, gc=False):
    """What can be sold of an item on the channel asked for; `available` null means unlimited."""

    object_type: int
    object_id: int
    sellable: bool
    available: Number | None
    blocked_by: str | None
    stock_status: int
    stock_type: int


class AvailabilityAnswer(msgspec.Struct, frozen=True, gc=False):
    """`cursor` is opaque; it changes with every change in the store."""

    cursor: str
    items: list[AvailableItem]


class ChannelStockAnswer(msgspec.Struct, frozen=True, gc=False):
    """What one channel may take of a stock."""

    channel_code: str
    stock_status: int
    stock_type: int
    limit_quantity: Number | None
    guarantee_quantity: Number
    weight: int


class StockRowAnswer(msgspec.Struct, frozen=True, gc=False):
    """A stock's row as it is; quantities in portions, `real_quantity` never shown below 0."""

    object_type: int
    object_id: int
    stock_status: int
    stock_type: int
    manual: bool
    plan_quantity: Number
    real_quantity: Number
    locked_quantity: Number
    grant_quantity: Number
    oversold_quantity: Number
    version: int
    settings_version: int
    updated_at: str | None
    auto_restore_type: int
    auto_restore_at: str | None
    allocation: str
    channel_stocks: list[ChannelStockAnswer]


class ChannelStockBody(Body):
    """What to set for one channel; what is left out stays as it is."""

    channel_code: Identifier
    stock_status: OneOrTwo | UnsetType = UNSET
    stock_type: OneOrTwo | UnsetType = UNSET
    limit_quantity: Quantity | UnsetType | None = UNSET
    guarantee_quantity: Quantity | UnsetType = UNSET
    weight: Annotated[int, whole(0, MAX_WEIGHT)] | Digits | UnsetType = UNSET

    def setting(self) -> ChannelSetting:
        limit = self.limit_quantity
        return ChannelSetting(
            identifier(self.channel_code, "channel_code"),
            _one_or_two(self.stock_status, "stock_status"),
            _one_or_two(self.stock_type, "stock_type"),
            limit if limit is None or limit is UNSET else quantity(limit, "limit_quantity"),
            _quantity(self.guarantee_quantity, "guarantee_quantity"),
            UNSET if self.weight is UNSET else integer(self.weight, "weight", 0, MAX_WEIGHT),
        )


class SettingBody(Body):
    """What to set for one stock; what is left out stays as it is.

    `stock_status` 1 on sale, 2 sold out; `stock_type` 1 unlimited, 2 limited. `expected_version` is the
    `settings_version` that the change is based on. `allocation`: what the channels' weights share out whenever what
    there is changes.
    """

    object_id: ObjectId
    object_type: OneOrTwo = 2
    stock_status: OneOrTwo | UnsetType = UNSET
    stock_type: OneOrTwo | UnsetType = UNSET
    plan_quantity: Quantity | UnsetType = UNSET
    real_quantity: Quantity | UnsetType = UNSET
    manual: bool | UnsetType = UNSET
    auto_restore_type: Annotated[int, whole(0, 2)] | Digits | UnsetType = UNSET
    auto_restore_at: AwareInstant | UnsetType | None = UNSET
    expected_version: Annotated[int, whole(0, 2**53 - 1)] | Digits | None = None
    allocation: Literal["none", "guarantee", "limit"] | UnsetType = UNSET
    channel_stocks: Annotated[list[ChannelStockBody], documented(maxItems=MAX_CHANNELS)] = msgspec.field(
        default_factory=list
    )

    def setting(self) -> Setting:
        kind, restore_at = self.auto_restore_type, self.auto_restore_at
        expected = self.expected_version
        return Setting(
            StockKey(object_type(self.object_type), object_id(self.object_id, "object_id")),
            _one_or_two(self.stock_status, "stock_status"),
            _one_or_two(self.stock_type, "stock_type"),
            _quantity(self.plan_quantity, "plan_quantity"),
            _quantity(self.real_quantity, "real_quantity"),
            self.manual,
            UNSET if kind is UNSET else integer(kind, "auto_restore_type", 0, 2),
            from_datetime(restore_at) if isinstance(restore_at, datetime) else restore_at,
            None if expected is None else integer(expected, "expected_version", 0, 2**53 - 1),
            self._channels(),
            UNSET if self.allocation is UNSET else Allocation[self.allocation.upper()],
        )

    def _channels(self) -> tuple[ChannelSetting, ...]:
        if len(self.channel_stocks) > MAX_CHANNELS:
            raise Rejection(Problem.TOO_MANY, "channel_stocks", most=MAX_CHANNELS)
        settings = []
        for at, channel in enumerate(self.channel_stocks):
            try:
                settings.append(channel.setting())
            except Rejection as rejection:
                raise rejection.inside(f"channel_stocks[{at}]") from None
        return tuple(settings)


class UpdateOneBody(SettingBody, kw_only=True):
    """Set one stock of a store."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier = msgspec.field(name="poiId")
    op: Literal["set"] = "set"
    reason: Reason | None = None

    def command(self, actor: Actor) -> SetStock:
        store = StoreKey.of(identifier(self.brand_id, "brandId"), identifier(self.poi_id, "poiId"))
        return SetStock(store, (self.setting(),), actor, reason(self.reason))


class UpdateManyBody(Body):
    """Set several stocks of a store, each with a result of its own."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier = msgspec.field(name="poiId")
    items: Annotated[list[SettingBody], several(MAX_SETTINGS)]
    op: Literal["set"] = "set"
    reason: Reason | None = None

    def command(self, actor: Actor) -> SetStock:
        store = StoreKey.of(identifier(self.brand_id, "brandId"), identifier(self.poi_id, "poiId"))
        if not self.items:
            raise Rejection(Problem.EMPTY, "items")
        if len(self.items) > MAX_SETTINGS:
            raise Rejection(Problem.TOO_MANY, "items", most=MAX_SETTINGS)
        settings = []
        for at, item in enumerate(self.items):
            try:
                settings.append(item.setting())
            except Rejection as rejection:
                raise rejection.inside(f"items[{at}]") from None
        return SetStock(store, tuple(settings), actor, reason(self.reason))


def object_type(value: Integer) -> int:
    """1 for an SPU, 2 for a SKU."""
    return integer(value, "object_type", ObjectType.SPU, ObjectType.SKU)


def stock_answer(stock: Stock, channels: tuple[ChannelStock, ...] = ()) -> StockRowAnswer:
    """A row as the wire shows it."""
    return StockRowAnswer(
        stock.key.object_type,
        stock.key.object_id,
        stock.status,
        stock.type,
        stock.manual,
        as_number(stock.plan),
        as_number(max(0, stock.real)),
        as_number(stock.locked),
        as_number(stock.grant),
        as_number(stock.oversold),
        stock.version,
        stock.settings_version,
        to_iso(stock.updated_at) if stock.version else None,
        stock.auto_restore_type,
        None if stock.auto_restore_at is None else to_iso(stock.auto_restore_at),
        Allocation(stock.allocation).name.lower(),
        [_channel_answer(channel) for channel in channels],
    )


def _channel_answer(channel: ChannelStock) -> ChannelStockAnswer:
    return ChannelStockAnswer(
        channel.channel_code,
        channel.status,
        channel.type,
        None if channel.limit is None else as_number(channel.limit),
        as_number(channel.guarantee),
        channel.weight,
    )


def _one_or_two(value: Integer | UnsetType, field: str) -> int | UnsetType:
    return UNSET if value is UNSET else integer(value, field, 1, 2)


def _quantity(value: Decimal | UnsetType, field: str) -> int | UnsetType:
    return UNSET if value is UNSET else quantity(value, field)
