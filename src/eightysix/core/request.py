"""Remembered requests: verbs whose effect adds up carry a `request_id`, so that a repeat changes nothing."""

import hashlib
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from .change import RequestRecord
from .command import AmendStock, ReturnStock, SetStock
from .draft import Draft
from .outcome import Code, OrderDone, Refused
from .shelf import Shelf

_encode = msgspec.json.Encoder().encode

Repeatable = ReturnStock | AmendStock | SetStock
_T = TypeVar("_T")


def recall(command: ReturnStock | AmendStock, shelf: Shelf) -> OrderDone | Refused | None:
    """The remembered outcome of this request, a mismatch if the id came with another body, None if it is new."""
    known = recalled(command, shelf, OrderDone)
    return replace(known, replayed=True) if isinstance(known, OrderDone) else known


def recalled(command: Repeatable, shelf: Shelf, kind: type[_T]) -> _T | Refused | None:
    """What `remember` kept of this request, a mismatch if the id came with another body, None if it is new."""
    record = shelf.requests.get(command.request_id or "")
    if record is None:
        return None
    if record.digest != digest(command):
        return Refused(Code.IDEMPOTENCY_MISMATCH, field="request_id")
    return msgspec.json.decode(record.outcome, type=kind)


def remember(command: Repeatable, draft: Draft, outcome: msgspec.Struct) -> None:
    """Keep the outcome in the transaction of the change; nothing where there is no id. Refusals are not remembered."""
    if command.request_id is not None:
        draft.requests.append(RequestRecord(command.request_id, digest(command), _encode(outcome), draft.now))


def remember_as(request_id: str, body: bytes, draft: Draft, outcome: msgspec.Struct) -> None:
    """Keep the outcome of a request with this digest of its body."""
    draft.requests.append(RequestRecord(request_id, body, _encode(outcome), draft.now))


def own_id(kind: str, *parts: object) -> str:
    """An id under which the service itself remembers something: no caller's is like it, theirs start with no space."""
    return f" {kind}/{hashlib.blake2b(_encode(parts), digest_size=20).hexdigest()}"


def digest_of(*parts: object) -> bytes:
    """32 bytes that are equal for equal values."""
    return hashlib.blake2b(_encode(parts), digest_size=32).digest()


def digest(command: Repeatable) -> bytes:
    """32 bytes that are equal for equal bodies: everything but who asked."""
    return hashlib.blake2b(_encode(_body(command)), digest_size=32).digest()


def _body(command: Repeatable) -> tuple[Any, ...]:
    kind = type(command).__name__
    if isinstance(command, SetStock):
        return kind, command.settings, command.reason
    expires_in = command.expires_in if isinstance(command, AmendStock) else None
    return kind, command.order_id, command.lines, expires_in, command.reason
