"""A stock: one item in one store, and what its channels may take of it (DESIGN sections 2, 4 and 8)."""

import msgspec

from .key import StockKey

ON_SALE, SOLD_OUT = 1, 2
"""`stock_status` on the wire."""

UNLIMITED, LIMITED = 1, 2
"""`stock_type` on the wire."""


class Stock(msgspec.Struct, frozen=True, gc=False):
    """The row of a stock. Quantities in thousandths, `_at` in milliseconds.

    `real` counts what is there, promised portions included; it is negative only where `oversold` covers it.
    `version` is the store's sequence value of the last change, 0 for a stock without a row;
    `settings_version` and `updated_at` move only when a person or a rule sets something.
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
    restore, whichever is later).
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

    @property
    def counts(self) -> bool:
        """Whether this row makes its stock counted even where the stock is unlimited."""
        return self.limit is not None or self.guarantee > 0
