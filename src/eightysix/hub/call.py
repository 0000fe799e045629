"""What a hub asks of the cloud, and what is answered: plain values, made by the real line and by the simulation alike.

Each call may be sent any number of times, also late and twice: the cloud remembers requests, the journal has its order,
and the rest only reads.
"""

from typing import Any

import msgspec

from eightysix.core.command import HubCommand
from eightysix.core.hub import GrantRequest, MirrorRow
from eightysix.core.key import StockKey
from eightysix.core.outcome import GrantTotal


class Upload(msgspec.Struct, frozen=True, gc=False):
    """Events of the journal from `seq` on, as they were written; `chain` is the journal's digest before them."""

    journal_id: str
    seq: int
    chain: str
    events: tuple[bytes, ...]


class MoveGrants(msgspec.Struct, frozen=True, gc=False):
    """A request that the hub has journaled; without changes it only asks what the hub holds."""

    request: GrantRequest


class Pull(msgspec.Struct, frozen=True, gc=False):
    """The rows that have changed since `cursor`, a page of them; None: all of them."""

    cursor: str | None


class FetchStore(msgspec.Struct, frozen=True, gc=False):
    """All that the hub's catalogue is made of, where it isn't `version` any more; None: the hub has none yet."""

    version: int | None


class FetchOrders(msgspec.Struct, frozen=True, gc=False):
    """The store's live orders whose home is the cloud."""


Call = Upload | MoveGrants | Pull | FetchStore | FetchOrders


class Uploaded(msgspec.Struct, frozen=True, gc=False):
    """The journal is stored up to `last_seq`; what it has set has these versions."""

    last_seq: int
    settled: tuple[tuple[StockKey, int], ...] = ()


class Moved(msgspec.Struct, frozen=True, gc=False):
    """What the request came to, stock by stock."""

    totals: tuple[GrantTotal, ...]


class Pulled(msgspec.Struct, frozen=True, gc=False):
    """A page of rows, and the cursor after them. `is_reset`: the cursor that was sent is no longer known, all rows have
    to be pulled."""

    rows: tuple[MirrorRow, ...]
    cursor: str | None
    has_more: bool = False
    is_reset: bool = False


class StoreFetched(msgspec.Struct, frozen=True, gc=False):
    """What `FetchStore` asked for; `body` None: the hub has that version already."""

    version: int
    body: Any = None


class OrdersFetched(msgspec.Struct, frozen=True, gc=False):
    """What `FetchOrders` asked for; its `body` is for whoever forwards their verbs."""

    body: Any = None


class Denied(msgspec.Struct, frozen=True, gc=False):
    """A refusal; nothing was changed. `code` is the cloud's word for it, most often a `Code`; None: the cloud doesn't
    know the hub's key. `expected_seq` is the event of the journal that the cloud wants next."""

    code: str | None
    expected_seq: int | None = None


class Lost(msgspec.Struct, frozen=True, gc=False):
    """No answer: what became of the call isn't known. `wait_ms`: the cloud has asked not to be called for so long."""

    wait_ms: int = 0


Answer = Uploaded | Moved | Pulled | StoreFetched | OrdersFetched | Denied | Lost


class Turn(msgspec.Struct, frozen=True, gc=False):
    """What an agent wants done now: commands for the hub's own engine, calls of the cloud; and at which instant (ms) it
    is to be asked again if nothing happens before."""

    commands: tuple[HubCommand, ...]
    calls: tuple[Call, ...]
    due_at: int
