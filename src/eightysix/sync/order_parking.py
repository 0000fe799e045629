"""Events that can't be processed and answers that can't be published: put aside with the reason."""

import hashlib
import logging
from collections import Counter
from collections.abc import Collection, Sequence

import msgspec

from eightysix.core.key import StoreKey
from eightysix.storage.message_parked import ParkedKey, ParkedMessage, ParkedMessageTable
from eightysix.wire.order_event import ANSWERS_TOPIC, EVENTS_TOPIC, MAX_EVENT_BYTES, named_in
from eightysix.wire.parked_event import ParkedReason

_log = logging.getLogger(__name__)

_encode = msgspec.json.Encoder(enc_hook=str).encode


def event_key(store: StoreKey, event_id: str, digest: bytes) -> ParkedKey:
    """What names a readable event among the parked ones; another event with the same id is another one."""
    return ParkedKey(store.bucket, EVENTS_TOPIC, f"{event_id}/{digest.hex()[:16]}")


def answer_key(store: StoreKey, event_id: str, digest: bytes) -> ParkedKey:
    """What names the answer to an event among the parked ones."""
    return event_key(store, event_id, digest)._replace(topic=ANSWERS_TOPIC)


def unreadable(body: bytes, reason: ParkedReason) -> ParkedMessage:
    """The parked message of a body that is no event. What isn't text is shown escaped, and a giant is cut."""
    event_id, store = named_in(body)
    digest = hashlib.blake2b(body, digest_size=16).digest()
    shown = body[:MAX_EVENT_BYTES].decode("utf-8", "backslashreplace").replace("\0", "\\x00")
    message_id = f"{event_id or ''}/{digest.hex()}"
    key = ParkedKey(0 if store is None else store.bucket, EVENTS_TOPIC, message_id)
    return ParkedMessage(key=key, store=store, body=shown, reason=reason_text(reason))


def reason_text(reason: ParkedReason) -> str:
    """The reason as it is kept."""
    return _encode(reason).decode()


class Parking:
    """Where they are put; counts them by the reason's code."""

    def __init__(self, table: ParkedMessageTable) -> None:
        self._table = table
        self.parked: Counter[str] = Counter()

    async def put(self, message: ParkedMessage, reason: ParkedReason) -> ParkedKey:
        """Keep the message."""
        await self._table.park([message])
        self.parked[reason.code] += 1
        _log.warning("parked %s of %s: %s", message.key.message_id, message.key.topic, message.reason)
        return message.key

    async def put_body(self, key: ParkedKey, store: StoreKey, body: str, reason: ParkedReason) -> ParkedKey:
        """Keep a message whose store is known."""
        return await self.put(ParkedMessage(key=key, store=store, body=body, reason=reason_text(reason)), reason)

    async def drop(self, keys: Collection[ParkedKey]) -> None:
        """These were processed after all."""
        for bucket in {key.bucket for key in keys}:
            await self._table.unpark([key for key in keys if key.bucket == bucket])

    async def get(self, key: ParkedKey) -> ParkedMessage | None:
        """The message, if it is still parked."""
        found = await self._table.parked([key])
        return found[0] if found else None

    async def page(self, after: ParkedKey | None, store: StoreKey | None, limit: int) -> Sequence[ParkedMessage]:
        """Parked messages, of one store or all, by key."""
        return await self._table.page(after, store, limit)
