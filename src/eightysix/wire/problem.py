"""What can be wrong with a request before, or besides, what the core refuses; and the status of every answer.

A `Rejection` is raised while a request is read, authorised or administered and becomes an answer in one place.
"""

from enum import StrEnum

from eightysix.core.outcome import Code


class Problem(StrEnum):
    """Every `code` of an error that isn't an outcome of the core. Stable."""

    BODY_TOO_LARGE = "BODY_TOO_LARGE"
    BODY_BROKEN = "BODY_BROKEN"
    MALFORMED_JSON = "MALFORMED_JSON"
    WRONG_TYPE = "WRONG_TYPE"
    MISSING_FIELD = "MISSING_FIELD"
    UNKNOWN_FIELD = "UNKNOWN_FIELD"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    TOO_MANY_REQUESTS = "TOO_MANY_REQUESTS"
    TOO_MANY_PAIRINGS = "TOO_MANY_PAIRINGS"
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    KEY_NOT_FOUND = "KEY_NOT_FOUND"
    WEBHOOK_NOT_FOUND = "WEBHOOK_NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    UNKNOWN_VALUE = "UNKNOWN_VALUE"
    ID_INVALID = "ID_INVALID"
    NUMBER_OUT_OF_RANGE = "NUMBER_OUT_OF_RANGE"
    TEXT_INVALID = "TEXT_INVALID"
    TOO_MANY = "TOO_MANY"
    EMPTY = "EMPTY"
    VALUE_INVALID = "VALUE_INVALID"
    CSV_INVALID = "CSV_INVALID"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    STILL_IN_USE = "STILL_IN_USE"
    ROTATION_RUNNING = "ROTATION_RUNNING"
    PAIRING_CODE_UNKNOWN = "PAIRING_CODE_UNKNOWN"
    HUB_EXISTS = "HUB_EXISTS"
    CURSOR_UNKNOWN = "CURSOR_UNKNOWN"
    CLOUD_AWAY = "CLOUD_AWAY"
    FILE_FAILING = "FILE_FAILING"
    OVERLOADED = "OVERLOADED"
    UNAVAILABLE = "UNAVAILABLE"
    INTERNAL = "INTERNAL"


_BAD_REQUEST = (
    Problem.BODY_BROKEN,
    Problem.MALFORMED_JSON,
    Problem.WRONG_TYPE,
    Problem.MISSING_FIELD,
    Problem.UNKNOWN_FIELD,
)

STATUS: dict[Problem | Code, int] = {
    **dict.fromkeys(Problem, 422),
    **dict.fromkeys(_BAD_REQUEST, 400),
    Problem.BODY_TOO_LARGE: 413,
    Problem.UNAUTHENTICATED: 401,
    Problem.TOO_MANY_REQUESTS: 429,
    Problem.TOO_MANY_PAIRINGS: 429,
    Problem.FORBIDDEN: 403,
    Problem.NOT_FOUND: 404,
    Problem.KEY_NOT_FOUND: 404,
    Problem.WEBHOOK_NOT_FOUND: 404,
    Problem.METHOD_NOT_ALLOWED: 405,
    Problem.ALREADY_EXISTS: 409,
    Problem.STILL_IN_USE: 409,
    Problem.ROTATION_RUNNING: 409,
    Problem.PAIRING_CODE_UNKNOWN: 404,
    Problem.HUB_EXISTS: 409,
    Problem.CURSOR_UNKNOWN: 409,
    Problem.CLOUD_AWAY: 503,
    Problem.FILE_FAILING: 503,
    Problem.OVERLOADED: 503,
    Problem.UNAVAILABLE: 503,
    Problem.INTERNAL: 500,
    **dict.fromkeys(Code, 409),
    Code.BRAND_NOT_FOUND: 404,
    Code.STORE_NOT_FOUND: 404,
    Code.CHANNEL_NOT_FOUND: 404,
    Code.ITEM_NOT_FOUND: 404,
    Code.RULE_NOT_FOUND: 404,
    Code.HUB_NOT_FOUND: 404,
    Code.INCIDENT_NOT_FOUND: 404,
    Code.ORDER_NOT_FOUND: 404,
    Code.QUANTITY_TOO_FINE: 422,
    Code.QUANTITY_OUT_OF_RANGE: 422,
    Code.FORCE_NOT_ALLOWED: 422,
    Code.REASON_REQUIRED: 422,
    Code.SETTING_INVALID: 422,
}
"""The HTTP status of every code (DESIGN section 4, precedence of refusals; section 5, errors)."""

RETRYABLE = frozenset(
    {
        Problem.TOO_MANY_REQUESTS,
        Problem.TOO_MANY_PAIRINGS,
        Problem.CLOUD_AWAY,
        Problem.FILE_FAILING,
        Problem.OVERLOADED,
        Problem.UNAVAILABLE,
    }
)
"""The same request may succeed later, unchanged."""


class Rejection(Exception):
    """A request is refused while it is read or authorised; nothing was changed.

    `field` is where (`lines[2].quantity`), `values` fill the message's blanks.
    """

    def __init__(self, code: Problem | Code, field: str | None = None, **values: object) -> None:
        super().__init__(code)
        self.code = code
        self.field = field
        self.values = values
        self.retry_after: int | None = None

    def inside(self, outer: str) -> "Rejection":
        """The same rejection with its field seen from one level further out."""
        self.field = outer if not self.field else f"{outer}.{self.field}"
        return self
