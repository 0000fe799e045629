"""The cloud's stream at the hub: what it tells goes to the driver, a row at once, all else as a hint to look."""

import asyncio
import logging
from contextlib import aclosing
from decimal import Decimal
from typing import Protocol

from eightysix.client import AsyncClient, ClientError, News, Pace, Ready, Recalled, Told
from eightysix.client.following import Following
from eightysix.client.series import Series
from eightysix.core.key import StockKey
from eightysix.core.quantity import thousandths
from eightysix.wire.cursor import cursor_text, read_cursor
from eightysix.wire.grant import GrantRecall
from eightysix.wire.message import StockState, StoreMessage
from eightysix.wire.problem import Rejection

_log = logging.getLogger(__name__)

PACE = Pace(open_seconds=3.0, longest_pause_seconds=1.0)
"""A store that is connected again wants to be in step within a few seconds."""

_REFUSED_SECONDS = 30.0
_AGAIN_SECONDS = 1.0


class Hearing(Protocol):
    """Who is told."""

    def heard(self, state: StockState, prev: str, cursor: str) -> None:
        """A row, and how the stream goes on."""
        ...

    def recalled(self, key: StockKey, quantity: int) -> None:
        """Online orders go short of a stock."""
        ...

    def connected(self) -> None:
        """The stream is there: so is the line."""
        ...

    def missed(self, *, store: bool = False) -> None:
        """Something has changed that the stream doesn't hold, of the store itself with `store`."""
        ...


class Listener:
    """Follows the hub's store in the cloud, for as long as it runs."""

    def __init__(self, client: AsyncClient, place: tuple[str, str], hub_id: str, hearing: Hearing) -> None:
        self._client = client
        self._place = place
        self._hub_id = hub_id
        self._hearing = hearing
        self._listening: asyncio.Task[None] | None = None

    def begin_again(self) -> None:
        """The line was gone, so what is listened to may be dead without a word: open another stream at once."""
        if self._listening is not None:
            self._listening.cancel()

    async def run(self) -> None:
        """Never ends by itself."""
        try:
            while True:
                self._listening = asyncio.create_task(self._listen())
                await asyncio.wait((self._listening,))
        finally:
            if self._listening is not None:
                self._listening.cancel()
                await asyncio.gather(self._listening, return_exceptions=True)

    async def _listen(self) -> None:
        """Until it is cancelled: a refusal, which only a person can mend, is looked at again after a while."""
        course: Series[News] = Series(lambda setup: Following(setup, self._place, None, PACE, self._hub_id).steps())
        while True:
            try:
                async with aclosing(self._client.iterate(course)) as news:  # type: ignore[type-var]
                    async for each in news:
                        self._tell(each)
            except ClientError as error:
                _log.warning("the cloud's stream is refused: %s", error)
                await asyncio.sleep(_REFUSED_SECONDS)
            except Exception:  # noqa: BLE001 - were this loop to end, the hub would hear of changes only by looking
                _log.exception("the cloud's stream can't be followed")
                await asyncio.sleep(_AGAIN_SECONDS)

    def _tell(self, news: News) -> None:
        hearing = self._hearing
        if isinstance(news, Told):
            for state in news.stocks:
                hearing.heard(state, _before(news), news.cursor)
            if isinstance(news.message, StoreMessage):
                hearing.missed(store=True)
        elif isinstance(news, Recalled):
            hearing.recalled(_key(news.recall), thousandths(Decimal(news.recall.wanted)))
        elif isinstance(news, Ready):
            hearing.connected()
        else:
            hearing.missed()


def _before(told: Told) -> str:
    """The cursor up to which everything must be known for this message to follow on it."""
    try:
        cursor = read_cursor(told.cursor, "cursor")
    except Rejection:
        return ""
    return cursor_text(type(cursor)(cursor.generation, told.message.prev_seq, cursor.origin))


def _key(recall: GrantRecall) -> StockKey:
    return StockKey(recall.object_type, recall.object_id)
