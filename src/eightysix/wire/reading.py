"""From the bytes of a body, or the fields of a query, to a checked type; what doesn't fit becomes a `Rejection`."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from .problem import Problem, Rejection

_T = TypeVar("_T")

_PATH = re.compile(r"^(.*?)(?: - at `(?:key in )?\$\.?(.*)`)?$", re.DOTALL)
_EXPECTED = re.compile(r"^Expected `(.+?)`(?:, got `(.+?)`)?")
_NAMED = re.compile(r"^Object (missing required|contains unknown) field `(.*)`$", re.DOTALL)
_BYTE = re.compile(r"\(byte (\d+)\)")
_JSON_TYPES = {"int": "integer", "decimal": "number", "float": "number", "str": "string", "bool": "boolean"}


def read_json(body: bytes, decoder: "msgspec.json.Decoder[_T]") -> _T:
    """The body as the decoder's type."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise from_validation(str(error)) from None
    except msgspec.DecodeError as error:
        raise Rejection(Problem.MALFORMED_JSON, why=_place(str(error))) from None
    except UnicodeDecodeError:
        raise Rejection(Problem.MALFORMED_JSON, why="not UTF-8") from None
    except RecursionError:
        raise Rejection(Problem.MALFORMED_JSON, why="nested too deeply") from None


def read_query(fields: Mapping[str, Any], into: type[_T]) -> _T:
    """A query's fields, strings or lists of them, as `into`, a struct. There is no null: the word is a wrong value."""
    try:
        read = msgspec.convert(fields, into, strict=False)
    except msgspec.ValidationError as error:
        raise from_validation(str(error)) from None
    for field in msgspec.structs.fields(into):  # type: ignore[arg-type]  # into is a struct
        if field.encode_name in fields and getattr(read, field.name) is None:
            raise Rejection(Problem.UNKNOWN_VALUE, field.encode_name)
    return read


def from_validation(message: str) -> Rejection:
    """msgspec says in one English sentence what is wrong; this takes it apart, so that it can be told in two."""
    told = _PATH.match(message)
    what, path = (told.group(1), told.group(2) or "") if told else (message, "")
    if named := _NAMED.match(what):
        problem = Problem.MISSING_FIELD if named.group(1) == "missing required" else Problem.UNKNOWN_FIELD
        return Rejection(problem, _shown(named.group(2))).inside(path) if path else Rejection(problem, _shown(named[2]))
    if what.startswith(("Invalid enum value", "Invalid value")):
        return Rejection(Problem.UNKNOWN_VALUE, path or None)
    expected = _EXPECTED.match(what)
    if expected is None:  # a string that should have held something
        return Rejection(Problem.WRONG_TYPE, path or None, expected=_content(what), got="string")
    return Rejection(
        Problem.WRONG_TYPE, path or None, expected=_named(expected.group(1)), got=_named(expected.group(2) or "string")
    )


def _named(types: str) -> str:
    return " or ".join(_JSON_TYPES.get(name, name) for name in types.split(" | "))


def _content(what: str) -> str:
    return "number" if "decimal" in what else "datetime"


def _place(told: str) -> str:
    place = _BYTE.search(told)
    return f"byte {place.group(1)}" if place else "truncated"


def _shown(field: str) -> str:
    """A field's name as it may stand in an answer: a stranger's text, so it is cut."""
    return field if len(field) <= 80 else field[:80] + "…"
