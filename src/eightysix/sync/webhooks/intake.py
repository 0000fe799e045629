"""From the messages of the bus to the queues: which webhooks are told, durable before a message counts as handled."""

import asyncio
import logging
import random
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from eightysix.catalog.webhook import Webhook
from eightysix.core.instant import from_iso
from eightysix.core.key import WHOLE_STORE, StockKey, incident_key
from eightysix.storage.port import StorageFault
from eightysix.storage.webhook_queue import QueueRow, Subject, WebhookKey, WebhookQueue
from eightysix.sync.bus import BusMessage, MessageRefused
from eightysix.wire.message import Message, StockMessage, brand_of, decode_message
from eightysix.wire.webhook_event import alerts_of, incident_of

from .figures import Figures
from .gathering import Gathering
from .state import CatalogueSource, States

_log = logging.getLogger(__name__)

CONSUMERS = "webhooks"
"""Who shares the topic's messages: every process that takes them in."""

ROWS_MOST = 1_000
"""Rows in one write."""

TRIES = 3
_PAUSE_SECONDS = 0.2

_REVISIONS = 2**62


class Intake:
    """Queues what the webhooks want, then hands the rows to `offer`."""

    def __init__(
        self,
        queue: WebhookQueue,
        source: CatalogueSource,
        states: States,
        offer: Callable[[Sequence[QueueRow]], None],
        figures: Figures,
    ) -> None:
        self._queue = queue
        self._source = source
        self._states = states
        self._offer = offer
        self._figures = figures
        self._matches = Matches()
        self._writing = Gathering(self._write, ROWS_MOST)

    async def handle(self, messages: Sequence[BusMessage]) -> None:
        """Take these in. Raises StorageFault, and then they come again, or MessageRefused where that won't help."""
        try:
            webhooks = self._source.current.webhooks(brand_of(messages[0].group))  # all are of one store
        except ValueError:  # no program of ours wrote them, as below
            _log.exception("messages of %s can't be read, webhooks are not told of them", messages[0].topic)
            return
        if not webhooks:
            return
        rows: list[QueueRow] = []
        for each in messages:
            try:
                message = decode_message(each.body)
            except msgspec.MsgspecError:  # no program of ours wrote it, and it won't read better next time
                _log.exception("a message of %s can't be read, webhooks are not told of it", each.topic)
                continue
            self._states.heard(message)
            rows += rows_of(message, self._matches.of(message.brand_id, message.poi_id, webhooks))
        await self.add(rows)

    async def add(self, rows: Sequence[QueueRow]) -> None:
        """Queue these rows, which are then durable, and have them sent. Raises StorageFault."""
        for start in range(0, len(rows), ROWS_MOST):
            await self._writing.add(rows[start : start + ROWS_MOST])

    async def close(self) -> None:
        await self._writing.close()

    async def _write(self, rows: list[QueueRow]) -> None:
        newest = newest_of(rows)
        for tried in range(1, TRIES + 1):
            try:
                await self._queue.put(newest)
                break
            except StorageFault as fault:
                if not fault.retryable:
                    raise MessageRefused(f"its rows can't be queued: {fault}") from fault
                if tried == TRIES:
                    raise
                await asyncio.sleep(_PAUSE_SECONDS)
        self._figures.queued += len(newest)
        self._offer(newest)


class Matches:
    """Which webhooks are about which store, remembered for as long as a brand's webhooks stay as they are."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[Mapping[str, Webhook], dict[str, list[Webhook]]]] = {}

    def of(self, brand_id: str, poi_id: str, webhooks: Mapping[str, Webhook]) -> list[Webhook]:
        """Those of the brand's `webhooks` that are told of the store. A paused one goes on being queued for."""
        known = self._found.get(brand_id)
        if known is None or known[0] is not webhooks:
            known = self._found[brand_id] = (webhooks, {})
        found = known[1].get(poi_id)
        if found is None:
            found = known[1][poi_id] = [
                each for each in webhooks.values() if each.status != "disabled" and each.is_about(poi_id)
            ]
        return found


def rows_of(message: Message, webhooks: Sequence[Webhook]) -> Iterator[QueueRow]:
    """What webhooks that are about its store want of a message."""
    if not webhooks:
        return
    committed_at = from_iso(message.committed_at)
    for webhook in webhooks:
        for event, key in _events(message, webhook.channel_code):
            if event in webhook.events:
                yield queue_row(webhook.key, Subject(message.poi_id, event, *key), message.seq, committed_at)


def queue_row(webhook: WebhookKey, subject: Subject, seq: int, committed_at: int) -> QueueRow:
    """A row to be sent at once."""
    revision = random.randrange(1, _REVISIONS)  # noqa: S311 - only unlike others
    return QueueRow(webhook, subject, seq, committed_at, 0, 0, revision)


def newest_of(rows: Sequence[QueueRow]) -> list[QueueRow]:
    """Of each subject the newest."""
    newest: dict[tuple[WebhookKey, Subject], QueueRow] = {}
    for row in rows:
        known = newest.get((row.webhook, row.subject))
        if known is None or row.rank > known.rank:
            newest[row.webhook, row.subject] = row
    return [*newest.values()]


def _events(message: Message, channel_code: str | None) -> Iterator[tuple[str, StockKey]]:
    if not isinstance(message, StockMessage):
        yield "store.changed", WHOLE_STORE
        return
    key = StockKey(message.data.object_type, message.data.object_id)
    yield "stock.changed", key
    if alerts_of(message, channel_code):
        yield "stock.low", key
    if (told := incident_of(message, channel_code)) is not None:
        event, seq = told
        yield event, incident_key(seq)
