"""Stocks on the wire: what can be sold, rows as they are, and what the back office sets."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, Protocol

import msgspec
from msgspec import UNSET, UnsetType

from eightysix.core.change import Kind
from eightysix.core.command import Actor, ChannelSetting, SetStock, Setting
from eightysix.core.key import ObjectType, StockKey, StoreKey
from eightysix.core.outcome import StockRow
from eightysix.core.stock import Allocation, ChannelStock, RestoreTo, Stock
from eightysix.core.stock_row import channel_values, row_values

from .change import FieldChange, changes_answer
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
    SignedQuantity,
    documented,
    identifier,
    integer,
    milliseconds,
    object_id,
    quantity,
    reason,
    several,
    signed_quantity,
    whole,
)
from .problem import Problem, Rejection

MAX_SETTINGS = 1_000
MAX_CHANNELS = 100
MAX_WEIGHT = 1_000_000
MAX_STORES = 10_000
"""Stores in one call."""
MAX_RESULTS = 10_000
"""Stores times items in one call."""

RestoreToName = Literal["plan", "unlimited", "keep"]
RESTORE_TO: dict[str, RestoreTo] = {each.name.lower(): each for each in RestoreTo}
"""By the name on the wire."""

Number = int | Decimal
Op = Literal["set", "add", "count"]


class BlockedObject(msgspec.Struct, frozen=True, gc=False):
    """The stock that stands in the way: of a combo, which component."""

    object_type: int
    object_id: int


class AvailableItem(msgspec.Struct, frozen=True, gc=False):
    """What can be sold of an item on the channel asked for; `available` null means unlimited.

    `guaranteed` can be sold whatever the other channels sell meanwhile, `possible` (the same as `available`) at most.
    `blocked_object` is the stock that `blocked_by` is about, where it is one.
    """

    object_type: int
    object_id: int
    sellable: bool
    available: Number | None
    blocked_by: str | None
    stock_status: int
    stock_type: int
    guaranteed: Number | None
    possible: Number | None
    blocked_object: BlockedObject | None


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
    low_quantity: Number | None
    is_low: bool


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
    restore_to: str
    allocation: str
    low_quantity: Number | None
    is_low: bool
    channel_stocks: Sequence[ChannelStockAnswer]


class StockSetAnswer(StockRowAnswer, frozen=True, gc=False, kw_only=True):
    """A stock's row after it was set, and what was changed; with `replayed` nothing had to be."""

    replayed: bool
    changes: list[FieldChange]


class ChannelStockBody(Body):
    """What to set for one channel; what is left out stays as it is. `low_quantity` as for a stock: of what the channel
    can sell."""

    channel_code: Identifier
    stock_status: OneOrTwo | UnsetType = UNSET
    stock_type: OneOrTwo | UnsetType = UNSET
    limit_quantity: Quantity | UnsetType | None = UNSET
    guarantee_quantity: Quantity | UnsetType = UNSET
    weight: Annotated[int, whole(0, MAX_WEIGHT)] | Digits | UnsetType = UNSET
    low_quantity: Quantity | UnsetType | None = UNSET

    def setting(self) -> ChannelSetting:
        return ChannelSetting(
            identifier(self.channel_code, "channel_code"),
            _one_or_two(self.stock_status, "stock_status"),
            _one_or_two(self.stock_type, "stock_type"),
            _optional(self.limit_quantity, "limit_quantity"),
            _quantity(self.guarantee_quantity, "guarantee_quantity"),
            UNSET if self.weight is UNSET else integer(self.weight, "weight", 0, MAX_WEIGHT),
            _optional(self.low_quantity, "low_quantity"),
        )


class SettingBody(Body):
    """What to set for one stock; what is left out stays as it is.

    `stock_status` 1 on sale, 2 sold out; `stock_type` 1 unlimited, 2 limited. `expected_version` is the
    `settings_version` that the change is based on. With `op` add, `quantity` is added to what is there (less, where it
    is negative); with count it is what was counted. Both want a limited stock and set nothing else. `auto_restore_type`
    0: the restore rules apply; 1: once, at `auto_restore_at` or when the next business day starts, to what `restore_to`
    says; 2: never. `allocation`: what the channels' weights share out whenever what there is changes. With
    `low_quantity` an alert is raised when no more than that is left; null: none.
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
    restore_to: RestoreToName | UnsetType = UNSET
    expected_version: Annotated[int, whole(0, 2**53 - 1)] | Digits | None = None
    allocation: Literal["none", "guarantee", "limit"] | UnsetType = UNSET
    low_quantity: Quantity | UnsetType | None = UNSET
    channel_stocks: Annotated[list[ChannelStockBody], documented(maxItems=MAX_CHANNELS)] = msgspec.field(
        default_factory=list
    )
    op: Op | None = None
    quantity: SignedQuantity | UnsetType = UNSET

    def setting(self, op: Op = "set") -> Setting:
        """The setting, of kind `op` unless it says so itself."""
        if (self.op or op) != "set":
            return self._counting(self.op or op)
        if self.quantity is not UNSET:
            raise Rejection(Problem.VALUE_INVALID, "quantity", why="only with op add and count")
        kind, restore_at = self.auto_restore_type, self.auto_restore_at
        expected = self.expected_version
        return Setting(
            self._key(),
            _one_or_two(self.stock_status, "stock_status"),
            _one_or_two(self.stock_type, "stock_type"),
            _quantity(self.plan_quantity, "plan_quantity"),
            _quantity(self.real_quantity, "real_quantity"),
            self.manual,
            UNSET if kind is UNSET else integer(kind, "auto_restore_type", 0, 2),
            milliseconds(restore_at, "auto_restore_at") if isinstance(restore_at, datetime) else restore_at,
            UNSET if self.restore_to is UNSET else RESTORE_TO[self.restore_to],
            None if expected is None else integer(expected, "expected_version", 0, 2**53 - 1),
            self._channels(),
            UNSET if self.allocation is UNSET else Allocation[self.allocation.upper()],
            _optional(self.low_quantity, "low_quantity"),
        )

    def named(self) -> Setting:
        """What it is about, without what it sets of that."""
        channels = tuple(ChannelSetting(each.channel_code) for each in self.channel_stocks[:MAX_CHANNELS])
        return Setting(self._key(), channels=channels)

    def _key(self) -> StockKey:
        return StockKey(object_type(self.object_type), object_id(self.object_id, "object_id"))

    def _counting(self, op: Op) -> Setting:
        for name in SettingBody.__struct_fields__:
            if name not in _COUNTING and getattr(self, name) not in (UNSET, []):
                raise Rejection(Problem.VALUE_INVALID, name, why="only with op set")
        if self.quantity is UNSET:
            raise Rejection(Problem.MISSING_FIELD, "quantity")
        expected = self.expected_version
        return Setting(
            self._key(),
            expected_version=None if expected is None else integer(expected, "expected_version", 0, 2**53 - 1),
            kind=Kind.ADD if op == "add" else Kind.COUNT,
            quantity=(signed_quantity if op == "add" else quantity)(self.quantity, "quantity"),
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


_COUNTING = {"object_id", "object_type", "op", "quantity", "expected_version"}


class WhichStores(Protocol):
    """A body that names one store, several, or all of the brand that the caller reaches."""

    @property
    def poi_id(self) -> str | None: ...
    @property
    def poi_ids(self) -> list[str] | None: ...
    @property
    def every(self) -> bool: ...


def stores_named(body: WhichStores) -> list[str] | None:
    """The stores that are named one by one; None for all."""
    named = [body.poi_id is not None, body.poi_ids is not None, body.every]
    if not any(named):
        raise Rejection(Problem.MISSING_FIELD, "poiId")
    if sum(named) > 1:
        raise Rejection(Problem.VALUE_INVALID, "poiId", why="one of poiId, poiIds and all")
    if body.every:
        return None
    if body.poi_ids is None:
        return [identifier(body.poi_id or "", "poiId")]
    if not body.poi_ids:
        raise Rejection(Problem.EMPTY, "poiIds")
    if len(body.poi_ids) > MAX_STORES:
        raise Rejection(Problem.TOO_MANY, "poiIds", most=MAX_STORES)
    seen: set[str] = set()
    for at, poi_id in enumerate(body.poi_ids):
        if identifier(poi_id, f"poiIds[{at}]") in seen:
            raise Rejection(Problem.VALUE_INVALID, f"poiIds[{at}]", why="named twice")
        seen.add(poi_id)
    return body.poi_ids


class UpdateOneBody(SettingBody, kw_only=True):
    """Set one stock, in one store (`poiId`), several (`poiIds`) or all that the key reaches. An addition needs a
    `request_id`: the same one with the same body changes nothing again. With `dry_run` nothing is written."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier | None = msgspec.field(name="poiId", default=None)
    poi_ids: Annotated[list[Identifier], several(MAX_STORES)] | None = msgspec.field(name="poiIds", default=None)
    every: bool = msgspec.field(name="all", default=False)
    request_id: Identifier | None = None
    reason: Reason | None = None
    dry_run: bool = False

    def plan(self) -> "SettingPlan":
        """What to do in each store."""
        return SettingPlan.of((self.setting(),), self.request_id, self.reason, dry_run=self.dry_run)


class UpdateManyBody(Body, kw_only=True):
    """Set several stocks, each with a result of its own, in one store (`poiId`), several (`poiIds`) or all that the key
    reaches; at most 10,000 results. `op` is that of the items that don't say so themselves."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier | None = msgspec.field(name="poiId", default=None)
    poi_ids: Annotated[list[Identifier], several(MAX_STORES)] | None = msgspec.field(name="poiIds", default=None)
    every: bool = msgspec.field(name="all", default=False)
    items: Annotated[list[SettingBody], several(MAX_SETTINGS)]
    op: Op = "set"
    request_id: Identifier | None = None
    reason: Reason | None = None
    dry_run: bool = False

    def plan(self) -> "SettingPlan":
        """What to do in each store."""
        if not self.items:
            raise Rejection(Problem.EMPTY, "items")
        if len(self.items) > MAX_SETTINGS:
            raise Rejection(Problem.TOO_MANY, "items", most=MAX_SETTINGS)
        settings = []
        for at, item in enumerate(self.items):
            try:
                settings.append(item.setting(self.op))
            except Rejection as rejection:
                raise rejection.inside(f"items[{at}]") from None
        return SettingPlan.of(tuple(settings), self.request_id, self.reason, dry_run=self.dry_run)


class SettingPlan(msgspec.Struct, frozen=True):
    """What is to be done, the same in each store."""

    settings: tuple[Setting, ...]
    request_id: str | None = None
    reason: str | None = None
    dry_run: bool = False

    @classmethod
    def of(
        cls, settings: tuple[Setting, ...], request_id: str | None, why: str | None, *, dry_run: bool
    ) -> "SettingPlan":
        """The plan, checked as a whole."""
        if request_id is None and any(setting.kind is Kind.ADD for setting in settings):
            raise Rejection(Problem.MISSING_FIELD, "request_id")
        known = None if request_id is None else identifier(request_id, "request_id")
        return cls(settings, known, reason(why), dry_run)

    def parts(self, most: int) -> range:
        """Where each part of at most `most` settings starts. What is remembered under one id is one part."""
        return range(0, len(self.settings), most if self.request_id is None else len(self.settings))

    def part(self, start: int, most: int) -> "SettingPlan":
        """One of the parts."""
        if self.request_id is not None or len(self.settings) <= most:
            return self
        return msgspec.structs.replace(self, settings=self.settings[start : start + most])

    def command(self, store: StoreKey, actor: Actor) -> SetStock:
        return SetStock(store, self.settings, actor, self.reason, self.request_id, self.dry_run)


def object_type(value: Integer) -> int:
    """1 for an SPU, 2 for a SKU."""
    return integer(value, "object_type", ObjectType.SPU, ObjectType.SKU)


def stock_answer(stock: Stock, channels: tuple[ChannelStock, ...] = ()) -> StockRowAnswer:
    """A row as the wire shows it."""
    shown = [ChannelStockAnswer(*channel_values(channel)) for channel in channels]
    return StockRowAnswer(*(*row_values(stock), shown))


def stock_set_answer(row: StockRow) -> StockSetAnswer:
    """A row that was set."""
    shown = stock_answer(row.stock, row.channels)
    fields = {name: getattr(shown, name) for name in StockRowAnswer.__struct_fields__}
    return StockSetAnswer(**fields, replayed=row.replayed, changes=changes_answer(row.changes))


def blocked_object(key: StockKey | None) -> BlockedObject | None:
    """Which stock it is, if any."""
    return None if key is None else BlockedObject(*key)


def _one_or_two(value: Integer | UnsetType, field: str) -> int | UnsetType:
    return UNSET if value is UNSET else integer(value, field, 1, 2)


def _optional(value: Decimal | UnsetType | None, field: str) -> int | UnsetType | None:
    return None if value is None else _quantity(value, field)


def _quantity(value: Decimal | UnsetType, field: str) -> int | UnsetType:
    return UNSET if value is UNSET else quantity(value, field)
