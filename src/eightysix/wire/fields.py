"""Single values of a request: what they may be, checked one by one, exact."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from eightysix.core.instant import from_datetime
from eightysix.core.outcome import Code
from eightysix.core.quantity import QuantityError, signed_thousandths, thousandths

from .problem import Problem, Rejection

Integer = int | str
"""A whole number, sent as a JSON number or as its digits."""

MAX_ID_LENGTH = 64
MAX_OBJECT_ID = 2**53 - 1
MAX_LINE_NO = 9_999
MAX_HOLD_SECONDS = 86_400
MAX_TEXT_LENGTH = 500
_YEAR_10000 = 253_402_300_800_000


def documented(**limits: Any) -> msgspec.Meta:
    """Limits as the OpenAPI document shows them. The functions below check them: in order, and in two languages."""
    return msgspec.Meta(extra_json_schema=limits)


def whole(least: int, most: int) -> msgspec.Meta:
    """The documented limits of a whole number."""
    return documented(minimum=least, maximum=most)


def several(most: int) -> msgspec.Meta:
    """The documented length of a list that may not be empty."""
    return documented(minItems=1, maxItems=most)


def words(most: int) -> msgspec.Meta:
    """The documented length of a name or a reason."""
    return documented(minLength=1, maxLength=most, pattern=r"\S")


Identifier = Annotated[str, documented(minLength=1, maxLength=MAX_ID_LENGTH, pattern=r"^\S(.*\S)?$")]
Digits = Annotated[str, documented(pattern="^[0-9]{1,20}$")]
ObjectId = Annotated[int, whole(1, MAX_OBJECT_ID)] | Digits
LineNo = Annotated[int, whole(0, MAX_LINE_NO)] | Digits
HoldSeconds = Annotated[int, whole(1, MAX_HOLD_SECONDS)] | Digits
OneOrTwo = Annotated[int, whole(1, 2)] | Digits
Quantity = Annotated[Decimal, documented(minimum=0, maximum=999_999_999.999)]
Portion = Annotated[Decimal, documented(exclusiveMinimum=0, maximum=999_999_999.999)]
SignedQuantity = Annotated[Decimal, documented(minimum=-999_999_999.999, maximum=999_999_999.999)]
AwareInstant = Annotated[datetime, msgspec.Meta(tz=True)]
InstantText = Annotated[str, documented(format="date-time")]
"""In a query, where a number would be read as an instant too."""
WallTime = Annotated[str, documented(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Reason = Annotated[str, words(MAX_TEXT_LENGTH)]


class Body(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A request body; unknown fields are refused."""


def identifier(value: str, field: str) -> str:
    """An id of a brand, store, order, channel or request: 1 to 64 printable characters, no space at either end.

    Spaces at the ends are refused because a database may compare them away.
    """
    if 0 < len(value) <= MAX_ID_LENGTH and value.isprintable() and value[0] != " " and value[-1] != " ":
        return value
    raise Rejection(Problem.ID_INVALID, field, maximum=MAX_ID_LENGTH)


def integer(value: Integer, field: str, least: int, most: int) -> int:
    """A whole number from `least` to `most`."""
    if isinstance(value, str):
        value = _digits(value, field)
    if least <= value <= most:
        return value
    raise Rejection(Problem.NUMBER_OUT_OF_RANGE, field, least=least, most=most)


def object_id(value: Integer, field: str) -> int:
    """An id of an item."""
    if type(value) is int and 0 < value <= MAX_OBJECT_ID:
        return value
    return integer(value, field, 1, MAX_OBJECT_ID)


def quantity(value: Decimal, field: str) -> int:
    """Thousandths of a quantity that may be zero."""
    try:
        return thousandths(value)
    except QuantityError as error:
        code = Code.QUANTITY_TOO_FINE if error.reason == "too_fine" else Code.QUANTITY_OUT_OF_RANGE
        raise Rejection(code, field) from None


def signed_quantity(value: Decimal, field: str) -> int:
    """Thousandths of a quantity that may be negative."""
    try:
        return signed_thousandths(value)
    except QuantityError as error:
        code = Code.QUANTITY_TOO_FINE if error.reason == "too_fine" else Code.QUANTITY_OUT_OF_RANGE
        raise Rejection(code, field) from None


def portion(value: Decimal, field: str) -> int:
    """Thousandths of a quantity above zero."""
    amount = quantity(value, field)
    if amount == 0:
        raise Rejection(Code.QUANTITY_OUT_OF_RANGE, field)
    return amount


def text(value: str, field: str, most: int = MAX_TEXT_LENGTH) -> str:
    """A name or a reason for people to read: 1 to `most` characters, none of them a control character."""
    if 0 < len(value) <= most and value.strip() and not any(char < " " or char == "\x7f" for char in value):
        return value
    raise Rejection(Problem.TEXT_INVALID, field, maximum=most)


def instant(value: str, field: str) -> int:
    """Milliseconds of an instant with its time zone, as ISO 8601 has it."""
    try:
        moment: datetime = msgspec.convert(value, AwareInstant)
    except msgspec.ValidationError:
        raise Rejection(Problem.WRONG_TYPE, field, expected="datetime", got="string") from None
    return milliseconds(moment, field)


def milliseconds(moment: datetime, field: str) -> int:
    """Milliseconds of an instant of the years 1970 to 9999: what its offset moves out of them, no answer could show."""
    at_ms = from_datetime(moment)
    if 0 <= at_ms < _YEAR_10000:
        return at_ms
    raise Rejection(Problem.VALUE_INVALID, field, why="not within the years 1970 to 9999")


def reason(value: str | None) -> str | None:
    """The optional `reason` of a request."""
    return None if value is None else text(value, "reason")


def _digits(value: str, field: str) -> int:
    bare = value[1:] if value[:1] == "-" else value
    if not (bare.isascii() and bare.isdigit()) or len(bare) > 20:
        raise Rejection(Problem.WRONG_TYPE, field, expected="integer", got="string")
    return int(value)
