"""Answers as JSON: outcomes of the core and rejections, each with its HTTP status."""

from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any

import msgspec

from eightysix.core.instant import to_iso
from eightysix.core.outcome import LineRefusal, OrderDone, Refused
from eightysix.core.quantity import as_number
from eightysix.core.reservation import State

from .messages import Language, sentence
from .problem import RETRYABLE, STATUS, Problem, Rejection
from .stock import BlockedObject, StockRowAnswer, blocked_object, stock_answer

Number = int | Decimal


def either(*names: str) -> msgspec.Meta:
    """In the documentation: one of these types. msgspec has no untagged unions; when writing it needs none."""
    return msgspec.Meta(extra_json_schema={"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in names]})


ENCODER = msgspec.json.Encoder(decimal_format="number")
"""Decimals become JSON numbers, digit for digit."""


class LineAnswer(msgspec.Struct, frozen=True, gc=False):
    """One line of an order; quantities in portions."""

    sku_id: int
    line_no: int
    requested_quantity: Number
    quantity: Number
    state: str


class OrderAnswer(msgspec.Struct, frozen=True, gc=False):
    """`state` is the lines' common state or MIXED; `expires_at` is null when nothing is locked."""

    order_id: str
    state: str
    replayed: bool
    expires_at: str | None
    lines: list[LineAnswer]


class JournaledAnswer(OrderAnswer, frozen=True, gc=False, kw_only=True):
    """At a store's hub that is cut off: a verb on an order of the cloud's, accepted and journaled. The cloud decides on
    it when it hears of it; a lock that has died by then becomes a forced sale with an incident."""

    journaled: bool = True


class HeldLineAnswer(msgspec.Struct, frozen=True, gc=False):
    """One reservation of an order, with all that is known of it."""

    sku_id: int
    line_no: int
    channel_code: str
    requested_quantity: Number
    quantity: Number
    returned_quantity: Number
    restocked_quantity: Number
    state: str
    locked_at: str
    expires_at: str | None


class HeldOrderAnswer(msgspec.Struct, frozen=True, gc=False):
    """An order as it stands; `closed_at` when it was cancelled as a whole."""

    order_id: str
    state: str
    closed_at: str | None
    expires_at: str | None
    lines: list[HeldLineAnswer]


class Shortage(msgspec.Struct, frozen=True, gc=False):
    """A line that can't be served, how much of it could, and what is in the way; `blocked_object` is which stock."""

    sku_id: int
    line_no: int
    requested: Number | None
    available: Number | None
    blocked_by: str | None
    blocked_object: BlockedObject | None


class LineProblem(msgspec.Struct, frozen=True, gc=False):
    """Why one line refuses."""

    sku_id: int
    line_no: int
    code: str


class ErrorAnswer(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Any answer that isn't a success. `code` is stable, `message` is for people, `field` says where.

    `stock` is the row as it is now, `rows` what is wrong with each row of a file. Where a journal stops, `results` are
    those of the events before, which count, and `expected_seq` is what it goes on with.
    """

    code: str
    message: str
    retryable: bool
    field: str | None = None
    lines: list[LineProblem] | None = None
    shortages: list[Shortage] | None = None
    stock: StockRowAnswer | None = None
    rows: list["RowProblem"] | None = None
    expected_seq: int | None = None
    results: list["EventResult"] | None = None


class RowProblem(msgspec.Struct, frozen=True, gc=False):
    """What is wrong with one row of a CSV file; `row` counts the header as 1."""

    row: int
    code: str
    message: str
    field: str | None = None


class EventResult(msgspec.Struct, frozen=True, gc=False):
    """What an event of a journal came to, for good: `applied`, `superseded`, or `incident`, which is applied with an
    incident that somebody must resolve. `code` and `message` say why it, or a part of it, was superseded. With
    `replayed` it had its result before."""

    seq: int
    result: str
    replayed: bool
    code: str | None
    message: str | None


class OperationResult(msgspec.Struct, frozen=True, gc=False):
    """The status and body that the operation would have had as a call of its own."""

    status: int
    body: Annotated[Any, either("OrderAnswer", "ErrorAnswer")]


class BatchAnswer(msgspec.Struct, frozen=True, gc=False):
    """Results in the order of the operations."""

    results: list[OperationResult]


_STATES: dict[State | None, str] = {None: "MIXED", **{state: state.name for state in State}}


def order_answer(done: OrderDone) -> OrderAnswer:
    """A verb that succeeded."""
    lines = [
        LineAnswer(line.sku_id, line.line_no, as_number(line.requested), as_number(line.quantity), _STATES[line.state])
        for line in done.lines
    ]
    expires_at = None if done.expires_at is None else iso(done.expires_at)
    return OrderAnswer(done.order_id, _STATES[done.state], done.replayed, expires_at, lines)


def refused_answer(refused: Refused, language: Language) -> ErrorAnswer:
    """A refusal of the core, in words."""
    where = refused.field or _where(refused.lines)
    short = [line for line in refused.lines if line.blocked_by is not None]
    return ErrorAnswer(
        refused.code.value,
        sentence(refused.code, language, where),
        retryable=False,
        field=refused.field,
        lines=[LineProblem(line.sku_id, line.line_no, line.code.value) for line in refused.lines] or None,
        shortages=[_shortage(line) for line in short] or None,
        stock=None if refused.stock is None else stock_answer(refused.stock, refused.channels),
        expected_seq=refused.expected_seq,
    )


def rejection_answer(rejection: Rejection, language: Language) -> ErrorAnswer:
    """A request that never became a command, in words."""
    code = rejection.code
    message = sentence(code, language, rejection.field, **rejection.values)
    return ErrorAnswer(code.value, message, retryable=code in RETRYABLE, field=rejection.field)


def outcome_answer(outcome: object, language: Language) -> tuple[int, OrderAnswer | ErrorAnswer]:
    """Status and body of an order verb's outcome."""
    if type(outcome) is OrderDone:
        return 200, order_answer(outcome)
    if type(outcome) is Refused:
        return STATUS[outcome.code], refused_answer(outcome, language)
    return 500, rejection_answer(Rejection(Problem.INTERNAL), language)


@lru_cache(maxsize=4096)
def iso(at_ms: int) -> str:
    """ISO 8601 in UTC with milliseconds; the orders of one batch share the instant."""
    return to_iso(at_ms)


def _shortage(line: LineRefusal) -> Shortage:
    requested = None if line.requested is None else as_number(line.requested)
    available = None if line.available is None else as_number(max(0, line.available))
    by = None if line.blocked_by is None else line.blocked_by.value
    return Shortage(line.sku_id, line.line_no, requested, available, by, blocked_object(line.blocker))


_NAMED = 3


def _where(lines: tuple[LineRefusal, ...]) -> str | None:
    if not lines:
        return None
    named = ", ".join(f"SKU {line.sku_id}" + (f" #{line.line_no}" if line.line_no else "") for line in lines[:_NAMED])
    return named + (f" … +{len(lines) - _NAMED}" if len(lines) > _NAMED else "")
