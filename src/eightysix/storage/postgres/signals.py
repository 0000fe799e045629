"""NOTIFY and LISTEN: which stores other processes have changed.

Both on connections of their own. NOTIFY never stands in a batch's transaction: at its commit PostgreSQL lets one
notifying transaction of all databases pass at a time. Listening goes on after a lost connection; whoever listens is
told that something may have been missed.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import asyncpg
import msgspec

from eightysix.core.key import StoreKey
from eightysix.storage.port import StorageFault
from eightysix.storage.signals import Hear
from eightysix.storage.url import DatabaseUrl

from .fault import CLIENT_ERRORS
from .outbox import told
from .session import open_session
from .steady import Steady

_log = logging.getLogger(__name__)

_CHANNEL = "eightysix_stores"
_TELL = f"SELECT pg_notify('{_CHANNEL}', payload) FROM unnest($1::text[]) AS payload"

PAYLOAD_BYTES = 7_900
"""PostgreSQL takes 7,999."""

_TOGETHER_SECONDS = 0.01
"""How long stores are gathered for one NOTIFY."""

_MOST_WAITING = 50_000
"""Stores kept while the database can't be had; beyond that they are left to those who look for themselves."""

_PAUSES = (0.1, 0.5, 1.0, 2.0)
"""Before each new try to connect, the last one again and again."""


class _Told(msgspec.Struct, frozen=True, array_like=True):
    """Who tells it, and the stores as (brand_id, poi_id)."""

    owner: str
    stores: list[tuple[str, str]]


_decode = msgspec.json.Decoder(_Told).decode
_encode = msgspec.json.Encoder().encode


class PostgresSignals:
    """See `eightysix.storage.signals.Signals`."""

    def __init__(self, target: DatabaseUrl, owner: str, steady: Steady) -> None:
        self._target = target
        self._owner = owner
        self._steady = steady
        self._untold: dict[StoreKey, None] = {}
        self._telling: asyncio.Task[None] | None = None
        self._hearers: list[Hear] = []
        self._listening: asyncio.Task[None] | None = None
        self._closed = False

    def tell(self, stores: Iterable[StoreKey]) -> None:
        if self._closed or len(self._untold) > _MOST_WAITING:
            return
        for store in stores:
            self._untold[store] = None
        if self._untold and (self._telling is None or self._telling.done()):
            self._telling = asyncio.create_task(self._tell(), name="notify")

    def listen(self, hear: Hear) -> Callable[[], None]:
        self._hearers.append(hear)
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen(), name="listen")

        def stop() -> None:
            if hear in self._hearers:
                self._hearers.remove(hear)

        return stop

    async def close(self) -> None:
        """Tell what is still to be told, and listen no more."""
        self._closed = True
        tasks = [task for task in (self._telling, self._listening) if task is not None]
        if self._listening is not None:
            self._listening.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=2.0)

    async def _tell(self) -> None:
        while self._untold:
            await asyncio.sleep(_TOGETHER_SECONDS)
            stores, self._untold = list(self._untold), {}
            payloads = list(_payloads(self._owner, stores))
            try:
                await self._steady.run(lambda connection, sent=payloads: told(connection.execute(_TELL, sent)))  # type: ignore[misc] # bound at once
            except StorageFault as fault:
                _log.warning("other processes were not told of %d changed stores: %r", len(stores), fault)
                return

    async def _listen(self) -> None:
        tries = 0
        while True:
            lost = asyncio.Event()
            try:
                connection = await open_session(self._target, f"eightysix {self._owner} signals")
            except StorageFault as fault:
                _log.warning("signals of other processes can't be heard: %r", fault)
            else:
                tries = 0
                try:
                    connection.add_termination_listener(lambda _, gone=lost: gone.set())
                    await connection.add_listener(_CHANNEL, self._heard)
                    self._tell_hearers([])
                    await lost.wait()
                    _log.warning("the connection that hears signals of other processes was lost")
                except CLIENT_ERRORS as error:
                    _log.warning("signals of other processes can't be heard: %r", error)
                finally:
                    connection.terminate()
            pause = _PAUSES[min(tries, len(_PAUSES) - 1)]
            tries += 1
            await asyncio.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311 - not a secret

    def _heard(self, _connection: asyncpg.Connection, _pid: int, _channel: str, payload: Any) -> None:
        with contextlib.suppress(msgspec.MsgspecError):  # whatever else uses the channel
            signal = _decode(payload)
            if signal.owner != self._owner:
                self._tell_hearers([StoreKey.of(*store) for store in signal.stores])

    def _tell_hearers(self, stores: list[StoreKey]) -> None:
        for hear in tuple(self._hearers):
            hear(stores)


def _payloads(owner: str, stores: Iterable[StoreKey]) -> Iterator[str]:
    """As many as it takes, each short enough."""
    part: list[tuple[str, str]] = []
    empty = size = len(_encode(_Told(owner, [])))
    for _, brand_id, poi_id in stores:
        length = len(_encode((brand_id, poi_id))) + 1
        if part and size + length > PAYLOAD_BYTES:
            yield _encode(_Told(owner, part)).decode()
            part, size = [], empty
        part.append((brand_id, poi_id))
        size += length
    if part:
        yield _encode(_Told(owner, part)).decode()
