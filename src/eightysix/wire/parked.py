"""Messages that could not be published, and how they are sent after all."""

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from eightysix.core.instant import to_iso
from eightysix.core.key import StoreKey

from .fields import Body, Identifier, identifier, integer, several, whole
from .problem import Problem, Rejection

MAX_PARKED = 500
MAX_SEQ = 2**63 - 1


class ParkedQuery(Body):
    """What is parked, of all stores or of one, a page of it."""

    brand_id: Identifier | None = msgspec.field(name="brandId", default=None)
    poi_id: Identifier | None = msgspec.field(name="poiId", default=None)
    cursor: str | None = None
    limit: Annotated[int, whole(1, MAX_PARKED)] = 100

    def most(self) -> int:
        return integer(self.limit, "limit", 1, MAX_PARKED)

    def store(self) -> StoreKey | None:
        """The one store that is asked for; 422 for half of its name."""
        return one_store(self.brand_id, self.poi_id)


class ParkedMessage(msgspec.Struct, frozen=True, gc=False):
    """A message that could not be published in `tries` tries; object (0, 0) is the store as a whole, (3, n) an
    incident with its stock."""

    brand_id: str = msgspec.field(name="brandId")
    poi_id: str = msgspec.field(name="poiId")
    seq: int
    prev_seq: int
    object_type: int
    object_id: int
    committed_at: str
    parked_at: str
    tries: int
    reason: str


class ParkedAnswer(msgspec.Struct, frozen=True, gc=False):
    """By store and `seq`; `cursor` leads to the next page and is null on the last."""

    items: list[ParkedMessage]
    cursor: str | None


class ParkedReplayBody(Body):
    """Which parked messages are to be published again: some or all of a store, or `all` of all stores, at most 500 in
    one call."""

    brand_id: Identifier | None = msgspec.field(name="brandId", default=None)
    poi_id: Identifier | None = msgspec.field(name="poiId", default=None)
    seqs: Annotated[list[Annotated[int, whole(1, MAX_SEQ)]], several(MAX_PARKED)] | UnsetType = UNSET
    all: bool = False

    def store(self) -> StoreKey | None:
        """The one store that is meant; None: all."""
        store = one_store_or_all(self.brand_id, self.poi_id, every=self.all)
        if store is None and self.seqs is not UNSET:
            raise Rejection(Problem.VALUE_INVALID, "seqs", why="only with a store")
        return store

    def wanted(self) -> list[int] | None:
        """The named messages; None: all of the store."""
        if self.seqs is UNSET:
            return None
        if len(self.seqs) > MAX_PARKED:
            raise Rejection(Problem.TOO_MANY, "seqs", most=MAX_PARKED)
        return [integer(seq, f"seqs[{at}]", 1, MAX_SEQ) for at, seq in enumerate(self.seqs)]


class ParkedReplayed(msgspec.Struct, frozen=True, gc=False):
    """How many messages go their way again; `has_more`: others are still parked, the same call goes on with them."""

    replayed: int
    has_more: bool


def parked_message(
    store: StoreKey, row: tuple[int, int, int, int, int], parked_at: int, tries: int, reason: str
) -> ParkedMessage:
    """The row (seq, prev_seq, object_type, object_id, committed_at) as the wire shows it."""
    seq, prev_seq, object_type, object_id, committed_at = row
    return ParkedMessage(
        store.brand_id, store.poi_id, seq, prev_seq, object_type, object_id, to_iso(committed_at), to_iso(parked_at),
        tries, reason,
    )  # fmt: skip


def one_store(brand_id: str | None, poi_id: str | None) -> StoreKey | None:
    """The store that is named, if any; 422 for half of its name."""
    if brand_id is None and poi_id is None:
        return None
    if brand_id is None or poi_id is None:
        raise Rejection(Problem.EMPTY, "brandId" if brand_id is None else "poiId")
    return StoreKey.of(identifier(brand_id, "brandId"), identifier(poi_id, "poiId"))


def one_store_or_all(brand_id: str | None, poi_id: str | None, *, every: bool) -> StoreKey | None:
    """The one store that is meant; None: all, which has to be said."""
    store = one_store(brand_id, poi_id)
    if store is None and not every:
        raise Rejection(Problem.EMPTY, "poiId")
    if store is not None and every:
        raise Rejection(Problem.VALUE_INVALID, "all", why="either a store or all")
    return store
