"""A store's hub and what the two sides keep of one another (DESIGN section 7).

Of each limited stock the hub holds a part, its *grant*, and sells from it without asking; the cloud sells the rest.
Each side keeps the whole stock with the other's part as `Stock.grant`: in the cloud that is what the hub holds, at the
hub what the cloud has kept for itself. So `left` = real − locked − grant is what a side may promise on either, by the
same rules, and what the hub holds is real − grant (`held`), never more than the cloud counts as outstanding. It
changes only by what the hub sells, counts or takes back, by requests that the cloud has answered, and by what it gives
back where a stock is restored (`untold`).
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from .key import StockKey
from .stock import ChannelStock, Stock


class Side(NamedTuple):
    """Which hub a process is; the cloud has none."""

    hub_id: str
    journal_id: str


class Hub(msgspec.Struct, frozen=True, gc=False):
    """What the cloud keeps of a hub of a store, guarded by `revision`; 0 means not written yet. It is from when the hub
    holds something first.

    A hub that was replaced is `fenced`: its grant was written off, nothing is granted to it, and what it sold since
    settles what was written off, `at_risk` (thousandths by `object_type/object_id`).
    """

    hub_id: str
    fenced_at: int | None = None
    at_risk: dict[str, int] = {}
    revision: int = 0

    @property
    def is_fenced(self) -> bool:
        return self.fenced_at is not None


class Mirror(msgspec.Struct, frozen=True, gc=False):
    """What the hub knows of the cloud's row of a stock.

    `version` is the cloud's version that was applied last, `settings_version` and `epoch_at` are those of that row.
    Settings that the store has made itself and the cloud hasn't decided on stand until it has: up to the event
    `pending_seq` of the journal, 0 where there are none, and then to the cloud's version `settled_version`.

    `untold`, in thousandths, is by how much the hub may hold more than the cloud knows, as long as the cloud hasn't the
    event `untold_seq`, the last that added any (see `untold`).
    """

    key: StockKey
    version: int = 0
    settings_version: int = 0
    epoch_at: int = 0
    pending_seq: int = 0
    settled_version: int = 0
    untold: int = 0
    untold_seq: int = 0


class MirrorRow(msgspec.Struct, frozen=True, gc=False):
    """A row as the cloud has it: `stock.grant` is what the hub holds, `stock.version` the cloud's."""

    stock: Stock
    channels: tuple[ChannelStock, ...] = ()


class GrantChange(msgspec.Struct, frozen=True, gc=False):
    """How much more of a stock the hub asks for, in thousandths; negative: gives back."""

    key: StockKey
    delta: int


class GrantRequest(msgspec.Struct, frozen=True, gc=False):
    """A request that the hub has journaled before it asks. What it gives back has left its hands already."""

    request_id: str
    changes: tuple[GrantChange, ...]
    asked_at: int


class HubBooks(msgspec.Struct, gc=False):
    """What a hub keeps besides stock, as loaded: how far its journal is written and acknowledged, its unanswered
    requests, the mirrors of the stocks on the shelf. `chain` is the digest of the journal up to `last_seq` (hex)."""

    side: Side
    last_seq: int = 0
    chain: str = ""
    acked_seq: int = 0
    requests: dict[str, GrantRequest] = {}
    mirrors: dict[StockKey, Mirror] = {}


class HubChanges(msgspec.Struct, gc=False):
    """The net effect of a batch on a hub's books. `events` are the journal's new ones, encoded, by seq; those up to
    `acked_seq` are done with."""

    last_seq_before: int
    last_seq: int
    chain: str
    acked_seq_before: int
    acked_seq: int
    events: list[tuple[int, int, bytes]] = []
    """(seq, when it happened in milliseconds, body)"""
    mirrors: list[Mirror] = []
    asked: list[GrantRequest] = []
    answered: list[str] = []


def held(stock: Stock) -> int:
    """What a hub holds of a stock: what it has promised already and what it may still promise."""
    return max(0, stock.real - stock.grant)


def at_risk_of(hub: Hub, key: StockKey) -> int:
    """What was written off of a stock with the hub and nobody has heard of since."""
    return hub.at_risk.get(_name(key), 0)


def with_at_risk(hub: Hub, key: StockKey, quantity: int) -> Hub:
    """The hub with that much at risk of the stock."""
    others = {name: each for name, each in hub.at_risk.items() if name != _name(key)}
    return replace(hub, at_risk=others | ({_name(key): quantity} if quantity else {}))


def named(quantities: Iterable[tuple[StockKey, int]]) -> dict[str, int]:
    """Quantities of stocks as `at_risk` has them."""
    return {_name(key): quantity for key, quantity in quantities}


def risks(hub: Hub) -> list[tuple[StockKey, int]]:
    """What is at risk, stock by stock."""
    return [
        (StockKey(int(type_), int(id_)), quantity)
        for name, quantity in hub.at_risk.items()
        for type_, _, id_ in [name.partition("/")]
    ]


def _name(key: StockKey) -> str:
    return f"{key.object_type}/{key.object_id}"
