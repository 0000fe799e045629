"""What the order service tells by messages, and what it is answered (topics `order_events` and `order_stock`).

An event asks for what a verb of HTTP asks for, with its fields. The events of an order are numbered 1, 2, 3 … without
gaps by `order_seq`, and are done in that order, however they arrive. A repeat is answered again with the same answer.
"""

import hashlib
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from eightysix.core.command import Actor, DeductStock, LockStock, OrderCommand, ReturnStock, UnlockStock
from eightysix.core.key import StoreKey
from eightysix.core.outcome import Code, OrderDone, Refused

from .answer import ENCODER, either, order_answer, refused_answer
from .fields import (
    AwareInstant,
    Digits,
    Identifier,
    Reason,
    identifier,
    integer,
    milliseconds,
    reason,
    several,
    whole,
)
from .language import Language
from .order import MAX_LINES, DeductBody, LockBody, OrderBody, ReturnLine, read_lines
from .problem import Problem, Rejection
from .reading import read_json

EVENTS_TOPIC = "order_events"
"""The topic of the events; a message group is a store."""

ANSWERS_TOPIC = "order_stock"
"""The topic of the answers; a message group is a store, as `wire.message.group_of` names it."""

MAX_EVENT_BYTES = 262_144
MAX_ORDER_SEQ = 2**53 - 1

ACTOR = "order-events"
SOURCE = "bus"
"""Who and what the change log names."""

OrderSeq = Annotated[int, whole(1, MAX_ORDER_SEQ)] | Digits


class PlacedEvent(LockBody, kw_only=True, tag_field="type", tag="order.placed"):
    """The order is placed: its lines are locked, all or none, unless it is `partial`."""

    event_id: Identifier
    occurred_at: AwareInstant
    order_seq: OrderSeq


class PaidEvent(DeductBody, kw_only=True, tag_field="type", tag="order.paid"):
    """The order is paid. Where its lock has expired it is locked anew in the same step, unless `relock` is false."""

    event_id: Identifier
    occurred_at: AwareInstant
    order_seq: OrderSeq
    relock: bool = True


class CancelledEvent(OrderBody, kw_only=True, tag_field="type", tag="order.cancelled"):
    """The order is cancelled as a whole before it was paid, and closed by that. What is paid has to be returned."""

    event_id: Identifier
    occurred_at: AwareInstant
    order_seq: OrderSeq
    reason: Reason | None = None

    def command(self, actor: Actor) -> UnlockStock:
        return UnlockStock(self.store(), identifier(self.order_id, "order_id"), None, actor, reason(self.reason))


class ReturnedEvent(OrderBody, kw_only=True, tag_field="type", tag="order.returned"):
    """Paid portions come back. Without `lines` all that is left of the order. The `event_id` is the `request_id`."""

    event_id: Identifier
    occurred_at: AwareInstant
    order_seq: OrderSeq
    lines: Annotated[list[ReturnLine], several(MAX_LINES)] | None = None
    reason: Reason | None = None

    def command(self, actor: Actor) -> ReturnStock:
        lines = None if self.lines is None else read_lines(self.lines, ReturnLine.line)
        order_id, event_id = identifier(self.order_id, "order_id"), identifier(self.event_id, "event_id")
        return ReturnStock(self.store(), order_id, lines, event_id, actor, reason(self.reason))


OrderEvent = PlacedEvent | PaidEvent | CancelledEvent | ReturnedEvent
"""The body of a message of the topic `order_events`."""

Result = Literal["locked", "refused", "deducted", "unlocked", "returned", "refund_needed"]


class OrderStockAnswer(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="type", tag="order.stock"):
    """What became of an event; its id is the event's, so that a receiver can tell a repeat.

    `body` is what HTTP would have answered. `refused`: nothing was changed. `refund_needed`: the order was paid and
    nothing is, or could be, held for it.
    """

    event_id: str
    event_type: str
    brand_id: str = msgspec.field(name="brandId")
    poi_id: str = msgspec.field(name="poiId")
    order_id: str
    order_seq: int
    result: Result
    body: Annotated[Any, either("OrderAnswer", "ErrorAnswer")]


class ReadEvent(msgspec.Struct, frozen=True, gc=False):
    """An event whose every field was checked. `digest` is equal for equal events, however their numbers were written;
    `happened_at` in milliseconds."""

    event_id: str
    type: str
    store: StoreKey
    order_id: str
    order_seq: int
    happened_at: int
    command: OrderCommand
    digest: bytes


class _Named(msgspec.Struct):
    """What an unreadable event may still say of itself."""

    event_id: Any = None
    brand_id: Any = msgspec.field(name="brandId", default=None)
    poi_id: Any = msgspec.field(name="poiId", default=None)


_EVENT: msgspec.json.Decoder[Any] = msgspec.json.Decoder(OrderEvent)
_NAMED = msgspec.json.Decoder(_Named)
_ANYTHING = msgspec.json.Decoder(float_hook=lambda digits: _plain(Decimal(digits)))
_SORTED = msgspec.json.Encoder(decimal_format="number", order="sorted")


def read_event(body: bytes) -> ReadEvent:
    """The event in a message's body; a `Rejection` says what is wrong with it, and where."""
    if len(body) > MAX_EVENT_BYTES:
        raise Rejection(Problem.BODY_TOO_LARGE, most=MAX_EVENT_BYTES)
    event: OrderEvent = read_json(body, _EVENT)
    event_id = identifier(event.event_id, "event_id")
    happened_at = milliseconds(event.occurred_at, "occurred_at")
    order_seq = integer(event.order_seq, "order_seq", 1, MAX_ORDER_SEQ)
    type_ = type(event).__struct_config__.tag
    command = event.command(Actor(ACTOR, SOURCE, event_id, happened_at))
    digest = hashlib.blake2b(_canonical(body), digest_size=32).digest()
    return ReadEvent(event_id, str(type_), command.store, command.order_id, order_seq, happened_at, command, digest)


def named_in(body: bytes) -> tuple[str | None, StoreKey | None]:
    """The event id and the store that an unreadable body names, as far as they can be made out."""
    try:
        named = _NAMED.decode(body[:MAX_EVENT_BYTES])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None, None
    event_id, brand_id, poi_id = (_identifier(each) for each in (named.event_id, named.brand_id, named.poi_id))
    return event_id, StoreKey.of(brand_id, poi_id) if brand_id is not None and poi_id is not None else None


def event_answer(event: ReadEvent, outcome: OrderDone | Refused, language: Language) -> bytes:
    """The message that answers an event with what became of it."""
    body = order_answer(outcome) if isinstance(outcome, OrderDone) else refused_answer(outcome, language)
    return ENCODER.encode(
        OrderStockAnswer(
            event_id=event.event_id,
            event_type=event.type,
            brand_id=event.store.brand_id,
            poi_id=event.store.poi_id,
            order_id=event.order_id,
            order_seq=event.order_seq,
            result=result_of(event.command, outcome),
            body=body,
        )
    )


_DONE: dict[type[OrderCommand], Result] = {
    LockStock: "locked",
    DeductStock: "deducted",
    UnlockStock: "unlocked",
    ReturnStock: "returned",
}

UNPAYABLE = frozenset(
    {
        Code.ORDER_CANCELLED,
        Code.ALREADY_UNLOCKED,
        Code.ORDER_NOT_FOUND,
        Code.LOCK_EXPIRED,
        Code.LOCK_EXPIRED_NO_STOCK,
    }
)
"""Why a paid order has to be paid back: nothing is held for it. After any other refusal it is as it was before."""


def result_of(command: OrderCommand, outcome: OrderDone | Refused) -> Result:
    """The outcome in one word."""
    if isinstance(outcome, OrderDone):
        return _DONE[type(command)]
    return "refund_needed" if isinstance(command, DeductStock) and outcome.code in UNPAYABLE else "refused"


def _canonical(body: bytes) -> bytes:
    """The body, already checked, in one way of writing it; it means the same to every version of this program."""
    return _SORTED.encode(_ANYTHING.decode(body))


def _plain(number: Decimal) -> int | Decimal:
    return int(number) if number == number.to_integral_value() else number.normalize()


def _identifier(value: Any) -> str | None:
    try:
        return identifier(value, "") if isinstance(value, str) else None
    except Rejection:
        return None
