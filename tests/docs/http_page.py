"""docs/HTTP.md, made from the table of endpoints, the wire's types and the messages."""

import re
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

import msgspec

from eightysix.api.auth import ALLOWED, Action
from eightysix.api.endpoint import Endpoint
from eightysix.api.endpoints import Rooms, endpoints
from eightysix.api.openapi import document
from eightysix.core.outcome import Code
from eightysix.wire.messages import MESSAGES
from eightysix.wire.problem import RETRYABLE, STATUS, Problem

PATH = "docs/HTTP.md"
_INTRODUCTION = """\
# HTTP

Made from the program by `make docs`; a test compares. A running service shows the same at `/docs`, and as OpenAPI at
`/openapi.json`.

JSON in UTF-8, `Authorization: Bearer <key>`. Unknown fields are refused. Quantities are exact decimals with at most
three fractional digits, instants are UTC, durations are seconds. Numbers may be sent as numbers or as strings. Error
messages follow Accept-Language (`en`, `zh-CN`). Every order verb may be sent again: the answer then says
`"replayed": true`.
"""
_ERRORS = """\
## Errors

The body is an [`ErrorAnswer`](#erroranswer); a refused call changes nothing. In order of precedence: of several that
apply, the first here is told. 503 and 500 may come at any point. *retryable*: the same request may succeed later,
unchanged; 503 has a `Retry-After`. One 503 may have been done after all: the database went away in the middle of a
COMMIT and wasn't back within half a minute. Sending the same call again is always safe, and tells.

| status | code | English | 简体中文 | retryable |
|---|---|---|---|---|"""


class Nothing:
    """Stands where somebody answers calls."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_args, **_more: None


def table() -> list[Endpoint]:
    """Every endpoint. Only described here, never run, so none of them has anything behind it."""
    nothing: Any = Nothing()
    return endpoints(Rooms(*[nothing] * len(Rooms._fields)))


def page() -> str:
    """The page as it should be."""
    described = msgspec.json.decode(document(table()))
    parts = [_INTRODUCTION, _calls(), _errors(), "## Each call\n"]
    parts += [_call(endpoint, described) for endpoint in table()]
    parts += ["## Types\n", *_types(described["components"]["schemas"])]
    return "\n".join(parts)


def precedence() -> list[Problem | Code]:
    """Every code of an error: of several that apply, the first here is told. Faults stand last; they may come at any
    point."""
    absent = list(takewhile(lambda code: STATUS[code] == 404, Code))
    return [
        *_problems(413, 400, 401, 429, 403, 404, 405),
        *absent,
        *_problems(422),
        *(code for code in Code if code not in absent),
        *_problems(409),
        *_problems(503, 500),
    ]


def _problems(*statuses: int) -> Iterator[Problem]:
    for status in statuses:
        yield from (problem for problem in Problem if STATUS[problem] == status)


def _calls() -> str:
    rows = [
        f"| [{each.method} {each.path}](#{_anchor(each)}) | {' | '.join(each.summary)} | {_roles(each.action)} |"
        for each in table()
    ]
    return "\n".join(["## Calls\n", "| call | | | roles |", "|---|---|---|---|", *rows, ""])


def _errors() -> str:
    rows = []
    for code in precedence():
        english, chinese = (message.replace("<", r"\<") for message in MESSAGES[code])
        again = "yes" if code in RETRYABLE else ""
        rows.append(f"| {STATUS[code]} | `{code.value}` | {english} | {chinese} | {again} |")
    return "\n".join([_ERRORS, *rows, ""])


def _call(endpoint: Endpoint, described: dict[str, Any]) -> str:
    operation = described["paths"][endpoint.path][endpoint.method.lower()]
    lines = [f"### {endpoint.method} {endpoint.path}\n", f"{endpoint.summary[0]}. {endpoint.summary[1]}。\n"]
    lines.append(f"- roles: {_roles(endpoint.action)}")
    for parameter in operation.get("parameters", ()):
        need = "required" if parameter["required"] else "optional"
        lines.append(f"- {parameter['in']} `{parameter['name']}`: {_kind(parameter['schema'])}, {need}")
    if "requestBody" in operation:
        for kind, content in operation["requestBody"]["content"].items():
            what = _kind(content["schema"])
            lines.append(f"- body: {kind}" if kind != "application/json" else f"- body: {what}")
    answers, refusals = [], []
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            answers += [
                f"{status} {_kind(content['schema'])}" if kind == "application/json" else f"{status} {kind}"
                for kind, content in response.get("content", {}).items()
            ] or [f"{status} without a body"]
        else:
            refusals.append(status)
    lines.append(f"- answers: {'; '.join(answers)}; errors {', '.join(refusals)}")
    return "\n".join([*lines, ""])


def _types(schemas: dict[str, Any]) -> Iterator[str]:
    for name, schema in sorted(schemas.items(), key=lambda each: each[1]["title"]):
        lines = [f"### {schema.get('title', name)}\n"]
        if "description" in schema:
            lines.append(" ".join(schema["description"].split()) + "\n")
        required = set(schema["required"])
        lines += ["| field | type | |", "|---|---|---|"]
        for field, kind in schema["properties"].items():
            need = "required" if field in required else _default(kind)
            lines.append(f"| `{field}` | {_kind(kind)} | {need} |")
        yield "\n".join([*lines, ""])


def _kind(schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        title = re.sub(r"^(\w+?)_(\w+)_$", r"\1[\2]", name)
        anchor = re.sub(r"[^a-z]", "", title.lower())
        return f"[`{title}`](#{anchor})"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        kinds = [_kind(each) for each in schema["anyOf"]]
        if (
            {"integer", "number"} <= set(kinds)
            or {"integer", "string"} <= set(kinds)
            or {"decimal", "number"} <= set(kinds)
        ):
            kinds = [kind for kind in kinds if kind not in {"string", "decimal"}]
            kinds = [kind for kind in kinds if not (kind == "integer" and "number" in kinds)]
        return " or ".join(dict.fromkeys(kinds))
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    return str(schema.get("format", schema.get("type", "any")))


def _default(schema: dict[str, Any]) -> str:
    if "default" not in schema or schema["default"] is None:
        return ""
    return f"default `{msgspec.json.encode(schema['default']).decode()}`"


def _roles(action: Action | None) -> str:
    if action is None:
        return "no key needed"
    allowed = [role for role, actions in ALLOWED.items() if action in actions]
    return "every role" if len(allowed) == len(ALLOWED) else ", ".join(allowed)


def _anchor(endpoint: Endpoint) -> str:
    """As hosts of Markdown make it of the call's heading."""
    return re.sub(r"[^a-z0-9 _-]", "", f"{endpoint.method} {endpoint.path}".lower()).replace(" ", "-")
