"""Following a store: what changed since a cursor, the stream's own events, acknowledgements and devices."""

from typing import Annotated

import msgspec

from .cursor import Cursor, read_cursor
from .fields import Body, Digits, Identifier, identifier, integer, whole
from .message import StockState, StoreState

MAX_FOUND = 2_000
MAX_DEVICES = 500


class FindBody(Body):
    """What of a store changed after `since`; without it, everything there is."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier = msgspec.field(name="poiId")
    since: str | None = None
    limit: Annotated[int, whole(1, MAX_FOUND)] | Digits = 500

    def cursor(self) -> Cursor | None:
        return None if self.since is None else read_cursor(self.since, "since")

    def most(self) -> int:
        return integer(self.limit, "limit", 1, MAX_FOUND)


class FoundAnswer(msgspec.Struct, frozen=True, gc=False):
    """Stocks that changed, each once, the lowest `version` first. While `has_more`, ask again with `cursor`.

    `reset`: the cursor that was sent is of another time of the database, as after a restore from a backup. What was
    known is then void, `data` begins from the start: an item that doesn't come is on sale without a limit.
    """

    cursor: str
    has_more: bool
    reset: bool
    store: StoreState
    data: list[StockState]


class StreamQuery(Body):
    """Which store's changes. `since`: from there on, without it from now on; the header Last-Event-ID goes before it.

    `device_id`: whose stream it is, so that it can be nudged when its acknowledgements stay behind. `follow` false: it
    ends when all that there is was sent.
    """

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier = msgspec.field(name="poiId")
    since: str | None = None
    device_id: Identifier | None = None
    follow: bool = True

    def cursor(self) -> Cursor | None:
        return None if self.since is None else read_cursor(self.since, "since")

    def device(self) -> str | None:
        return None if self.device_id is None else identifier(self.device_id, "device_id")


class StreamEvent(msgspec.Struct, frozen=True, gc=False):
    """What the stream says of itself: everything up to `cursor` is known, or taken to be known, by the receiver."""

    cursor: str


class AckBody(Body):
    """A device has applied everything up to `cursor`."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier = msgspec.field(name="poiId")
    cursor: str
    device_id: Identifier

    def read(self) -> Cursor:
        return read_cursor(self.cursor, "cursor")

    def device(self) -> str:
        return identifier(self.device_id, "device_id")


class AckAnswer(msgspec.Struct, frozen=True, gc=False):
    """How far the device is known to be, which may be further than it said; `lag`: changes that it hasn't applied."""

    cursor: str
    lag: int


class DevicesQuery(Body):
    """The devices of a store, or of all the caller's stores of a brand."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier | None = msgspec.field(name="poiId", default=None)
    cursor: str | None = None
    limit: Annotated[int, whole(1, MAX_DEVICES)] | Digits = 100

    def most(self) -> int:
        return integer(self.limit, "limit", 1, MAX_DEVICES)


class Lag(msgspec.Struct, frozen=True, gc=False):
    """What a device hasn't acknowledged: how many changes, and how old the oldest of them is."""

    changes: int
    ms: int


class DeviceAnswer(msgspec.Struct, frozen=True, gc=False):
    """A device. `lagging_since`: set where compensation found it behind; `drift`: differences that the last
    reconciliation found, null before the first one."""

    poi_id: str = msgspec.field(name="poiId")
    device_id: str
    cursor: str
    lag: Lag
    acked_at: str
    lagging_since: str | None
    connected: bool
    drift: int | None
    reconciled_at: str | None


class DevicesAnswer(msgspec.Struct, frozen=True, gc=False):
    """By store and device; `cursor` leads to the next page and is null on the last."""

    items: list[DeviceAnswer]
    cursor: str | None
