"""What all endpoints of a process share: clocks, states, ledger, how the requests are made, how many at a time."""

import hashlib
import random
import secrets
import ssl
import time
from asyncio import Semaphore
from collections.abc import Awaitable, Callable

import msgspec

from eightysix.catalog.clock import now_ms
from eightysix.catalog.webhook import Webhook
from eightysix.storage.webhook_queue import QueueRow, WebhookKey, WebhookQueue

from .address import Addresses
from .courier import Courier, Timeouts
from .figures import Figures
from .ledger import Ledger
from .state import States

Stop = Callable[[WebhookKey, str, str, str], Awaitable[bool]]
"""(webhook, url, status, reason): pause or disable it, unless it was changed meanwhile."""


class Width(msgspec.Struct, frozen=True, kw_only=True):
    """How many requests run at a time. An endpoint is brisk while its last answer was a good one and came soon; all
    others share a room of their own, so that any number of them keeps none of the brisk ones waiting."""

    brisk: int = 192
    others: int = 64
    brisk_each: int = 4
    others_each: int = 1
    soon_ms: int = 2_000


class Desk(msgspec.Struct, kw_only=True):
    """One process's. `current` is a webhook as it is; `clock` in ms, `chance` a random number from 0 to 1."""

    queue: WebhookQueue
    ledger: Ledger
    states: States
    addresses: Addresses
    figures: Figures
    stop: Stop
    current: Callable[[WebhookKey], Webhook | None]
    timeouts: Timeouts = Timeouts()
    width: Width = Width()
    clock: Callable[[], int] = now_ms
    ticks: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random
    tls: ssl.SSLContext = msgspec.field(default_factory=ssl.create_default_context)
    _rooms: dict[bool, Semaphore] = {}

    def courier(self) -> Courier:
        """The connections of one endpoint."""
        return Courier(self.addresses, self.timeouts, self.width.brisk_each, self.tls)

    def room(self, *, brisk: bool) -> Semaphore:
        """Where a request waits for its turn."""
        room = self._rooms.get(brisk)
        if room is None:
            room = self._rooms[brisk] = Semaphore(self.width.brisk if brisk else self.width.others)
        return room


def message_id(row: QueueRow) -> str:
    """What names an event: the same one however often it is sent, another one for another state or a replay."""
    named = msgspec.json.encode((row.webhook, row.subject, row.rank))
    return f"msg_{hashlib.sha256(named).hexdigest()[:40]}"


def fresh_id(prefix: str) -> str:
    """An id that nothing else has."""
    return prefix + secrets.token_hex(12)
