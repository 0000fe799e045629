"""An event of a hub's journal: what one command has changed in the store, as facts (DESIGN section 7).

The hub has decided already, so the cloud decides nothing anew: it takes over the order's lines as they are and moves
its counters as the hub's have moved. Only settings, which both sides make, are decided by whoever knows both (see
`replay`). Events follow one another without a gap, and each continues a chain of digests: a journal that was put back
to an earlier state and went on from there is noticed.
"""

import hashlib

import msgspec

from .change import Kind
from .command import ChangeStock, DeductStock, UnlockStock
from .key import StockKey
from .reservation import Reservation


class Move(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """How one stock has moved, in thousandths: `quantity` as the log row of `kind` has it, `real` what there is,
    `held` what the hub holds of it. `epoch_at` is the epoch of the cloud's row that the hub knew, `slot` the rule's
    occurrence that the hub has restored last itself: a sale of an older epoch than the cloud's lowers its grant alone.
    """

    key: StockKey
    kind: Kind
    quantity: int
    real: int
    held: int
    epoch_at: int
    slot: int = 0
    channel_code: str | None = None


class ToldIncident(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """An incident that the hub has opened. `quantity` in thousandths."""

    kind: str
    key: StockKey
    quantity: int


class HubEvent(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One command's changes. `lines` are an order's reservations as they are afterwards, `closed` says that the order
    was closed. `setting` is what staff have set, without a count, based on the cloud's row that the hub knew; `verb` is
    asked of an order whose home is the cloud, which decides on it. `prev` is the digest of the journal before it, so
    that what is left of a journal tells by itself where it belongs. Instants in milliseconds, by the hub's clock."""

    seq: int
    at: int
    actor: str
    source: str
    order_id: str | None = None
    lines: tuple[Reservation, ...] = ()
    closed: bool = False
    moves: tuple[Move, ...] = ()
    incidents: tuple[ToldIncident, ...] = ()
    setting: ChangeStock | None = None
    verb: DeductStock | UnlockStock | None = None
    reason: str | None = None
    prev: str = ""


encode_event = msgspec.json.Encoder().encode
decode_event = msgspec.json.Decoder(HubEvent).decode


def chained(chain: str, body: bytes) -> str:
    """The chain after an event with this body."""
    return hashlib.sha256(chain.encode() + body).hexdigest()
