"""Exact quantities: integers of thousandths inside, decimals with at most three fractional digits outside.

Never floats: 0.1 + 0.2 of a portion is 300 thousandths here (DESIGN section 2).
"""

from decimal import Context, Decimal

UNIT = 1000
"""Thousandths in one portion."""

MAX_QUANTITY = 999_999_999_999
"""The largest quantity, 999,999,999.999 portions, in thousandths."""

_LIMIT = Decimal(10) ** 9
_EXACT = Context(prec=10_000_000)
"""More digits than any body may have, so that nothing is rounded on the way to the check."""


class QuantityError(ValueError):
    """A number that is no quantity; `reason` is `not_finite`, `negative`, `too_large` or `too_fine`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def thousandths(value: Decimal) -> int:
    """The exact thousandths of `value`, or `QuantityError`. Safe for hostile exponents such as 1e999999."""
    if not value.is_finite():
        raise QuantityError("not_finite")
    if value < 0:
        raise QuantityError("negative")
    if value >= _LIMIT:
        raise QuantityError("too_large")
    scaled = _EXACT.multiply(value, UNIT)
    whole = int(scaled)
    if scaled != whole:
        raise QuantityError("too_fine")
    return whole


def signed_thousandths(value: Decimal) -> int:
    """As `thousandths`, of a number that may be negative."""
    if value.is_finite() and value < 0:
        return -thousandths(value.copy_negate())  # a minus sign would round
    return thousandths(value)


def is_whole(quantity: int, decimals: int) -> bool:
    """Whether `quantity` (thousandths) is a whole number of units of an item with `decimals` 0 to 3."""
    return quantity % _STEP[decimals] == 0


def floor_to(quantity: int, decimals: int) -> int:
    """The largest whole number of the item's units not above `quantity`."""
    return quantity - quantity % _STEP[decimals]


def step_of(decimals: int) -> int:
    """The thousandths in one unit of an item with `decimals`."""
    return _STEP[decimals]


_STEP = (1000, 100, 10, 1)


def as_number(quantity: int) -> int | Decimal:
    """The JSON number of a quantity, without trailing zeros: 1500 is 1.5, 2000 is 2."""
    if quantity % UNIT == 0:
        return quantity // UNIT
    return (Decimal(quantity) / UNIT).normalize()
