"""Remembered requests: verbs whose effect adds up carry a `request_id`, so that a repeat changes nothing."""

import hashlib

import msgspec
from msgspec.structs import replace

from .change import RequestRecord
from .command import AmendStock, ReturnStock
from .draft import Draft
from .outcome import Code, OrderDone, Refused
from .shelf import Shelf

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(OrderDone).decode


def recall(command: ReturnStock | AmendStock, shelf: Shelf) -> OrderDone | Refused | None:
    """The remembered outcome of this request, a mismatch if the id came with another body, None if it is new."""
    record = shelf.requests.get(command.request_id)
    if record is None:
        return None
    if record.digest != digest(command):
        return Refused(Code.IDEMPOTENCY_MISMATCH, field="request_id")
    return replace(_decode(record.outcome), replayed=True)


def remember(command: ReturnStock | AmendStock, draft: Draft, outcome: OrderDone) -> None:
    """Keep the outcome in the transaction of the change. Refusals are not remembered."""
    draft.requests.append(RequestRecord(command.request_id, digest(command), _encode(outcome), draft.now))


def digest(command: ReturnStock | AmendStock) -> bytes:
    """32 bytes that are equal for equal bodies: everything but who asked."""
    body = (
        type(command).__name__,
        command.order_id,
        command.lines,
        command.expires_in if isinstance(command, AmendStock) else None,
        command.reason,
    )
    return hashlib.blake2b(_encode(body), digest_size=32).digest()
