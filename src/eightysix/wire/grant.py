"""What a hub asks for of its store's stocks, and what it gives back (DESIGN section 7)."""

from decimal import Decimal
from typing import Annotated

import msgspec

from eightysix.core.command import Actor, MoveGrants
from eightysix.core.hub import GrantChange
from eightysix.core.key import StockKey, StoreKey, sku_key, spu_key
from eightysix.core.outcome import GrantsMoved

from .fields import Body, Identifier, ObjectId, SignedQuantity, documented, identifier, object_id, signed_quantity
from .hub import GrantTotalAnswer, totals
from .problem import Problem, Rejection
from .stock import Number

MAX_GRANTS = 1_000
"""Stocks in one request."""

RECALL = "grant.recall"
"""The event of the stream."""

RECALLS_TOPIC = "grant_recalls"
"""The topic of the same; a message group is a store."""


class GrantChangeBody(Body):
    """How much more of a stock, the SKU's or the SPU's; less than 0 gives back."""

    delta: SignedQuantity
    sku_id: ObjectId | None = None
    spu_id: ObjectId | None = None

    def change(self) -> GrantChange:
        return GrantChange(self._key(), signed_quantity(self.delta, "delta"))

    def _key(self) -> StockKey:
        if self.sku_id is not None and self.spu_id is None:
            return sku_key(object_id(self.sku_id, "sku_id"))
        if self.spu_id is not None and self.sku_id is None:
            return spu_key(object_id(self.spu_id, "spu_id"))
        raise Rejection(Problem.VALUE_INVALID, "sku_id", why="either sku_id or spu_id")


class GrantsBody(Body):
    """All of it as one request, known by `request_id`: sent again it comes to what it came to. `device_id` is the
    hub's id. Without `changes` only the totals are told, of all that the hub holds."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier = msgspec.field(name="poiId")
    device_id: Identifier
    request_id: Identifier
    changes: Annotated[list[GrantChangeBody], documented(maxItems=MAX_GRANTS)] = msgspec.field(default_factory=list)

    def command(self, store: StoreKey, actor: Actor) -> MoveGrants:
        if len(self.changes) > MAX_GRANTS:
            raise Rejection(Problem.TOO_MANY, "changes", most=MAX_GRANTS)
        changes: dict[StockKey, GrantChange] = {}
        for at, body in enumerate(self.changes):
            try:
                change = body.change()
            except Rejection as rejection:
                raise rejection.inside(f"changes[{at}]") from None
            if change.key in changes:
                raise Rejection(Problem.VALUE_INVALID, f"changes[{at}].sku_id", why="named twice")
            changes[change.key] = change
        hub_id, request_id = identifier(self.device_id, "device_id"), identifier(self.request_id, "request_id")
        return MoveGrants(store, hub_id, request_id, tuple(changes.values()), actor)


class GrantsAnswer(msgspec.Struct, frozen=True, gc=False):
    """What was given of each stock that was asked for, which may be less, and what the hub holds of it now."""

    totals: list[GrantTotalAnswer]
    replayed: bool


class GrantRecall(msgspec.Struct, frozen=True, gc=False):
    """An online order was refused for want of portions while the hub holds some: so many more were `wanted`. Told at
    most once a second of a stock, and never again: it is a hint."""

    brand_id: str = msgspec.field(name="brandId")
    poi_id: str = msgspec.field(name="poiId")
    object_type: int
    object_id: int
    wanted: Number


encode_recall = msgspec.json.Encoder(decimal_format="number").encode
decode_recall = msgspec.json.Decoder(GrantRecall, float_hook=Decimal).decode


def grants_answer(moved: GrantsMoved) -> GrantsAnswer:
    """What a request came to."""
    return GrantsAnswer(totals(moved.totals), moved.replayed)
