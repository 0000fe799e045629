"""JSON schemas of the wire's types, for the documents that describe them."""

from collections.abc import Sequence
from typing import Any

import msgspec

NUMBER = {"type": "number"}
"""A quantity as it is told."""

_DIGITS = {"type": "string", "pattern": r"^[0-9]{1,9}(\.[0-9]{1,3})?$"}
SENT_NUMBER = {"anyOf": [{"type": "number"}, _DIGITS]}
"""A quantity as it may be sent."""

_DECIMAL = {"type": "string", "format": "decimal"}


def components(types: Sequence[Any], number: dict[str, Any]) -> tuple[dict[Any, Any], dict[str, Any]]:
    """(a reference for each type, the schemas that they refer to), with `number` for decimals.

    Digit for digit the number that is meant, never a binary fraction: msgspec itself would describe a string.
    """
    ordered = sorted(types, key=str)
    found, parts = msgspec.json.schema_components(ordered, ref_template="#/components/schemas/{name}")
    return dict(zip(ordered, found, strict=True)), _exact(parts, number)


def _exact(schema: Any, number: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_exact(each, number) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if {name: schema.get(name) for name in _DECIMAL} == _DECIMAL:
        rest = {name: value for name, value in schema.items() if name not in _DECIMAL}
        return {**number, **rest}
    return {name: _exact(each, number) for name, each in schema.items()}
