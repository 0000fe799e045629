"""Reading a request's query, never more of it than is allowed."""

from typing import Any
from urllib.parse import parse_qsl

from eightysix.wire.problem import Problem, Rejection

_MOST_FIELDS = 2_000


def query_fields(query: bytes, lists: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The query's fields; those in `lists` with all their values."""
    try:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise Rejection(Problem.TOO_MANY, "query", most=_MOST_FIELDS) from None
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in lists:
            fields.setdefault(name, []).append(value)
        elif name in fields:
            raise Rejection(Problem.WRONG_TYPE, name, expected="string", got="array")
        else:
            fields[name] = value
    return fields
