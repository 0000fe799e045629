"""The hub's ear: a stream that may be dead without a word is opened anew."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from eightysix.client import Ready
from eightysix.core.key import StockKey
from eightysix.hub.listener import Listener


class Silent:
    """A client whose streams say that they are there, and then nothing."""

    def __init__(self) -> None:
        self.opened = 0
        self.closed = 0

    async def iterate(self, course: Any) -> AsyncIterator[Any]:
        self.opened += 1
        try:
            yield Ready("7")
            await asyncio.Event().wait()
        finally:
            self.closed += 1


class Ear:
    """Counts the streams that were there."""

    def __init__(self) -> None:
        self.streams = 0
        self.news = asyncio.Event()

    def heard(self, state: Any, prev: str, cursor: str) -> None: ...

    def recalled(self, key: StockKey, quantity: int) -> None: ...

    def connected(self) -> None:
        self.streams += 1
        self.news.set()

    def missed(self, *, store: bool = False) -> None: ...


async def test_another_stream_is_opened_at_once() -> None:
    client, ear = Silent(), Ear()
    listener = Listener(client, ("wok", "soho"), "h1", ear)  # type: ignore[arg-type]
    listener.begin_again()  # before there is any
    running = asyncio.create_task(listener.run())
    try:
        for streams in (1, 2, 3):
            await asyncio.wait_for(ear.news.wait(), 5)
            assert (client.opened, client.closed, ear.streams) == (streams, streams - 1, streams)
            ear.news.clear()
            listener.begin_again()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert client.opened == client.closed
