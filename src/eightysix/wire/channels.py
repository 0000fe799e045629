"""Guarantees that flow back, on the wire."""

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from eightysix.core.command import Actor, ReleaseGuarantees
from eightysix.core.key import StockKey, StoreKey
from eightysix.core.outcome import GuaranteesReleased
from eightysix.core.quantity import as_number

from .fields import Body, Identifier, ObjectId, OneOrTwo, Reason, identifier, object_id, reason, several
from .problem import Problem, Rejection
from .stock import MAX_SETTINGS, Number, object_type


class ReleaseBody(Body):
    """Whose guarantees flow back: those of some items, or `all` in the store."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier = msgspec.field(name="poiId")
    object_ids: Annotated[list[ObjectId], several(MAX_SETTINGS)] | UnsetType = UNSET
    object_type: OneOrTwo = 2
    all: bool = False
    reason: Reason | None = None

    def command(self, actor: Actor) -> ReleaseGuarantees:
        store = StoreKey.of(identifier(self.brand_id, "brandId"), identifier(self.poi_id, "poiId"))
        return ReleaseGuarantees(store, self._keys(), actor, reason(self.reason))

    def _keys(self) -> tuple[StockKey, ...] | None:
        kind, ids = object_type(self.object_type), self.object_ids
        if ids is UNSET:
            if self.all:
                return None
            raise Rejection(Problem.EMPTY, "object_ids")
        if self.all:
            raise Rejection(Problem.VALUE_INVALID, "all", why="either object_ids or all")
        if not ids:
            raise Rejection(Problem.EMPTY, "object_ids")
        if len(ids) > MAX_SETTINGS:
            raise Rejection(Problem.TOO_MANY, "object_ids", most=MAX_SETTINGS)
        return tuple(StockKey(kind, object_id(each, f"object_ids[{at}]")) for at, each in enumerate(ids))


class ReleasedAnswer(msgspec.Struct, frozen=True, gc=False):
    """A guarantee that flowed back; `quantity` of it was open."""

    object_type: int
    object_id: int
    channel_code: str
    quantity: Number


class ReleaseAnswer(msgspec.Struct, frozen=True, gc=False):
    """What flowed back; empty where nothing was guaranteed, or it had flowed back before."""

    released: list[ReleasedAnswer]


def release_answer(outcome: GuaranteesReleased) -> ReleaseAnswer:
    """What flowed back, in portions."""
    return ReleaseAnswer(
        [ReleasedAnswer(*each.key, each.channel_code, as_number(each.quantity)) for each in outcome.released]
    )
