"""What a POS reports of one stock, and the row it is told back."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import asdict, replace

from eightysix.core.command import Actor, ReportStock, Setting
from eightysix.core.key import StoreKey
from eightysix.core.outcome import StockReported

from .fields import (
    AwareInstant,
    Body,
    Digits,
    Identifier,
    ObjectId,
    OneOrTwo,
    Quantity,
    documented,
    identifier,
    milliseconds,
    quantity,
    whole,
)
from .stock import MAX_CHANNELS, ChannelStockBody, SettingBody, StockRowAnswer, stock_answer


class ReportBody(Body, kw_only=True):
    """A stock's row as the POS has it now, based on the row that it last saw: `updated_at` is that row's, null where it
    saw none. What is left out stays as it is. `base_real_quantity` is what the POS believed to be there before it
    counted; it is needed where orders have moved what is there since. The same report again changes nothing: the same
    `event_id` with the same body, or the same body on the same base."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier = msgspec.field(name="poiId")
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
    updated_at: AwareInstant | None
    event_id: Identifier | None = None
    channel_stocks: Annotated[list[ChannelStockBody], documented(maxItems=MAX_CHANNELS)] = msgspec.field(
        default_factory=list
    )

    def command(self, store: StoreKey, actor: Actor) -> ReportStock:
        event_id = None if self.event_id is None else identifier(self.event_id, "event_id")
        return ReportStock(
            store,
            self.setting(),
            base_instant(self.updated_at),
            replace(actor, source="pos", event_id=event_id),
            base_quantity(self.base_real_quantity),
        )

    def setting(self) -> Setting:
        return self._body().setting()

    def named(self) -> Setting:
        """What it is about, without what it sets of that."""
        return self._body().named()

    def _body(self) -> SettingBody:
        return SettingBody(
            self.object_id,
            self.object_type,
            self.stock_status,
            self.stock_type,
            self.plan_quantity,
            self.real_quantity,
            self.manual,
            self.auto_restore_type,
            self.auto_restore_at,
            channel_stocks=self.channel_stocks,
        )


class StockReportAnswer(StockRowAnswer, frozen=True, gc=False, kw_only=True):
    """A stock's row after a report. `real_applied` is false where the reported count was only what the POS had seen
    before orders moved it; with `replayed` the report had been processed before, and the row is that of now."""

    real_applied: bool
    replayed: bool


def report_answer(reported: StockReported) -> StockReportAnswer:
    """A report that was processed."""
    row = reported.row
    shown = asdict(stock_answer(row.stock, row.channels))
    return StockReportAnswer(**shown, real_applied=reported.real_applied, replayed=row.replayed)


def base_instant(updated_at: datetime | None) -> int | None:
    """The `updated_at` of the row that a change is based on, in milliseconds."""
    return None if updated_at is None else milliseconds(updated_at, "updated_at")


def base_quantity(told: "Quantity | None") -> int | None:
    """What was believed to be there, in thousandths."""
    return None if told is None else quantity(told, "base_real_quantity")
