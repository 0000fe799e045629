"""The order's verbs as calls. Each has the keys by which the service knows it again."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from eightysix.wire.answer import HeldOrderAnswer, OrderAnswer
from eightysix.wire.order import (
    AmendBody,
    AmendLine,
    BatchBody,
    DeductBody,
    HeldLine,
    LockBody,
    LockLine,
    NamedLine,
    Operation,
    ReturnBody,
    ReturnLine,
    UnlockBody,
)

from .asking import get, post
from .call import Call
from .reading import as_type
from .result import Result, results_of
from .wording import Amount, StoreLike, lines_of, new_request_id

_read_order = as_type(OrderAnswer)


def lock(
    store: StoreLike,
    order_id: str,
    channel_code: str,
    lines: Mapping[int, Amount] | Iterable[LockLine],
    *,
    expires_in: int | None = None,
    partial: bool = False,
    force: bool = False,
    reason: str | None = None,
) -> Call[OrderAnswer]:
    """Hold portions for an order: `{sku_id: portions}`, or lines with a `line_no`. `expires_in` in seconds.

    All or nothing, unless `partial`. Refused OUT_OF_STOCK names every short line in `shortages`.
    """
    body = LockBody(
        *store,
        order_id,
        channel_code,
        lines_of(lines, LockLine),
        expires_in,
        partial=partial,
        force=force,
        reason=reason,
    )
    return _verb("lock", body)


def deduct(
    store: StoreLike,
    order_id: str,
    lines: Mapping[int, Amount] | Iterable[HeldLine] | None = None,
    *,
    relock: bool = False,
    reason: str | None = None,
) -> Call[OrderAnswer]:
    """The order is paid: the whole of it, or some lines. With `relock` a lock that has expired is taken again first."""
    held = None if lines is None else lines_of(lines, HeldLine)
    return _verb("deduct", DeductBody(*store, order_id, held, relock=relock, reason=reason))


def unlock(
    store: StoreLike, order_id: str, lines: Iterable[NamedLine] | None = None, *, reason: str | None = None
) -> Call[OrderAnswer]:
    """The order is cancelled before it was paid. Without lines it is closed: no later lock or deduct succeeds."""
    named = None if lines is None else list(lines)
    return _verb("unlock", UnlockBody(*store, order_id, named, reason))


def return_(
    store: StoreLike,
    order_id: str,
    lines: Mapping[int, Amount] | Iterable[ReturnLine] | None = None,
    *,
    reason: str | None = None,
    request_id: str | None = None,
) -> Call[OrderAnswer]:
    """Paid portions come back: all that is left, or some; a line's `restock` puts the food on sale again.

    `request_id` tells this return from another of the same order; one is made up where none is given.
    """
    back = None if lines is None else lines_of(lines, ReturnLine)
    known = request_id or new_request_id()
    return _verb("return", ReturnBody(*store, order_id, known, back, reason), known)


def amend(
    store: StoreLike,
    order_id: str,
    lines: Mapping[int, Amount] | Iterable[AmendLine] | None = None,
    *,
    expires_in: int | None = None,
    reason: str | None = None,
    request_id: str | None = None,
) -> Call[OrderAnswer]:
    """New quantities for live lines, 0 unlocks; without lines `expires_in` gives what is live more time.

    `request_id` as for `return_`.
    """
    new = None if lines is None else lines_of(lines, AmendLine)
    known = request_id or new_request_id()
    return _verb("amend", AmendBody(*store, order_id, known, new, expires_in, reason), known)


def batch(operations: Sequence[Operation]) -> Call[list[Result[OrderAnswer]]]:
    """Up to 1,000 verbs, each decided on its own: results in their order. A refusal there is not raised."""
    body = BatchBody(list(operations))
    return post("batch", "/api/v1/stock/batch", body, results_of(OrderAnswer))


def order(store: StoreLike, order_id: str) -> Call[HeldOrderAnswer]:
    """The order's reservations as they stand. Refused ORDER_NOT_FOUND where nothing is known of it."""
    path = f"/api/v1/stock/orders/{quote(order_id, safe='')}"
    return get("order", path, as_type(HeldOrderAnswer), zip(("brandId", "poiId"), store, strict=True))


def _verb(name: str, body: Any, request_id: str | None = None) -> Call[OrderAnswer]:
    return post(name, f"/api/v1/stock/{name}", body, _read_order, request_id=request_id)
