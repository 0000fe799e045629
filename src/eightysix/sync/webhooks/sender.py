"""Every endpoint of the ranges that this process holds: made, woken, and let go as webhooks and leases change.

New rows come from this process's intake at once; what other processes have queued is found by looking.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

import msgspec

from eightysix.catalog.snapshot import Snapshot
from eightysix.catalog.webhook import Webhook
from eightysix.storage.lease import RANGES
from eightysix.storage.port import StorageFault
from eightysix.storage.webhook_queue import QueueRow, WebhookKey
from eightysix.sync.lease import Leases

from .desk import Desk
from .endpoint import Endpoint

_log = logging.getLogger(__name__)

WEBHOOKS_MOST = 1_000
"""Webhooks that one look asks for."""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """In seconds: how often what is due is woken, and the database looked at; how long connections may be idle; how
    long a stop waits for what is on its way."""

    tick: float = 0.2
    look: float = 1.0
    idle: float = 30.0
    stop: float = 3.0


class Sender:
    """The endpoints of one process. `source` gives the catalogue of the moment."""

    def __init__(self, desk: Desk, source: Callable[[], Snapshot], leases: Leases, pace: Pace | None = None) -> None:
        self._desk = desk
        self._source = source
        self._leases = leases
        self._pace = pace or Pace()
        self._endpoints: dict[WebhookKey, Endpoint] = {}
        self._seen: tuple[Snapshot, frozenset[int]] | None = None
        self._running: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def endpoints(self) -> int:
        """How many this process tells."""
        return len(self._endpoints)

    def start(self) -> None:
        """Begin to send until `stop`."""
        self._running = asyncio.create_task(self._run(), name="webhooks")

    async def stop(self) -> None:
        """Send no more. What is cut off in the middle is sent again by whoever comes next."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
        for endpoint in self._endpoints.values():
            self._let_go(endpoint)
        self._endpoints.clear()
        await asyncio.gather(*self._leaving)

    def offer(self, rows: Sequence[QueueRow]) -> None:
        """Rows that were just queued; those of others' ranges are theirs to find."""
        for row in rows:
            endpoint = self._endpoints.get(row.webhook)
            if endpoint is not None and not endpoint.is_closed:
                endpoint.offer(row)

    async def look(self) -> None:
        """Follow the catalogue and the leases, then look for rows that nobody told of."""
        await self._follow()
        idle = [key for key, endpoint in self._endpoints.items() if endpoint.is_idle]
        for start in range(0, len(idle), WEBHOOKS_MOST):
            some = idle[start : start + WEBHOOKS_MOST]
            waiting = set(await self._desk.queue.waiting(some))
            for key in some:
                if (endpoint := self._endpoints.get(key)) is not None:
                    (endpoint.look if key in waiting else endpoint.find_nothing)()

    def wake_due(self) -> None:
        """Wake those that something has become due for."""
        now = self._desk.clock()
        for endpoint in self._endpoints.values():
            if endpoint.due_at is not None and endpoint.due_at <= now:
                endpoint.look()
        self._desk.figures.endpoints_failing = sum(each.is_failing for each in self._endpoints.values())

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        look_at = loop.time()
        while True:
            try:
                if await self._follow() or loop.time() >= look_at:
                    look_at = loop.time() + self._pace.look
                    await self.look()
                    await self._rest()
                self.wake_due()
            except StorageFault as fault:
                _log.warning("webhooks: the queues can't be looked at: %s", fault)
            except Exception:  # noqa: BLE001 - a bug must not end the sender
                _log.exception("webhooks: the sender stumbled")
            await asyncio.sleep(self._pace.tick)

    async def _follow(self) -> bool:
        """Whether there are endpoints that were not there before."""
        snapshot, held = self._source(), self._leases.held
        if self._seen == (snapshot, held) and not any(each.is_closed for each in self._endpoints.values()):
            return False
        wanted = {each.key: each for each in _active(snapshot.every_webhook()) if each.key.bucket % RANGES in held}
        any_new = False
        for key, endpoint in list(self._endpoints.items()):
            if key not in wanted or endpoint.is_closed:
                del self._endpoints[key]
                self._let_go(endpoint)
        for key, webhook in wanted.items():
            known = self._endpoints.get(key)
            if known is None:
                any_new = True
                self._endpoints[key] = Endpoint(webhook, self._desk)
            elif known.webhook is not webhook:
                await known.renew(webhook)
        self._seen = (snapshot, held)
        return any_new

    def _let_go(self, endpoint: Endpoint) -> None:
        """What is on its way may come to its end: cut off, it would be told twice."""
        task = asyncio.create_task(endpoint.close(self._pace.stop))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _rest(self) -> None:
        for endpoint in list(self._endpoints.values()):
            await endpoint.rest(self._pace.idle)


def _active(webhooks: Iterable[Webhook]) -> Iterable[Webhook]:
    return (webhook for webhook in webhooks if webhook.status == "active")
