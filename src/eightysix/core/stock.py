"""A stock: one item in one store, and what its channels may take of it (DESIGN sections 2, 4 and 8)."""

from collections.abc import Iterable
from enum import IntEnum

import msgspec

from .key import StockKey

ON_SALE, SOLD_OUT = 1, 2
"""`stock_status` on the wire."""

UNLIMITED, LIMITED = 1, 2
"""`stock_type` on the wire."""

ONE_OFF, NEVER = 1, 2
"""`auto_restore_type` on the wire; 0: no one-off, the rules apply."""


class RestoreTo(IntEnum):
    """What a restore makes of a stock (DESIGN section 8)."""

    PLAN = 1
    UNLIMITED = 2
    KEEP = 3


class Allocation(IntEnum):
    """What the weights of a stock's channels share out, whenever a setting or a restore changes what there is."""

    NONE = 0
    GUARANTEE = 1
    LIMIT = 2


class Stock(msgspec.Struct, frozen=True, gc=False):
    """The row of a stock. Quantities in thousandths, `_at` in milliseconds.

    `real` counts what is there, promised portions included; it is negative only where `oversold` covers it.
    `version` is the store's sequence value of the last change, 0 for a stock without a row;
    `settings_version` and `updated_at` move only when a person or a rule sets something.
    A pending one-off restores to `restore_to`; "the next business day" counts from `auto_restore_from`, when it was
    asked for. `restored_slot` names the rule's occurrence that ran last, `filled_slot` the last that said how much
    there is, `refilled_at` is when a one-off did, which is no occurrence. `settings_real` is what was there right after
    the last setting, and equals `real` exactly while no order has moved that since; None where that isn't known: orders
    moved it away and back, or an earlier program set the row. `is_low`: the threshold `low` was
    crossed and nothing was put there since.
    """

    key: StockKey
    status: int = ON_SALE
    type: int = UNLIMITED
    manual: bool = False
    plan: int = 0
    real: int = 0
    locked: int = 0
    grant: int = 0
    oversold: int = 0
    version: int = 0
    settings_version: int = 0
    updated_at: int = 0
    auto_restore_type: int = 0
    auto_restore_at: int | None = None
    epoch_at: int = 0
    restore_to: int = RestoreTo.PLAN
    auto_restore_from: int = 0
    restored_slot: int = 0
    filled_slot: int = 0
    refilled_at: int = 0
    allocation: int = Allocation.NONE
    settings_real: int | None = None
    low: int | None = None
    is_low: bool = False

    @property
    def is_set(self) -> bool:
        """Whether a person or a rule ever set it. A row that isn't was only written to tell others, of a combo for
        instance that can no longer be sold: it is as if it weren't there."""
        return self.settings_version > 0

    @property
    def is_limited(self) -> bool:
        return self.type == LIMITED

    @property
    def left(self) -> int:
        """Total left for the cloud to promise: real − locked − grant. Negative after a forced sale."""
        return self.real - self.locked - self.grant

    @property
    def uncovered(self) -> int:
        """How much of what is promised now isn't there and was let through with an incident: the live part of
        `oversold`, which keeps what was oversold before until its incidents are resolved."""
        return min(self.oversold, max(0, -self.left))


class ChannelStock(msgspec.Struct, frozen=True, gc=False):
    """What one channel may take of one stock. Without a row a channel is on sale and has no cap.

    `used` counts what the channel took since `period_at`: locked + deducted − unlocked − restocked returns. That is its
    first take in the period, or where it was counted anew the period's start (the start of the business day or the last
    restore, whichever is later). What is guaranteed and open flowed back for the rest of the period in which
    `released_at` lies.
    """

    key: StockKey
    channel_code: str
    status: int = ON_SALE
    type: int = UNLIMITED
    limit: int | None = None
    guarantee: int = 0
    weight: int = 0
    period_at: int = 0
    used: int = 0
    released_at: int = 0
    low: int | None = None
    is_low: bool = False

    @property
    def counts(self) -> bool:
        """Whether this row makes its stock counted even where the stock is unlimited."""
        return self.limit is not None or self.guarantee > 0


def by_stock(rows: Iterable[ChannelStock]) -> dict[StockKey, dict[str, ChannelStock]]:
    """Channel rows by their stock, and there by channel code."""
    found: dict[StockKey, dict[str, ChannelStock]] = {}
    for row in rows:
        found.setdefault(row.key, {})[row.channel_code] = row
    return found
