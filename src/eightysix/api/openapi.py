"""The OpenAPI document, made from the table of endpoints and the wire's types."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from eightysix.wire.answer import ErrorAnswer, OrderAnswer
from eightysix.wire.fields import MAX_ID_LENGTH
from eightysix.wire.incident import MAX_INCIDENT_ID
from eightysix.wire.stock import StockRowAnswer

from .endpoint import Endpoint
from .schemas import NUMBER, SENT_NUMBER, components

VERSION = "1"

_REFUSALS = {
    400: "Malformed: not JSON, a wrong type, an unknown or a missing field",
    401: "No valid key",
    403: "The role may not do this",
    404: "It doesn't exist, or isn't the caller's",
    409: "Refused by state or stock; nothing was changed",
    413: "The body is too large",
    422: "Well-formed, but a value is wrong",
    429: "More calls a second than the key may make; try again after Retry-After seconds",
    500: "The service failed; nothing was changed",
    503: "Overloaded or not available; try again after Retry-After seconds",
}

_ALWAYS = {ErrorAnswer, OrderAnswer, StockRowAnswer}


def document(table: Sequence[Endpoint]) -> bytes:
    """The document as JSON."""
    sent = {each for endpoint in table if endpoint.body is not None for each in endpoint.body.types}
    shown = {each for endpoint in table for types in endpoint.answers.values() for each in types} | _ALWAYS
    schemas: dict[str, Any] = {}
    refs: dict[Any, Any] = {str: {"type": "string"}}
    for types, number in ((shown, NUMBER), (sent, SENT_NUMBER)):
        found, parts = components(list(types), number)
        refs.update(found)
        schemas.update(parts)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in table:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, refs)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "EightySix",
                "version": VERSION,
                "description": "The stock service of a restaurant platform.",
            },
            "paths": paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            },
        }
    )


def _operation(endpoint: Endpoint, refs: dict[Any, Any]) -> dict[str, Any]:
    english, chinese = endpoint.summary
    operation: dict[str, Any] = {
        "operationId": "_".join([endpoint.method.lower(), *re.findall(r"[a-z0-9_]+", endpoint.path)]),
        "summary": english,
        "x-summary-zh": chinese,
        "responses": _responses(endpoint, refs),
    }
    if endpoint.action is not None:
        operation["security"] = [{"key": []}]
        operation["x-action"] = endpoint.action.value
    parameters = [*_path_parameters(endpoint), *_query_parameters(endpoint)]
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body is not None:
        schema = _any_of(endpoint.body.types, refs)
        operation["requestBody"] = {"required": True, "content": {endpoint.body.content_type: {"schema": schema}}}
    return operation


def _responses(endpoint: Endpoint, refs: dict[Any, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, types in endpoint.answers.items():
        responses[str(status)] = {"description": "Done"}
        if types:
            responses[str(status)]["content"] = {endpoint.answer_type: {"schema": _any_of(types, refs)}}
    for status in sorted(_refusals(endpoint)):
        responses[str(status)] = {
            "description": _REFUSALS[status],
            "content": {"application/json": {"schema": refs[ErrorAnswer]}},
        }
    return responses


def _any_of(types: tuple[Any, ...], refs: dict[Any, Any]) -> dict[str, Any]:
    return refs[types[0]] if len(types) == 1 else {"anyOf": [refs[each] for each in types]}


def _refusals(endpoint: Endpoint) -> set[int]:
    statuses = {500, 503, *endpoint.refusals}
    if endpoint.action is not None:
        statuses |= {400, 401, 403, 404, 422, 429}
    if endpoint.body is not None:
        statuses |= {400, 413}
    return statuses


_LONGEST = {"order_id": MAX_ID_LENGTH, "incident_id": MAX_INCIDENT_ID}
"""What stands in a path, and its most characters."""


def _path_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1, "maxLength": _LONGEST[name]},
        }
        for name in re.findall(r"\{(\w+)\}", endpoint.path)
    ]


def _query_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    if endpoint.query is None:
        return []
    schema = msgspec.json.schema_components([endpoint.query], ref_template="#/{name}")[1][endpoint.query.__name__]
    required = set(schema["required"])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _plain(described)}
        for name, described in schema["properties"].items()
    ]


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """A query has no null: what may be left out is simply left out."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind.get("type") != "null"]
    described = {**kinds[0]} if len(kinds) == 1 else {**schema}
    described.pop("default", None)
    return described
