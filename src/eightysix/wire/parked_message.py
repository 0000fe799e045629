"""Messages that could not be processed: why, in words, and the bodies of the calls about them."""

from enum import StrEnum
from typing import Annotated, Any

import msgspec

from eightysix.core.outcome import Code

from .fields import Body, Identifier, several, whole
from .language import Language
from .messages import fill, sentence
from .problem import Problem, Rejection

MAX_PARKED_PAGE = 100
MAX_REPLAYED = 100


class Because(StrEnum):
    """Why a message was parked, where it isn't for what is wrong with its body. Stable."""

    EVENT_EARLY = "EVENT_EARLY"
    EVENT_DIFFERS = "EVENT_DIFFERS"
    EVENT_LATE = "EVENT_LATE"
    EVENT_TOO_OLD = "EVENT_TOO_OLD"
    EVENT_ID_USED = "EVENT_ID_USED"
    EVENT_FAILED = "EVENT_FAILED"
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
    """Why a message was parked, as it is kept: in no language."""

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


class ParkedQuery(Body):
    """Which messages: of one store, or all."""

    brand_id: Identifier | None = msgspec.field(name="brandId", default=None)
    poi_id: Identifier | None = msgspec.field(name="poiId", default=None)
    cursor: str | None = None
    limit: Annotated[int, whole(1, MAX_PARKED_PAGE)] = MAX_PARKED_PAGE


class ParkedMessageAnswer(msgspec.Struct, frozen=True):
    """A parked message. `topic` is where it came from, or was to go (`order_stock`); `tries` is how often it was
    parked, `parked_at` when it was first. `code` is stable, `message` is for people, `field` says where."""

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


class ReplayParkedBody(Body):
    """Parked messages to be processed again."""

    parked_ids: Annotated[list[str], several(MAX_REPLAYED)]


class ReplayedMessage(msgspec.Struct, frozen=True):
    """What became of it: `processed`; `waiting` for an event before it; `parked` again, for the reason that the list
    has; or `unknown`: it isn't parked any more."""

    parked_id: str
    result: str


class ReplayedAnswer(msgspec.Struct, frozen=True):
    """In the order in which they were sent."""

    results: list[ReplayedMessage]
