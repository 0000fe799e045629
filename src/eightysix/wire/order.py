"""The bodies of the order verbs (DESIGN section 5), and the commands they ask for."""

from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec

from eightysix.core.command import (
    Actor,
    AmendStock,
    DeductStock,
    Line,
    LockStock,
    ReturnStock,
    UnlockStock,
)
from eightysix.core.key import StoreKey

from .fields import (
    MAX_HOLD_SECONDS,
    MAX_LINE_NO,
    Body,
    HoldSeconds,
    Identifier,
    Integer,
    LineNo,
    ObjectId,
    Portion,
    Quantity,
    Reason,
    identifier,
    integer,
    object_id,
    portion,
    quantity,
    reason,
    several,
)
from .problem import Problem, Rejection

MAX_LINES = 1_000
MAX_OPERATIONS = 1_000


class LockLine(Body):
    """One dish of an order. Lines with the same `sku_id` and `line_no` are summed."""

    sku_id: ObjectId
    quantity: Portion
    line_no: LineNo = 0

    def line(self) -> Line:
        return Line(object_id(self.sku_id, "sku_id"), _line_no(self.line_no), portion(self.quantity, "quantity"))

    def known_sku(self) -> int | None:
        """The SKU, or None where what was sent can't be one."""
        try:
            return object_id(self.sku_id, "sku_id")
        except Rejection:
            return None


class HeldLine(Body):
    """A line that the order already holds; without `quantity` all of it."""

    sku_id: ObjectId
    quantity: Portion | None = None
    line_no: LineNo = 0

    def line(self) -> Line:
        amount = None if self.quantity is None else portion(self.quantity, "quantity")
        return Line(object_id(self.sku_id, "sku_id"), _line_no(self.line_no), amount)


class NamedLine(Body):
    """A line that the order already holds, as a whole."""

    sku_id: ObjectId
    line_no: LineNo = 0

    def line(self) -> Line:
        return Line(object_id(self.sku_id, "sku_id"), _line_no(self.line_no))


class ReturnLine(Body):
    """Portions that come back; `restock` puts the food on sale again."""

    sku_id: ObjectId
    quantity: Portion
    line_no: LineNo = 0
    restock: bool = False

    def line(self) -> Line:
        amount = portion(self.quantity, "quantity")
        return Line(object_id(self.sku_id, "sku_id"), _line_no(self.line_no), amount, self.restock)


class AmendLine(Body):
    """A live line's new quantity; 0 unlocks it."""

    sku_id: ObjectId
    quantity: Quantity
    line_no: LineNo = 0

    def line(self) -> Line:
        return Line(object_id(self.sku_id, "sku_id"), _line_no(self.line_no), quantity(self.quantity, "quantity"))


class OrderBody(Body):
    """What every order verb names."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier = msgspec.field(name="poiId")
    order_id: Identifier

    def store(self) -> StoreKey:
        return StoreKey.of(identifier(self.brand_id, "brandId"), identifier(self.poi_id, "poiId"))


class LockBody(OrderBody):
    """Hold portions for an order. `expires_in` in seconds."""

    channel_code: Identifier
    lines: Annotated[list[LockLine], several(MAX_LINES)]
    expires_in: HoldSeconds | None = None
    partial: bool = False
    force: bool = False
    reason: Reason | None = None

    def command(self, actor: Actor) -> LockStock:
        return LockStock(
            self.store(),
            identifier(self.order_id, "order_id"),
            identifier(self.channel_code, "channel_code"),
            read_lines(self.lines, LockLine.line),
            actor,
            _hold_seconds(self.expires_in),
            self.partial,
            self.force,
            reason(self.reason),
        )


class DeductBody(OrderBody):
    """The order is paid. Without `lines` the whole order."""

    lines: Annotated[list[HeldLine], several(MAX_LINES)] | None = None
    relock: bool = False
    reason: Reason | None = None

    def command(self, actor: Actor) -> DeductStock:
        lines = None if self.lines is None else read_lines(self.lines, HeldLine.line)
        order_id = identifier(self.order_id, "order_id")
        return DeductStock(self.store(), order_id, lines, actor, self.relock, reason(self.reason))


class UnlockBody(OrderBody):
    """The order is cancelled before it was paid. Without `lines` the whole order, which is closed by that."""

    lines: Annotated[list[NamedLine], several(MAX_LINES)] | None = None
    reason: Reason | None = None

    def command(self, actor: Actor) -> UnlockStock:
        lines = None if self.lines is None else read_lines(self.lines, NamedLine.line)
        return UnlockStock(self.store(), identifier(self.order_id, "order_id"), lines, actor, reason(self.reason))


class ReturnBody(OrderBody):
    """Paid portions come back. Without `lines` all that is left of the order."""

    request_id: Identifier
    lines: Annotated[list[ReturnLine], several(MAX_LINES)] | None = None
    reason: Reason | None = None

    def command(self, actor: Actor) -> ReturnStock:
        lines = None if self.lines is None else read_lines(self.lines, ReturnLine.line)
        order_id, request_id = identifier(self.order_id, "order_id"), identifier(self.request_id, "request_id")
        return ReturnStock(self.store(), order_id, lines, request_id, actor, reason(self.reason))


class AmendBody(OrderBody):
    """New quantities for live lines; without `lines`, `expires_in` extends what is live."""

    request_id: Identifier
    lines: Annotated[list[AmendLine], several(MAX_LINES)] | None = None
    expires_in: HoldSeconds | None = None
    reason: Reason | None = None

    def command(self, actor: Actor) -> AmendStock:
        if self.lines is None and self.expires_in is None:
            raise Rejection(Problem.MISSING_FIELD, "lines")
        lines = None if self.lines is None else read_lines(self.lines, AmendLine.line)
        order_id, request_id = identifier(self.order_id, "order_id"), identifier(self.request_id, "request_id")
        held = _hold_seconds(self.expires_in)
        return AmendStock(self.store(), order_id, lines, request_id, actor, held, reason(self.reason))


VerbBody = LockBody | DeductBody | UnlockBody | ReturnBody | AmendBody
"""The body of any order verb; its `command` is the command it asks for, or a `Rejection` of a wrong value."""


class LockOperation(LockBody, tag_field="op", tag="lock"): ...


class DeductOperation(DeductBody, tag_field="op", tag="deduct"): ...


class UnlockOperation(UnlockBody, tag_field="op", tag="unlock"): ...


class ReturnOperation(ReturnBody, tag_field="op", tag="return"): ...


class AmendOperation(AmendBody, tag_field="op", tag="amend"): ...


Operation = LockOperation | DeductOperation | UnlockOperation | ReturnOperation | AmendOperation
"""One operation of a batch: a verb's body and the verb's name as `op`."""


class BatchBody(Body):
    """At most 1,000 operations, each decided on its own."""

    operations: Annotated[list[Operation], several(MAX_OPERATIONS)]


class RawBatchBody(Body):
    """A batch whose operations are still to be read, so that a wrong one fails alone."""

    operations: list[msgspec.Raw]


_L = TypeVar("_L")


def read_lines(lines: list[_L], read: Callable[[_L], Line]) -> tuple[Line, ...]:
    """The lines of a verb; what is wrong is told with the line's place."""
    if not 0 < len(lines) <= MAX_LINES:
        if not lines:
            raise Rejection(Problem.EMPTY, "lines")
        raise Rejection(Problem.TOO_MANY, "lines", most=MAX_LINES)
    at = 0
    try:
        done = []
        for line in lines:
            done.append(read(line))
            at += 1
    except Rejection as rejection:
        raise rejection.inside(f"lines[{at}]") from None
    return tuple(done)


def _line_no(value: Integer) -> int:
    return value if value == 0 else integer(value, "line_no", 0, MAX_LINE_NO)


def _hold_seconds(value: Integer | None) -> int | None:
    return None if value is None else integer(value, "expires_in", 1, MAX_HOLD_SECONDS)
