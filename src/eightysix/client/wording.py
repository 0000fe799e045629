"""What a caller may write for what the wire wants: portions, lines, stores, ids of requests."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import uuid4

Amount = int | Decimal
"""Portions. No floats: 0.1 + 0.2 portions are 0.3."""


class Store(NamedTuple):
    """A restaurant: the pair is its name. Where a store is wanted, any pair of two strings will do."""

    brand_id: str
    poi_id: str


StoreLike = tuple[str, str]


def new_request_id() -> str:
    """An id that no other call has."""
    return uuid4().hex


def portions(amount: Amount) -> Decimal:
    """The wire's type of a quantity. TypeError for what isn't exact."""
    if not isinstance(amount, int | Decimal) or isinstance(amount, bool):
        raise TypeError(f"a quantity is an int or a Decimal, not {type(amount).__name__}")
    return Decimal(amount)


def lines_of(lines: Mapping[int, Amount] | Iterable[Any], kind: type[Any]) -> list[Any]:
    """The wire's lines: as they are, or made of portions by SKU."""
    if isinstance(lines, Mapping):
        return [kind(sku_id=sku_id, quantity=portions(amount)) for sku_id, amount in lines.items()]
    return list(lines)
