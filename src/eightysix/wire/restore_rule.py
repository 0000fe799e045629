"""Restore rules and what comes back, on the wire (DESIGN section 8)."""

from collections.abc import Iterable
from typing import Annotated

import msgspec

from eightysix.core.instant import to_iso
from eightysix.core.preview import Coming
from eightysix.core.quantity import as_number
from eightysix.core.stock import RestoreTo

from .administration import CATEGORY_LENGTH, PAGE_LIMIT
from .fields import (
    Body,
    Identifier,
    InstantText,
    ObjectId,
    OneOrTwo,
    Quantity,
    WallTime,
    documented,
    several,
    whole,
    words,
)
from .stock import Number, RestoreToName

MAX_ENTRIES = 50


class EntryBody(Body):
    """One time of a schedule. `days` are ISO weekdays of the business date, 1 is Monday; none: each day. `at` is a
    local time, one before the store's `business_day_start` belongs to the date before; null: the day's start.
    `quantity`: what there is to be then; null: what is planned."""

    days: Annotated[list[Annotated[int, whole(1, 7)]], documented(maxItems=7)] = msgspec.field(default_factory=list)
    at: WallTime | None = None
    quantity: Quantity | None = None


class RestoreRuleBody(Body):
    """When stocks come back, and to what: an item's, a category's, or without either all of a store's or a brand's.

    Item beats category beats store; within a level a rule with `poiId` beats one without, then the newer one wins.
    """

    brand_id: Identifier = msgspec.field(name="brandId")
    rule_id: Identifier
    schedule: Annotated[list[EntryBody], several(MAX_ENTRIES)]
    restore_to: RestoreToName = "plan"
    poi_id: Identifier | None = msgspec.field(name="poiId", default=None)
    object_type: OneOrTwo | None = None
    object_id: ObjectId | None = None
    category: Annotated[str, words(CATEGORY_LENGTH)] | None = None


class RestoreRuleQuery(Body):
    """Which rules of a brand; with `rule_id` one, with `poiId` those that name the store."""

    brand_id: Identifier = msgspec.field(name="brandId")
    rule_id: Identifier | None = None
    poi_id: Identifier | None = msgspec.field(name="poiId", default=None)
    cursor: str | None = None
    limit: Annotated[int, whole(1, PAGE_LIMIT)] = 100


class RestoreRuleNamed(Body):
    """One rule."""

    brand_id: Identifier = msgspec.field(name="brandId")
    rule_id: Identifier


class PreviewQuery(Body):
    """Which store, and until when; without `until` to the start of the next business day."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier = msgspec.field(name="poiId")
    until: InstantText | None = None


class ComingBack(msgspec.Struct, frozen=True, gc=False):
    """A stock that comes back: when, by what (`one_off`, or `rule` with its `rule_id`), and what it is then.

    `real_quantity` null: unlimited. `nothing_planned`: it restores to a plan of 0, so the count is kept.
    """

    at: str
    object_type: int
    object_id: int
    by: str
    rule_id: str | None
    restore_to: RestoreToName
    stock_status: int
    real_quantity: Number | None
    lifts_86: bool
    nothing_planned: bool


class PreviewAnswer(msgspec.Struct, frozen=True, gc=False):
    """What comes back of a store, in order; of each stock the next time only."""

    now: str
    until: str
    items: list[ComingBack]


def preview_answer(coming: Iterable[Coming], now: int, until: int) -> PreviewAnswer:
    """What comes back, as the wire shows it."""
    return PreviewAnswer(to_iso(now), to_iso(until), [_coming_back(each) for each in coming])


def _coming_back(coming: Coming) -> ComingBack:
    what, before, after = coming
    return ComingBack(
        to_iso(what.at),
        before.key.object_type,
        before.key.object_id,
        "one_off" if what.rule is None else "rule",
        None if what.rule is None else what.rule.rule_id,
        RestoreTo(what.restore_to).name.lower(),  # type: ignore[arg-type]  # one of the names, by construction
        after.status,
        as_number(max(0, after.real)) if after.is_limited else None,
        before.manual and not after.manual,
        coming.nothing_planned,
    )
