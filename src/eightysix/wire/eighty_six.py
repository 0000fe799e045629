"""The 86: dishes off sale in one store, some or all, with or without an end, and back on sale."""

from datetime import datetime
from typing import Annotated, Any

import msgspec

from eightysix.core.change import Kind
from eightysix.core.command import Setting
from eightysix.core.key import ObjectType, StockKey
from eightysix.core.stock import NEVER, ON_SALE, ONE_OFF, SOLD_OUT, RestoreTo

from .administration import CATEGORY_LENGTH
from .fields import (
    AwareInstant,
    Body,
    Identifier,
    ObjectId,
    OneOrTwo,
    Reason,
    documented,
    milliseconds,
    object_id,
    several,
    text,
    words,
)
from .problem import Problem, Rejection
from .stock import MAX_SETTINGS, MAX_STORES, SettingPlan, object_type

NEXT_DAY, FOR_GOOD = "next_day", "never"

Until = Annotated[
    str,
    documented(anyOf=[{"enum": [NEXT_DAY, FOR_GOOD]}, {"type": "string", "format": "date-time"}]),
]
Word = Annotated[str, words(CATEGORY_LENGTH)]


class EightySixBody(Body, kw_only=True):
    """Takes dishes off sale (`sold_out` true) or puts them back; the count stays.

    Which: `object_ids` (of `object_type` 2, SKUs, or 1, SPUs), or the SKUs of a `category` or with a `tag`: a SKU's
    own, or its SPU's where it has none. Where: `poiId`, `poiIds` or `all` that the key reaches; at most 10,000 results.
    `until`: an instant, `next_day` (the next business day) or `never` (until somebody puts it back); without it what
    was set before decides: the one-off restore that is pending, else the rules.
    """

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier | None = msgspec.field(name="poiId", default=None)
    poi_ids: Annotated[list[Identifier], several(MAX_STORES)] | None = msgspec.field(name="poiIds", default=None)
    every: bool = msgspec.field(name="all", default=False)
    object_ids: Annotated[list[ObjectId], several(MAX_SETTINGS)] | None = None
    object_type: OneOrTwo = 2
    category: Word | None = None
    tag: Word | None = None
    sold_out: bool
    until: Until | None = None
    reason: Reason | None = None
    dry_run: bool = False

    def keys_named(self) -> list[StockKey] | None:
        """The stocks that are named one by one; None where a category or a tag is."""
        named = [self.object_ids is not None, self.category is not None, self.tag is not None]
        if not any(named):
            raise Rejection(Problem.MISSING_FIELD, "object_ids")
        if sum(named) > 1:
            raise Rejection(Problem.VALUE_INVALID, "object_ids", why="one of object_ids, category and tag")
        if self.object_ids is None:
            field = "category" if self.category is not None else "tag"
            text(self.category or self.tag or "", field, CATEGORY_LENGTH)
            if object_type(self.object_type) != ObjectType.SKU:
                raise Rejection(Problem.VALUE_INVALID, "object_type", why="only with object_ids")
            return None
        if not self.object_ids:
            raise Rejection(Problem.EMPTY, "object_ids")
        if len(self.object_ids) > MAX_SETTINGS:
            raise Rejection(Problem.TOO_MANY, "object_ids", most=MAX_SETTINGS)
        kind = object_type(self.object_type)
        keys = [StockKey(kind, object_id(each, f"object_ids[{at}]")) for at, each in enumerate(self.object_ids)]
        first: dict[StockKey, int] = {}
        for at, key in enumerate(keys):
            if first.setdefault(key, at) != at:
                raise Rejection(Problem.VALUE_INVALID, f"object_ids[{at}]", why="named twice")
        return keys

    def plan(self, keys: list[StockKey]) -> SettingPlan:
        """What to do with these stocks in each store."""
        fields = self._fields()
        settings = tuple(Setting(key, kind=Kind.EIGHTY_SIX, **fields) for key in keys)
        return SettingPlan.of(settings, None, self.reason, dry_run=self.dry_run)

    def _fields(self) -> dict[str, Any]:
        if not self.sold_out:
            if self.until is not None:
                raise Rejection(Problem.VALUE_INVALID, "until", why="only with sold_out true")
            return {"status": ON_SALE}
        fields: dict[str, Any] = {"status": SOLD_OUT, "manual": True}
        if self.until is None:
            return fields
        fields["restore_to"] = RestoreTo.KEEP
        if self.until in (NEXT_DAY, FOR_GOOD):
            return fields | {"auto_restore_type": ONE_OFF if self.until == NEXT_DAY else NEVER, "auto_restore_at": None}
        return fields | {"auto_restore_type": ONE_OFF, "auto_restore_at": _instant(self.until)}


def _instant(value: str) -> int:
    try:
        moment: datetime = msgspec.convert(value, AwareInstant)
    except msgspec.ValidationError:
        raise Rejection(Problem.VALUE_INVALID, "until", why="neither an instant nor next_day nor never") from None
    return milliseconds(moment, "until")
