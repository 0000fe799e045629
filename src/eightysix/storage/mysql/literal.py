"""SQL literals. Values stand in the text of a statement: the proxy routes by the integer literals it reads there.

Escaping counts on backslash escapes being on (`NO_BACKSLASH_ESCAPES` off) and on UTF-8; `Session` checks the first when
it connects.
"""

import re
from collections.abc import Iterable

from eightysix.core.key import StoreKey
from eightysix.storage.port import Rejected

_SPECIAL = re.compile(r"['\\\x00\n\r\x1a]")
_ESCAPES = str.maketrans({"'": "''", "\\": "\\\\", "\0": "\\0", "\n": "\\n", "\r": "\\r", "\x1a": "\\Z"})


def text(value: str) -> str:
    """A quoted string. Raises Rejected for what is no Unicode text (a lone surrogate)."""
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise Rejected(f"not a text: {value!r}") from error
    return f"'{value.translate(_ESCAPES)}'" if _SPECIAL.search(value) else f"'{value}'"


def optional_text(value: str | None) -> str:
    """A quoted string or NULL."""
    return "NULL" if value is None else text(value)


def integer(value: int) -> str:
    """An integer; also for booleans and enumerations, whose own text is a name."""
    return str(int(value))


def optional_integer(value: int | None) -> str:
    """An integer or NULL."""
    return "NULL" if value is None else str(int(value))


def quantity(value: int) -> str:
    """Thousandths as an exact decimal literal."""
    whole, part = divmod(abs(value), 1000)
    return f"{'-' if value < 0 else ''}{whole}.{part:03d}"


def optional_quantity(value: int | None) -> str:
    """Thousandths as an exact decimal literal, or NULL."""
    return "NULL" if value is None else quantity(value)


def binary(value: bytes) -> str:
    """A byte string."""
    return f"X'{value.hex()}'"


def utf8(value: bytes) -> str:
    """Bytes that are UTF-8 text, as a quoted string."""
    try:
        return text(value.decode())
    except UnicodeDecodeError as error:
        raise Rejected("not UTF-8") from error


def store_key(store: StoreKey) -> str:
    """`product_shard_id, brand_id, poi_id`."""
    return f"{int(store.bucket)},{text(store.brand_id)},{text(store.poi_id)}"


def buckets(numbers: Iterable[int]) -> str:
    """The condition by which the proxy finds the physical table."""
    found = sorted(set(numbers))
    if len(found) == 1:
        return f"product_shard_id = {int(found[0])}"
    return f"product_shard_id IN ({','.join(str(int(number)) for number in found)})"


def thousandths(decimal: str) -> int:
    """The exact thousandths of a DECIMAL(13,3) as the server writes it."""
    whole, _, part = decimal.partition(".")
    return int(f"{whole}{part:0<3}")
