"""Order events that could not be processed: why, in words, and the bodies of the calls about them."""

from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec

from eightysix.core.key import StoreKey
from eightysix.core.outcome import Code

from .fields import Body, Identifier, integer, several, whole
from .language import Language
from .messages import fill, sentence
from .parked import one_store, one_store_or_all
from .problem import Problem, Rejection

MAX_PARKED_PAGE = 100

Replayed = Literal["processed", "waiting", "parked", "unknown"]


class Because(StrEnum):
    """Why an event was parked, where it isn't for what is wrong with its body. Stable."""

    EVENT_EARLY = "EVENT_EARLY"
    EVENT_DIFFERS = "EVENT_DIFFERS"
    EVENT_LATE = "EVENT_LATE"
    EVENT_TOO_OLD = "EVENT_TOO_OLD"
    EVENT_ID_USED = "EVENT_ID_USED"
    EVENT_FAILED = "EVENT_FAILED"
    EVENT_DONE_TWICE = "EVENT_DONE_TWICE"
    STORE_UNKNOWN = "STORE_UNKNOWN"
    ANSWER_REFUSED = "ANSWER_REFUSED"


REASONS: dict[Because, tuple[str, str]] = {
    Because.EVENT_EARLY: (
        "It waits for order_seq {missing}, which hasn't come or can't be processed; then it is processed by itself.",
        "正在等待 order_seq {missing}（尚未到达或无法处理）；其处理后会自动继续。",
    ),
    Because.EVENT_DIFFERS: (
        "Another event with the same order_seq was here before: {known}.",
        "相同 order_seq 的另一事件已先到达：{known}。",
    ),
    Because.EVENT_LATE: (
        "Later events of the order are done, up to order_seq {done}; this one was not among them.",
        "该订单后续事件已处理到 order_seq {done}，其中没有此事件。",
    ),
    Because.EVENT_TOO_OLD: (
        "It happened more than {days} days ago.",
        "事件发生于 {days} 天以前。",
    ),
    Because.EVENT_ID_USED: (
        "The order's event {order_seq} has the same event_id.",
        "该订单 order_seq {order_seq} 的事件已使用相同的 event_id。",
    ),
    Because.EVENT_FAILED: (
        "Processing it failed, and would fail again: {why}.",
        "处理失败，重试无效：{why}。",
    ),
    Because.EVENT_DONE_TWICE: (
        "Two processes did it at once: it was answered {said}, and then came to {came_to}.",
        "两个进程同时处理了此事件：已应答 {said}，随后的结果却是 {came_to}。",
    ),
    Because.STORE_UNKNOWN: (
        "Its store is unknown; it is processed when it is replayed after the store was made.",
        "门店不存在；门店建立后可重放处理。",
    ),
    Because.ANSWER_REFUSED: (
        "The bus doesn't take this answer: {why}.",
        "消息总线不接受此应答：{why}。",
    ),
}
"""(English, Simplified Chinese) of each."""


class ParkedReason(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why an event was parked, as it is kept: in no language."""

    code: str
    field: str | None = None
    values: dict[str, Any] = {}

    def told(self, language: Language) -> str:
        """In words."""
        if self.code in REASONS:
            english, chinese = REASONS[Because(self.code)]
            return fill(chinese if language is Language.CHINESE else english, language, self.values)
        known = Problem if self.code in Problem.__members__ else Code
        return sentence(known(self.code), language, self.field, **self.values)


def because(code: Because, **values: object) -> ParkedReason:
    """A reason of ours."""
    return ParkedReason(code.value, None, values)


def rejected(rejection: Rejection) -> ParkedReason:
    """What is wrong with the body."""
    return ParkedReason(rejection.code.value, rejection.field, dict(rejection.values))


class ParkedEventQuery(Body):
    """Which events: of one store, or all."""

    brand_id: Identifier | None = msgspec.field(name="brandId", default=None)
    poi_id: Identifier | None = msgspec.field(name="poiId", default=None)
    cursor: str | None = None
    limit: Annotated[int, whole(1, MAX_PARKED_PAGE)] = MAX_PARKED_PAGE

    def store(self) -> StoreKey | None:
        """The one store that is asked for; 422 for half of its name."""
        return one_store(self.brand_id, self.poi_id)

    def most(self) -> int:
        return integer(self.limit, "limit", 1, MAX_PARKED_PAGE)


class ParkedEvent(msgspec.Struct, frozen=True):
    """An event of the order service that could not be processed, or (`topic` `order_stock`) an answer to one that could
    not be published. `tries` is how often it was parked, `parked_at` when it was first; `code` is stable, `message` is
    for people, `field` says where. An unreadable event may name no store."""

    parked_id: str
    topic: str
    brand_id: str | None = msgspec.field(name="brandId")
    poi_id: str | None = msgspec.field(name="poiId")
    code: str
    message: str
    field: str | None
    tries: int
    parked_at: str
    body: str


class ReplayEventsBody(Body):
    """Which parked events are to be processed again: those of a store, or of `all` stores; of these the named ones, or
    the first 100."""

    brand_id: Identifier | None = msgspec.field(name="brandId", default=None)
    poi_id: Identifier | None = msgspec.field(name="poiId", default=None)
    all: bool = False
    parked_ids: Annotated[list[str], several(MAX_PARKED_PAGE)] | None = None

    def store(self) -> StoreKey | None:
        """The one store that is meant; None: all."""
        return one_store_or_all(self.brand_id, self.poi_id, every=self.all)

    def named(self) -> list[str] | None:
        """The named ones; None: all, a page of them."""
        if self.parked_ids is None:
            return None
        if not self.parked_ids:
            raise Rejection(Problem.EMPTY, "parked_ids")
        if len(self.parked_ids) > MAX_PARKED_PAGE:
            raise Rejection(Problem.TOO_MANY, "parked_ids", most=MAX_PARKED_PAGE)
        return self.parked_ids


class ReplayedEvent(msgspec.Struct, frozen=True):
    """What became of it: `processed`; `waiting` for an event before it; `parked` again, for the reason that the list
    has; or `unknown`: it isn't parked any more."""

    parked_id: str
    result: Replayed


class ReplayedEvents(msgspec.Struct, frozen=True):
    """In order; `has_more`: others may still be parked behind these."""

    results: list[ReplayedEvent]
    has_more: bool


class DiscardEventsBody(ReplayEventsBody, kw_only=True):
    """Which parked events nobody needs any more: of those of a store, or of `all` stores, the named ones."""

    parked_ids: Annotated[list[str], several(MAX_PARKED_PAGE)]


class DiscardedEvents(msgspec.Struct, frozen=True):
    """How many were parked, and are not any more."""

    discarded: int
