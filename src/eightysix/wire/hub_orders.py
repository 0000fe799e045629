"""The cloud's live orders of a store, so that its hub knows them while it is cut off."""

import msgspec

from .answer import HeldOrderAnswer
from .fields import Body, Identifier

LINES_IN_PAGE = 2_000
"""Lines that are read for a page: more than any order has."""


class HubOrdersQuery(Body):
    """Of which store; the orders follow one another by their ids."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier = msgspec.field(name="poiId")
    cursor: Identifier | None = None


class HubOrdersAnswer(msgspec.Struct, frozen=True, gc=False):
    """Orders whose home is the cloud and of which a line is locked at `at`, the cloud's clock. `cursor` leads to the
    next page and is null on the last."""

    at: str
    orders: list[HeldOrderAnswer]
    cursor: str | None
