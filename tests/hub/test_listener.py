"""The cloud's stream at the hub: what each piece of news makes of it; one that may be dead is opened anew."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from eightysix.client import Ready, Recalled, Told
from eightysix.core.key import StockKey, sku_key
from eightysix.hub.listener import Listener
from eightysix.wire.cursor import Cursor, cursor_text
from eightysix.wire.grant import GrantRecall
from eightysix.wire.message import StoreMessage, StoreState


class Notes:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def heard(self, state: Any, prev: str, cursor: str) -> None:
        self.told.append(("heard", prev, cursor))

    def recalled(self, key: StockKey, quantity: int) -> None:
        self.told.append(("recalled", key, quantity))

    def connected(self) -> None:
        self.told.append("connected")

    def missed(self, *, store: bool = False) -> None:
        self.told.append(("missed", store))


def tell(*news: Any) -> list[Any]:
    notes = Notes()
    listener = Listener(None, ("wok", "soho"), "h1", notes)  # type: ignore[arg-type]
    for each in news:
        listener._tell(each)
    return notes.told


def test_a_recall_comes_in_thousandths() -> None:
    """Whole portions come as whole numbers."""
    assert tell(Recalled(None, GrantRecall("wok", "soho", 2, 7, 3))) == [("recalled", sku_key(7), 3_000)]


def test_the_stream_is_there() -> None:
    assert tell(Ready("c")) == ["connected"]


def test_a_store_that_opens_or_closes_has_its_copy_fetched() -> None:
    state = StoreState(open=True, brand_open=True, store_open=True, time_zone="UTC", deleted=False)
    told = StoreMessage(brand_id="wok", poi_id="soho", seq=4, prev_seq=3, committed_at="", data=state)
    assert tell(Told(cursor_text(Cursor(1, 4)), told)) == [("missed", True)]


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
